import type { Model, Node, Tensor } from '../../model/model';
import { addedBytes, type ModelEdits } from '../../onnx/edit';
import type { ModelBytes } from '../../onnx/tensor-data';
import { irReport } from '../ir-report';
import { layerName } from '../layer-schemes';
import { type ConvertedTensor, type PassReport, QuantizationRefused, type QuantizationSource } from '../plan';
import { UniqueNames } from '../unique-names';
import { collectScopes, type Scope, weightRole } from '../weight-uses';
import { type ChosenWeight, constantNode, graphEdits, removedInputs } from './weight-edits';
import type { WeightScheme } from './weight-form';

const microsoft = 'com.microsoft';
/** From this IR version on, an initializer needs no graph input, and one that has it can be overridden by the caller. */
const overridableIr = 4;

/** What a scheme does to a model. */
export interface SchemePlan {
  readonly edits: ModelEdits;
  readonly converted: readonly ConvertedTensor[];
  readonly left: readonly LeftWeight[];
  readonly passes: readonly PassReport[];
}

/** A weight that stays as it is; `reason` is one sentence. */
export interface LeftWeight {
  readonly name: string;
  readonly reason: string;
}

/** Schemes of layers by name (see `layerName`); undefined: the weights stay as they are. */
export type LayerWeights = ReadonlyMap<string, WeightScheme | undefined>;

/**
 * Stores float weights in the form of a scheme behind nodes whose output has the weight's old name, so that no user changes. Weights are
 * constants that only serve as weight operands of Conv (output channels along axis 0), ConvTranspose (1; none when group > 1), Gemm and
 * MatMul (the axis that is not summed over), Gather (0), LSTM, GRU and RNN (1). Which ones and how many bytes follows from graph and
 * sizes, never from values.
 * `layers`: nodes whose weights take another scheme, or (undefined) stay as they are. Throws QuantizationRefused below the opset of a scheme, where nodes
 * that share a weight want it differently, and for a layer that has no weights.
 */
export async function planWeights(
  source: QuantizationSource,
  scheme: WeightScheme,
  excludedNodes: readonly string[] = [],
  layers: LayerWeights = new Map(),
): Promise<SchemePlan> {
  const { model } = source;
  const scopes = collectScopes(model);
  const names = new UniqueNames(model);
  const chosen: ChosenWeight[] = [];
  const left: LeftWeight[] = [];
  const excluded = new Set(excludedNodes);
  const found = new Set<string>();
  for (const candidate of candidates(model, scopes)) {
    const own = layers.size > 0 ? schemeFor(candidate, scheme, layers, found) : scheme;
    const choice =
      !own || isUsedBy(candidate, excluded)
        ? { reason: 'It belongs to a node that was left out.' }
        : await choose(candidate, model, source.bytes, names, own);
    if ('reason' in choice) left.push({ name: candidate.name, reason: choice.reason });
    else chosen.push(choice);
  }
  assertLayersAreThere(layers, found, model);
  const version = model.opsets.get('ai.onnx') ?? 1;
  const early = chosen.find(({ scope, scheme }) => scope.functionIndex === undefined && version < scheme.opset)?.scheme;
  if (early) {
    throw new QuantizationRefused(
      `${early.id} needs opset ${early.opset}, and ${model.source.fileName} has ${version}; upgrade the model first.`,
    );
  }
  const sorted: string[] = [];
  const graphs = graphEdits(model, scopes, chosen, sorted);
  const raisesIr = chosen.length > 0 && (model.irVersion ?? overridableIr) < overridableIr;
  const needsMicrosoft = chosen.some(({ form }) => form.nodes.some((node) => node.domain === microsoft));
  const opsets = needsMicrosoft && !model.opsets.has(microsoft) ? new Map([[microsoft, 1]]) : undefined;
  return {
    edits: { ...graphs, ...(raisesIr && { irVersion: overridableIr }), ...(opsets && { opsets }) },
    converted: chosen.map((weight) => weight.converted),
    left,
    passes: reports(model, { chosen, sorted, raisesIr, removed: removedInputs(model, graphs) }),
  };
}

