import type { DataType } from '../model/data-type';
import type { Diagnostic } from '../model/diagnostic';
import type { Model, Node } from '../model/model';
import { capturedNames } from '../model/order';
import type { ModelShapes } from '../shapes/model-shapes';
import { type Constant, constantsOf } from './constants';
import { impossibleSizesIn, impossibleSizeText } from './impossible-sizes';
import { learnedByNode, learnedInAttributes } from './learned-attributes';
import { type Lifetime, largest, lifetimesOf, liveBytesPerStep } from './lifetimes';
import { exact } from './sizes';
import { type Work, workCounter } from './work';

/** The cost of one node of the main graph, subgraphs and function bodies included. Bytes, elements and MACs are exact. */
export interface LayerCost {
  /** Position of the node in the file's list. */
  readonly index: number;
  /** Position in execution order (0 is the first node). */
  readonly step: number;
  /** The node's name, or its first output where it has none. */
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly outputs: readonly string[];
  /** Elements of constants used as data; a shared constant counts at its first user. */
  readonly parameters: number;
  /** Bytes of those constants at their stored width, and of numbers learned that stand in the node's attributes (ai.onnx.ml). */
  readonly weightBytes: number;
  /** Bytes of scales and zero points. */
  readonly quantizationBytes: number;
  /** undefined: not known (`unknown` says why). */
  readonly macs: number | undefined;
  /** Operations on elements besides multiply-accumulates, by the rules of ops/element-operations.ts; undefined: not known. */
  readonly elementOperations: number | undefined;
  /** Bytes of the operands, each once, constants included, and of the results (budget/traffic.ts); undefined: not known. */
  readonly bytesRead: number | undefined;
  readonly bytesWritten: number | undefined;
  /** Bytes of the node's outputs that are activations (constants and values that depend on constants only left out). */
  readonly activationBytes: number | undefined;
  /** Bytes live while the node runs, values that depend on constants only left out. */
  readonly liveBytes: number;
  /** What is not known of this layer and why; absent when everything is. */
  readonly unknown?: string;
  /** Such as "the dearer branch of If", "body of Loop not counted: iterations unknown". */
  readonly remark?: string;
}

export interface LiveTensor {
  readonly name: string;
  readonly bytes: number;
  readonly role: 'input' | 'output' | 'held';
}

export interface Peak {
  /** Step (position in execution order) of the first largest sum. */
  readonly step: number;
  /** Index in `layers` is the same as the step. */
  readonly layer: string;
  readonly bytes: number;
  /** The tensors live at that step, largest first. `input` / `output` of that node, or `held` for later. */
  readonly tensors: readonly LiveTensor[];
}

export interface Totals {
  readonly parameters: number;
  /** Parameters by ONNX type name. */
  readonly parametersByDataType: Readonly<Partial<Record<DataType, number>>>;
  /** Elements of scales and zero points. */
  readonly quantizationParameters: number;
  /** Bytes of parameters at their stored width, those in attributes included. */
  readonly weightBytes: number;
  readonly quantizationBytes: number;
  /**
   * Bytes of all constants of any role at their stored width, unused ones and numbers learned that stand in attributes included:
   * what flash must hold at least. A sparse tensor counts as stored where that is less, ConstantOfShape the one element it repeats.
   */
  readonly constantBytes: number;
  /** True when the size of some constant is not known: `constantBytes` is then less than what the file holds. */
  readonly constantsIncomplete: boolean;
  /** Numbers learned that stand in attributes (ai.onnx.ml); not in `parameters`. */
  readonly attributeParameters: number;
  readonly macs: number;
  /** True when some layer's MACs are not known: `macs` is then a lower bound. */
  readonly macsIncomplete: boolean;
  /** Other operations on elements, subgraphs and function bodies included. */
  readonly elementOperations: number;
  /** True when those of some layer are not known: `elementOperations` is then a lower bound. */
  readonly elementOperationsIncomplete: boolean;
  /** As ../shared/reference/constant-roles.md to the letter: values that depend on constants only are live too. */
  readonly peakLiveBytes: number;
  readonly peakLiveStep: number;
  /** The same without values that depend on constants only. This is what views and verdict use. */
  readonly peakActivationBytes: number;
  /** True when some live value's size is not known: the peaks are then lower bounds. */
  readonly peakIncomplete: boolean;
}

