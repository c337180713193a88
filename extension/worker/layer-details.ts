import { operandUse, roleFor } from '../budget/roles';
import type { Attribute, Node, Tensor } from '../model/model';
import type { ModelBytes } from '../onnx/tensor-data';
import type { InferredValue } from '../shapes/model-shapes';
import type { AnalysedModel } from './analyse';
import type { LayerDetails } from './analysis';
import { summarizeValue } from './value-summary';
import { isMeasurable, weightStatistics } from './weight-statistics';

/**
 * Attributes, operands and weight statistics of the node at `index` in the file. Streams the elements of one tensor; throws
 * RangeError when there is no such node.
 */
export async function describeLayer(
  { model, shapes }: AnalysedModel,
  bytes: ModelBytes,
  index: number,
): Promise<LayerDetails> {
  const node = model.graph.nodes[index];
  if (!node) throw new RangeError(`the model has no node ${index}`);
  const { values } = shapes.graph;
  const describe = (name: string) => {
    const value = values.get(name);
    return { ...summarizeValue(name, value, shapes.sizeInTotals), origin: originText(value) };
  };
  const given = (names: readonly string[]) => names.filter((name) => name !== '');
  const weight = largestWeight(node, constantsByName(model.graph.nodes, model.graph.constants, node));
  const statistics = weight && (await weightStatistics(weight.tensor, bytes));
  return {
    index,
    inputs: given(node.inputs).map((name) => ({ ...describe(name), constant: values.get(name)?.constant ?? false })),
    outputs: given(node.outputs).map(describe),
    attributes: [...node.attributes].map(([name, attribute]) => ({ name, text: attributeText(attribute) })),
    ...(weight && { weights: statistics && { ...statistics, name: weight.name } }),
  };
}

function originText(value: InferredValue | undefined): string {
  return value?.reason ?? value?.origin ?? 'unknown';
}

/** The operands of a node that are constants: initializers, and tensors of Constant nodes. */
function constantsByName(
  nodes: readonly Node[],
  initializers: ReadonlyMap<string, Tensor>,
  node: Node,
): ReadonlyMap<string, Tensor> {
  const wanted = new Set(node.inputs);
  const found = new Map<string, Tensor>();
  for (const name of wanted) {
    const tensor = initializers.get(name);
    if (tensor) found.set(name, tensor);
  }
  for (const { opType, domain, outputs, attributes } of nodes) {
    const [name] = outputs;
    if (opType !== 'Constant' || domain !== 'ai.onnx' || name === undefined || !wanted.has(name)) continue;
    const value = attributes.get('value');
    if (value?.kind === 'tensor') found.set(name, value.value);
  }
  return found;
}

/** With the name that the node knows it by, which for the output of a Constant node is not its own. */
function largestWeight(
  node: Node,
  constants: ReadonlyMap<string, Tensor>,
): { readonly name: string; readonly tensor: Tensor } | undefined {
  let largest: { name: string; tensor: Tensor } | undefined;
  node.inputs.forEach((name, position) => {
    const tensor = constants.get(name);
    if (!tensor || !isMeasurable(tensor) || roleFor(operandUse(node.opType, position), tensor.dataType) !== 'data')
      return;
    if (tensor.elementCount > (largest?.tensor.elementCount ?? 0)) largest = { name, tensor };
  });
  return largest;
}

/** How many elements or characters of an attribute are shown. */
const shownElements = 32;
const shownCharacters = 200;

function attributeText(attribute: Attribute): string {
  switch (attribute.kind) {
    case 'float':
      return floatText(attribute.value);
    case 'int':
      return String(attribute.value);
    case 'string':
      return stringText(attribute.value);
    case 'floats':
      return listText(attribute.value, floatText);
    case 'ints':
      return listText(attribute.value, String);
    case 'strings':
      return listText(attribute.value, stringText);
    case 'tensor':
    case 'sparse-tensor':
      return tensorText(attribute.value);
    case 'tensors':
    case 'sparse-tensors':
      return listText(attribute.value, tensorText);
    case 'graph':
      return `graph of ${attribute.value.nodes.length} nodes`;
    case 'graphs':
      return listText(attribute.value, (graph) => `graph of ${graph.nodes.length} nodes`);
    case 'type':
      return attribute.value?.kind ?? 'unknown type';
    case 'types':
      return listText(attribute.value, (type) => type?.kind ?? 'unknown type');
    case 'reference':
      return `the function's attribute ${attribute.name}`;
    case 'unknown':
      return `attribute type ${attribute.typeCode}, which is not known`;
  }
}

/** A float32 without the digits that only its conversion to float64 adds. */
function floatText(value: number): string {
  return String(Number(value.toPrecision(7)));
}

function stringText(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, shownCharacters * 4));
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
}

function listText<Item>(items: readonly Item[], text: (item: Item) => string): string {
  const shown = items.slice(0, shownElements).map((item) => text(item));
  return items.length > shownElements ? `${shown.join(', ')}, … (${items.length} in all)` : shown.join(', ');
}

function tensorText({ dataType, dims, elementCount }: Tensor): string {
  return `${dataType ?? 'unknown type'} [${dims.join(', ')}], ${elementCount} elements`;
}