/** True when some weight would change, at whatever opset the model has. */
export async function hasWeightsFor(source: QuantizationSource, scheme: WeightScheme): Promise<boolean> {
  const names = new UniqueNames(source.model);
  for (const candidate of candidates(source.model, collectScopes(source.model))) {
    if (!('reason' in (await choose(candidate, source.model, source.bytes, names, scheme)))) return true;
  }
  return false;
}

/** A constant that some operator takes as its weight, or that has the form of a weight and goes elsewhere (no axes). */
interface Candidate {
  readonly scope: Scope;
  readonly name: string;
  readonly tensor: Tensor;
  readonly constant: Node | undefined;
  readonly axes: ReadonlySet<number | 'tensor'>;
  readonly otherUse: string | undefined;
}

function* candidates(model: Model, scopes: readonly Scope[]): Generator<Candidate> {
  for (const scope of scopes) {
    for (const { name, tensor, constant } of constantsOf(scope)) {
      if (tensor.dataType === undefined || !floatTypes.has(tensor.dataType) || tensor.elementCount === 0) continue;
      const { axes, otherUse } = weightRole(scopes, model, scope, name, tensor.dims.length);
      const isCandidate = axes.size > 0 || (otherUse !== undefined && scope.uses.has(name) && isMatrix(tensor));
      if (isCandidate) yield { scope, name, tensor, constant, axes, otherUse };
    }
  }
}

/** True with two dimensions above 1, which scales and biases do not have. */
function isMatrix({ dims }: Tensor): boolean {
  return dims.filter((dim) => dim > 1).length > 1;
}

const floatTypes: ReadonlySet<string> = new Set(['FLOAT', 'DOUBLE', 'FLOAT16', 'BFLOAT16']);

function* constantsOf(scope: Scope): Generator<{ name: string; tensor: Tensor; constant: Node | undefined }> {
  for (const [name, tensor] of scope.graph.constants) yield { name, tensor, constant: undefined };
  for (const node of scope.graph.nodes) {
    if (node.opType !== 'Constant' || node.domain !== 'ai.onnx') continue;
    const value = node.attributes.get('value');
    const [name] = node.outputs;
    if (value?.kind === 'tensor' && name !== undefined) yield { name, tensor: value.value, constant: node };
  }
}

function isUsedBy(candidate: Candidate, nodes: ReadonlySet<string>): boolean {
  return nodes.size > 0 && usersOf(candidate).some((name) => nodes.has(name));
}

/** Names of the nodes that take a weight. */
function usersOf({ scope, name }: Candidate): readonly string[] {
  return (scope.uses.get(name) ?? []).flatMap(({ node }) => (node ? [layerName(node)] : []));
}

/** What the nodes that take a weight want it to be; undefined: as it is. Notes the layers it meets in `found`. */
function schemeFor(
  candidate: Candidate,
  scheme: WeightScheme,
  layers: LayerWeights,
  found: Set<string>,
): WeightScheme | undefined {
  const users = usersOf(candidate);
  const wanted = users.map((user) => (layers.has(user) ? layers.get(user) : scheme));
  for (const user of users) found.add(user);
  const different = wanted.findIndex((each) => each?.id !== wanted[0]?.id);
  if (different > 0 && candidate.axes.size > 0) {
    throw new QuantizationRefused(
      `${users[0]} and ${users[different]} share the weight ${candidate.name}; give both the same scheme.`,
    );
  }
  return wanted.length === 0 ? scheme : wanted[0];
}

function assertLayersAreThere(layers: LayerWeights, found: ReadonlySet<string>, { source }: Model): void {
  for (const [name, scheme] of layers) {
    if (scheme && !found.has(name)) {
      throw new QuantizationRefused(
        `${source.fileName} has no layer ${name} with float weights once it is prepared, which could be ${scheme.id}.`,
      );
    }
  }
}