export interface Footprint {
  /** In execution order: layers[step]. */
  readonly layers: readonly LayerCost[];
  readonly totals: Totals;
  /** The peak of activations; undefined for a graph without nodes. */
  readonly peak: Peak | undefined;
  /** Activation lifetimes in steps (inclusive), for the timeline: graph inputs, node outputs and values that nobody gives, of the main graph. */
  readonly lifetimes: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly first: number;
    readonly last: number;
  }[];
  /** Every constant with its role, for statistics over them. */
  readonly constants: readonly Constant[];
  /** What the totals leave out or assume. */
  readonly diagnostics: readonly Diagnostic[];
}

/** The footprint of a model with inferred shapes. Pure; reads no payload. */
export function footprintOf(model: Model, shapes: ModelShapes): Footprint {
  const { order } = shapes.graph;
  const sizeOf = shapes.sizeInTotals;
  const constants = constantsOf(model, order);
  const shares = sharesPerStep(constants.all, order.length);
  const impossible = impossibleSizesIn(shapes.graph, sizeOf);
  const lifetimes = lifetimesOf(shapes.graph, constants.inMainGraph, sizeOf, impossible);
  const activations = lifetimes.filter((lifetime) => !lifetime.constant);
  const live = liveBytesPerStep(lifetimes, order.length);
  const liveActivations = liveBytesPerStep(activations, order.length);
  const activationBytes = new Map(activations.map(({ name, bytes }) => [name, bytes]));

  const countWork = workCounter(shapes.graph, sizeOf, impossible);
  const counts: Work[] = [];
  const layers: LayerCost[] = [];
  order.forEach((index, step) => {
    const nodeShapes = shapes.graph.nodes[index];
    if (!nodeShapes) return;
    const { node } = nodeShapes;
    const count = countWork(nodeShapes);
    counts.push(count);
    const sizes = node.outputs.filter((name) => activationBytes.has(name)).map((name) => activationBytes.get(name));
    const unknown = [...count.unknown.values()];
    const unsized = node.outputs.find((name) => activationBytes.has(name) && activationBytes.get(name) === undefined);
    if (unsized !== undefined) {
      const cause = impossible.get(unsized);
      unknown.push(
        cause
          ? impossibleSizeText(cause, sizeOf)
          : (shapes.graph.values.get(unsized)?.reason ?? `the size of ${unsized} is not known`),
      );
    }
    layers.push({
      index,
      step,
      name: layerName(node),
      opType: node.opType,
      domain: node.domain,
      outputs: node.outputs,
      ...(shares[step] ?? noShare),
      weightBytes: (shares[step] ?? noShare).weightBytes + learnedByNode(node).bytes,
      macs: count.unknown.size > 0 ? undefined : count.macs,
      elementOperations: count.elementOperations,
      bytesRead: count.bytesRead,
      bytesWritten: count.bytesWritten,
      activationBytes: sum(sizes),
      liveBytes: liveActivations[step] ?? 0,
      ...(unknown.length > 0 ? { unknown: withoutRepeats(unknown).join('; ') } : {}),
      ...(count.remarks.size > 0 ? { remark: [...count.remarks].join('; ') } : {}),
    });
  });

  const constantSums = constantTotals(constants.all);
  const learned = learnedInAttributes(model);
  const peakLive = largest(live);
  const macs = exactSum(counts.map((count) => count.macs));
  const elementOperations = exactSum(counts.map((count) => count.elementOperations));
  return {
    layers,
    totals: {
      ...constantSums,
      weightBytes: constantSums.weightBytes + learned.bytes,
      constantBytes: constantSums.constantBytes + learned.bytes,
      attributeParameters: learned.numbers,
      macs: macs.sum,
      macsIncomplete: macs.incomplete || counts.some((count) => count.unknown.size > 0),
      elementOperations: elementOperations.sum,
      elementOperationsIncomplete: elementOperations.incomplete,
      peakLiveBytes: peakLive.bytes,
      peakLiveStep: peakLive.step,
      peakActivationBytes: largest(liveActivations).bytes,
      peakIncomplete: lifetimes.some(({ bytes }) => bytes === undefined),
    },
    peak: peakOf(layers, activations, liveActivations, shapes.graph.graph.nodes),
    lifetimes: activations.map(({ name, bytes = 0, first, last }) => ({ name, bytes, first, last })),
    constants: constants.all,
    diagnostics: [
      ...impossibleSizes(layers, counts, shapes),
      ...uncountedOperators(layers, counts),
      ...unknownSizes(lifetimes),
      ...(macs.tooLarge ? [sumTooLarge()] : []),
    ],
  };
}

