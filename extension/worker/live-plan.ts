import type { Node } from '../model/model';
import { varintLength } from '../onnx/encode';
import { graphFields, modelFields } from '../onnx/field-numbers';
import { contentOf, SourceMessages } from '../onnx/source-messages';
import { growthPass } from '../quantize/file-growth';
import { layerName } from '../quantize/layer-schemes';
import type { PassReport } from '../quantize/plan';
import type { LoweredGraph, LoweredTensor } from '../runtimes/lowered';
import type { RuntimeMemory } from '../runtimes/runtime';
import type { PlannedRecipe } from './estimate-recipe';
import type { RecipePlan } from './plan-recipe';
import type { PlannedLayer } from './recipe-calls';

/** What the weights of a layer are in a plan. */
export interface LayerWeights {
  /** Bytes of their fields in the graph: initializers, with those of scales and zero points, and the nodes that dequantize them. */
  readonly fieldBytes: number;
  readonly constantBytes: number;
  /** In the lowered graph, by position. */
  readonly tensors: readonly (readonly [position: number, tensor: LoweredTensor])[];
  readonly planned: PlannedLayer;
}

/** A plan with the sizes of the fields of its file. */
export interface FilePlan extends PlannedRecipe {
  /** Without the report of how the file grows, which is that of this plan alone. */
  readonly passes: readonly PassReport[];
  readonly graphBytes: number;
  /** Of the file without its graph. */
  readonly otherBytes: number;
  /** Of the fields of the graph that are no nodes and no initializers. */
  readonly restBytes: number;
  /** By position. */
  readonly nodeBytes: readonly number[];
  /** By name. */
  readonly initializerBytes: ReadonlyMap<string, number>;
  readonly nodes: ReadonlyMap<string, Node>;
  /** By name. */
  readonly converted: ReadonlyMap<string, RecipePlan['converted'][number]>;
  /** What the report says of each converted weight, with the pass that says it. */
  readonly sentences: ReadonlyMap<string, { readonly pass: string; readonly sentence: string }>;
  readonly makers: ReadonlyMap<string, Node>;
  readonly lowered:
    | {
        readonly graph: LoweredGraph;
        readonly memory: RuntimeMemory;
        readonly constantsOf: ReadonlyMap<string, readonly number[]>;
      }
    | undefined;
}

/** Reads the sizes of the fields of a planned file. */
export async function filePlan(planned: PlannedRecipe): Promise<FilePlan> {
  const { plan, model, estimate } = planned;
  const messages = new SourceMessages(plan.file.structure, model.source.fileName);
  const graph = (await messages.fields(messages.whole)).find(({ number }) => number === modelFields.graph);
  if (!graph) throw new Error(`${model.source.fileName}: the planned file has no graph.`);
  const range = contentOf(graph);
  const graphBytes = range.end - range.start;
  const nodeBytes: number[] = [];
  const initializerBytes = new Map<string, number>();
  let restBytes = 0;
  for (const field of await messages.fields(range)) {
    const bytes = field.end - field.start;
    if (field.number === graphFields.node) nodeBytes.push(bytes);
    else if (field.number === graphFields.initializer) {
      initializerBytes.set(await messages.textIn(contentOf(field), tensorName), bytes);
    } else restBytes += bytes;
  }
  const nodes = new Map(model.graph.nodes.map((node) => [layerName(node), node]));
  const makers = new Map(model.graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  return {
    ...planned,
    passes: estimate.passes.filter((report) => report.pass !== growthPass),
    graphBytes,
    otherBytes: estimate.fileBytes - graphBytes - varintLength(graphBytes) - 1,
    restBytes,
    nodeBytes,
    initializerBytes,
    converted: new Map(plan.converted.map((tensor) => [tensor.name, tensor])),
    sentences: sentencesOf(plan),
    nodes,
    makers,
    lowered: planned.lowered && { ...planned.lowered, constantsOf: constantsOf(planned.lowered.graph) },
  };
}

/** The name in a TensorProto. */
const tensorName = 8;

/** Positions of the constants in the lowered graph, by the name of the value that nodes take. */
function constantsOf({ tensors }: LoweredGraph): ReadonlyMap<string, readonly number[]> {
  const positions = new Map<string, number[]>();
  tensors.forEach(({ name, role }, position) => {
    if (role === 'activation') return;
    const known = positions.get(name);
    if (known) known.push(position);
    else positions.set(name, [position]);
  });
  return positions;
}

/** The node of a layer in the planned file. One without a name goes by its output, which is that of a Relu or Clip where the plan removed it. */
function nodeOf({ nodes, makers }: FilePlan, { name, opType }: PlannedLayer, output: string): Node | undefined {
  const named = nodes.get(name);
  if (named?.opType === opType) return named;
  let maker = makers.get(output);
  while (maker && /^(Dequantize|Quantize)Linear$/.test(maker.opType)) maker = makers.get(maker.inputs[0] ?? '');
  return maker?.opType === opType ? maker : undefined;
}

/** What a layer's constants are in a plan: everything from which its operands are dequantized; undefined where the layer is not found. */
export function weightsOf(plan: FilePlan, planned: PlannedLayer, output: string): LayerWeights | undefined {
  const { model, makers, nodeBytes, initializerBytes, lowered } = plan;
  const node = nodeOf(plan, planned, output);
  if (!node) return undefined;
  let fieldBytes = 0;
  let constantBytes = 0;
  const positions = new Set<number>();
  for (const operand of new Set(node.inputs)) {
    const maker = makers.get(operand);
    const names = maker ? maker.inputs : [operand];
    const constants = names.flatMap((name) => model.graph.constants.get(name) ?? []);
    if (constants.length !== names.length) continue;
    if (maker) fieldBytes += nodeBytes[maker.index] ?? 0;
    for (const { name, byteLength } of constants) {
      fieldBytes += initializerBytes.get(name) ?? 0;
      constantBytes += byteLength;
    }
    for (const name of [operand, ...names]) {
      for (const position of lowered?.constantsOf.get(name) ?? []) positions.add(position);
    }
  }
  const tensors = [...positions].flatMap((position): [number, LoweredTensor][] => {
    const tensor = lowered?.graph.tensors[position];
    return tensor ? [[position, tensor]] : [];
  });
  return { fieldBytes, constantBytes, tensors, planned };
}

function sentencesOf({ converted, passes }: RecipePlan): FilePlan['sentences'] {
  const sentences = new Map<string, { pass: string; sentence: string }>();
  const next = new Map<PassReport, number>();
  for (const { name } of converted) {
    for (const report of passes) {
      const sentence = report.changes[next.get(report) ?? 0];
      if (!sentence?.startsWith(`${name} (`)) continue;
      sentences.set(name, { pass: report.pass, sentence });
      next.set(report, (next.get(report) ?? 0) + 1);
      break;
    }
  }
  return sentences;
}