async function choose(
  candidate: Candidate,
  model: Model,
  bytes: ModelBytes,
  names: UniqueNames,
  scheme: WeightScheme,
): Promise<ChosenWeight | { readonly reason: string }> {
  const reason = reasonToLeave(candidate, model, scheme);
  if (reason !== undefined) return { reason };
  const { scope, name, tensor, constant } = candidate;
  const [first] = candidate.axes;
  const axis = candidate.axes.size === 1 && typeof first === 'number' ? first : undefined;
  const newNames = new Set<string>();
  const form = scheme.form({
    name,
    tensor,
    bytes,
    axis,
    opset: opsetOf(scope, model),
    inMainModel: scope.functionIndex === undefined,
    inConstantNode: constant !== undefined,
    named(suffix) {
      const free = names.free(`${name}${suffix}`);
      newNames.add(free);
      return free;
    },
  });
  if ('reason' in form) return form;
  const { replacement, added } = form;
  const before = await addedBytes([], [{ ...replacement, name, dataType: 'FLOAT', byteLength: tensor.byteLength }]);
  const after = constant
    ? await addedBytes([...added.map(constantNode), ...form.nodes], [replacement])
    : await addedBytes(form.nodes, [replacement, ...added]);
  if (after >= before && form.nodes.length > 0) {
    return {
      reason: `As ${scheme.stored} it would take ${after} bytes in the file, and it takes ${before} as it is.`,
    };
  }
  names.take(...newNames);
  const converted: ConvertedTensor = {
    name,
    elements: tensor.elementCount,
    bytesBefore: tensor.byteLength,
    bytesAfter: added.reduce((sum, each) => sum + each.byteLength, replacement.byteLength),
    ...(form.packedBytes !== undefined && { packedBytes: form.packedBytes }),
    ...(form.measuredByWriting && { measuredByWriting: true }),
    measure: (signal) => form.measure(signal),
  };
  return { scope, name, tensor, constant, scheme, form, converted };
}

function opsetOf({ functionIndex }: Scope, model: Model): number {
  const opsets = functionIndex === undefined ? model.opsets : model.functions[functionIndex]?.opsets;
  return opsets?.get('ai.onnx') ?? 1;
}

function reasonToLeave(
  { scope, name, tensor, axes, otherUse }: Candidate,
  model: Model,
  scheme: WeightScheme,
): string | undefined {
  if (tensor.dataType !== 'FLOAT') return `Its type is ${tensor.dataType}; ${scheme.id} converts FLOAT only.`;
  if (tensor.sparse) return 'It is stored as a sparse tensor.';
  if (tensor.location.kind === 'missing') return tensor.location.reason;
  if (axes.size === 0) return `It is taken by ${otherUse}, no weight operand that ${scheme.id} knows.`;
  if (otherUse !== undefined) return `It is also used by ${otherUse}, which takes it as float.`;
  if ((model.irVersion ?? 1) >= overridableIr && scope.graph.inputs.some((input) => input.name === name)) {
    return 'It is also a graph input, so whoever runs the model can replace it.';
  }
  if (!scope.editable) return 'It stands in an attribute that holds several graphs.';
  if (scope.functionIndex === undefined) return undefined;
  const version = opsetOf(scope, model);
  if (version < scheme.opset) {
    return `The function it stands in has opset ${version}; ${scheme.stored.split(' ')[0]} needs ${scheme.opset}.`;
  }
  return undefined;
}

function reports(
  model: Model,
  done: {
    readonly chosen: readonly ChosenWeight[];
    readonly sorted: readonly string[];
    readonly raisesIr: boolean;
    readonly removed: readonly string[];
  },
): PassReport[] {
  const { chosen, sorted, raisesIr, removed } = done;
  const passes: PassReport[] = [];
  if (sorted.length > 0) {
    const changes = sorted.toReversed().map((graph) => `The nodes of ${graph} were put in topological order.`);
    passes.push({ pass: 'topological order', changes });
  }
  const changes = new Map<string, string[]>();
  for (const { name, tensor, scheme, form, converted } of chosen) {
    const { bytesBefore, bytesAfter, packedBytes } = converted;
    const packed = packedBytes === undefined ? '' : `; packed they would take ${packedBytes}`;
    const sentence = `${name} (FLOAT [${tensor.dims.join(', ')}], ${bytesBefore} bytes) became ${form.description}, ${bytesAfter} bytes${packed}.`;
    const others = changes.get(scheme.id);
    if (others) others.push(sentence);
    else changes.set(scheme.id, [sentence]);
  }
  for (const [pass, sentences] of changes) passes.push({ pass, changes: sentences });
  if (raisesIr) {
    passes.push(irReport(model.irVersion, overridableIr, removed));
  }
  return passes;
}