/** The reasons that are not told by another one, such as by "the multiply-accumulates cannot be counted: …". */
function withoutRepeats(reasons: readonly string[]): readonly string[] {
  const unique = [...new Set(reasons)];
  return unique.filter((reason) => !unique.some((other) => other !== reason && other.endsWith(`: ${reason}`)));
}

/** A node's name, or its first output where it has none. */
export function layerName(node: Node): string {
  return node.name || (node.outputs.find((name) => name !== '') ?? `${node.opType} ${node.index}`);
}

interface Share {
  readonly parameters: number;
  readonly weightBytes: number;
  readonly quantizationBytes: number;
}

const noShare: Share = { parameters: 0, weightBytes: 0, quantizationBytes: 0 };

/** What of the constants each layer is charged with: each constant goes to its first user. */
function sharesPerStep(constants: readonly Constant[], steps: number): readonly Share[] {
  const shares = Array.from({ length: steps }, () => ({ ...noShare }));
  for (const { step, role, elements, bytes } of constants) {
    const share = step === undefined ? undefined : shares[step];
    if (!share) continue;
    if (role === 'data') {
      share.parameters += elements;
      share.weightBytes += bytes;
    } else if (role === 'quantization') {
      share.quantizationBytes += bytes;
    }
  }
  return shares;
}

function constantTotals(constants: readonly Constant[]) {
  const parametersByDataType: Partial<Record<DataType, number>> = {};
  let parameters = 0;
  let quantizationParameters = 0;
  let weightBytes = 0;
  let quantizationBytes = 0;
  let constantBytes = 0;
  for (const { role, dataType, elements, bytes, keptBytes } of constants) {
    constantBytes += keptBytes;
    if (role === 'data' && dataType) {
      parameters += elements;
      weightBytes += bytes;
      parametersByDataType[dataType] = (parametersByDataType[dataType] ?? 0) + elements;
    } else if (role === 'quantization') {
      quantizationParameters += elements;
      quantizationBytes += bytes;
    }
  }
  return {
    parameters,
    parametersByDataType,
    quantizationParameters,
    weightBytes,
    quantizationBytes,
    constantBytes,
    constantsIncomplete: constants.some(({ dataType }) => dataType === undefined),
  };
}

function sum(values: readonly (number | undefined)[]): number | undefined {
  let total = 0;
  for (const value of values) {
    if (value === undefined) return undefined;
    total += value;
  }
  return total;
}

/** The sum of what is known. `incomplete`: a part is not known, or left out since the sum would be beyond 2^53 (`tooLarge`). */
function exactSum(parts: readonly (number | undefined)[]) {
  let sum = 0;
  let unknown = false;
  let tooLarge = false;
  for (const part of parts) {
    const next = part === undefined ? undefined : exact(sum + part);
    if (next !== undefined) sum = next;
    else if (part === undefined) unknown = true;
    else tooLarge = true;
  }
  return { sum, incomplete: unknown || tooLarge, tooLarge };
}

const roleOrder = { input: 0, output: 1, held: 2 } as const;

function peakOf(
  layers: readonly LayerCost[],
  activations: readonly Lifetime[],
  live: readonly number[],
  nodes: readonly Node[],
): Peak | undefined {
  const { step, bytes } = largest(live);
  const layer = layers[step];
  const node = layer && nodes[layer.index];
  if (!layer || !node) return undefined;
  const inputs = new Set([...node.inputs, ...capturedNames(node)]);
  const outputs = new Set(node.outputs);
  const tensors = activations
    .filter(({ first, last }) => first <= step && step <= last)
    .map(({ name, bytes: size = 0 }): LiveTensor => {
      const role = inputs.has(name) ? 'input' : outputs.has(name) ? 'output' : 'held';
      return { name, bytes: size, role };
    })
    .sort((a, b) => b.bytes - a.bytes || roleOrder[a.role] - roleOrder[b.role]);
  return { step, layer: layer.name, bytes, tensors };
}

/** How many names a sentence lists before it says how many more there are. */
const namesInSentence = 8;

function list(names: readonly string[]): string {
  const shown = names.slice(0, namesInSentence).join(', ');
  return names.length > namesInSentence ? `${shown} and ${names.length - namesInSentence} more` : shown;
}

/** One diagnostic for each node where a size falls below 0, at the layer it is in. */
function impossibleSizes(layers: readonly LayerCost[], counts: readonly Work[], shapes: ModelShapes): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const said = new Set<Node>();
  const bindable = new Set(shapes.bindables.map(({ key }) => key));
  counts.forEach(({ impossible }, step) => {
    const layer = layers[step];
    for (const found of impossible) {
      if (said.has(found.node) || !layer) continue;
      said.add(found.node);
      if (said.size > namesInSentence) continue;
      const text = impossibleSizeText(found, shapes.sizeInTotals);
      const keys = [...found.symbols].filter((symbol) => bindable.has(symbol));
      const advice = keys.length > 0 ? `; bind ${keys.join(' or ')} to a size the model takes` : '';
      diagnostics.push({
        severity: 'warning',
        code: 'impossible-size',
        message: `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${advice}.`,
        place: { nodeIndex: layer.index, node: layer.name },
      });
    }
  });
  if (said.size > namesInSentence) {
    const message = `${said.size - namesInSentence} more nodes have no valid size with dimensions as they are counted.`;
    diagnostics.push({ severity: 'warning', code: 'impossible-size', message });
  }
  return diagnostics;
}

function sumTooLarge(): Diagnostic {
  return {
    severity: 'warning',
    code: 'beyond-exact',
    message: 'The sum of the multiply-accumulates is beyond 2^53; it is shown without the layers that carry it there.',
  };
}

function uncountedOperators(layers: readonly LayerCost[], counts: readonly Work[]): readonly Diagnostic[] {
  const operators = new Set(counts.flatMap((count) => [...count.unknown.keys()]));
  if (operators.size === 0) return [];
  const first = layers[counts.findIndex((count) => count.unknown.size > 0)];
  return [
    {
      severity: 'warning',
      code: 'operators-not-counted',
      message: `${operators.size === 1 ? '1 operator' : `${operators.size} operators`} not counted: ${list([...operators])}. The multiply-accumulates are at least the number shown.`,
      ...(first ? { place: { nodeIndex: first.index, node: first.name } } : {}),
    },
  ];
}

function unknownSizes(lifetimes: readonly Lifetime[]): readonly Diagnostic[] {
  const names = lifetimes.filter(({ bytes }) => bytes === undefined).map(({ name }) => name);
  const [first] = names;
  if (first === undefined) return [];
  return [
    {
      severity: 'warning',
      code: 'unknown-size',
      message: `${names.length === 1 ? '1 value' : `${names.length} values`} of unknown size counted as 0 bytes: ${list(names)}. The live bytes are at least the number shown.`,
      place: { value: first },
    },
  ];
}
