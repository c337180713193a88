import { isDeepStrictEqual } from 'node:util';
import type { Node } from '../model/model';
import { graphFields, modelFields } from '../onnx/field-numbers';
import { contentOf, SourceMessages } from '../onnx/source-messages';
import { fileGrowth, growthPass, growthReport } from '../quantize/file-growth';
import { type LayerScheme, layerName } from '../quantize/layer-schemes';
import type { PassReport, QuantizationSource } from '../quantize/plan';
import type { Recipe } from '../quantize/recipe';
import { isStaticScheme } from '../quantize/scheme';
import type { LoweredGraph, LoweredTensor } from '../runtimes/lowered';
import { measureLowered, type RuntimeFootprint } from '../runtimes/measure';
import type { Runtime, RuntimeMemory } from '../runtimes/runtime';
import {
  type EstimateOptions,
  estimateRecipe,
  measureOptions,
  type PlannedRecipe,
  planAndMeasure,
  runtimeFor,
} from './estimate-recipe';
import type { PlannedLayer, RecipeEstimate } from './recipe-calls';
import { type RecipePlanner, withLayers } from './recipe-planner';
import { sharingGroups } from './sensitivity';

/** The scheme of layers that differ from the plan in nothing but the form of their weights. */
const fourBits = 'int4-weights' satisfies LayerScheme;

/** What the weights of a layer are in one of the two plans. */
interface LayerWeights {
  /** Bytes of their fields in the graph: initializers, with those of scales and zero points, and the nodes that dequantize them. */
  readonly fieldBytes: number;
  readonly constantBytes: number;
  /** In the lowered graph, by position. */
  readonly tensors: readonly (readonly [position: number, tensor: LoweredTensor])[];
  readonly planned: PlannedLayer;
}

/** A layer that can have 4 bits. */
interface LiveLayer {
  readonly whole: LayerWeights;
  readonly four: LayerWeights;
}

/**
 * Re-estimates a static plan when layers go to 4-bit weights and back. All that such a change touches are the layer's own initializers and the nodes
 * behind them: their sizes are taken from two full plans, without such layers and with all of them, and every mix is put together from these, exactly. What it
 * keeps is valid as long as the model, the recipe but for those layers, and the options stay what they are.
 */
export class LiveEstimate {
  private constructor(
    private readonly source: QuantizationSource,
    private readonly whole: FilePlan,
    private readonly four: FilePlan,
    private readonly layers: ReadonlyMap<string, LiveLayer>,
    /** Layers that share weights, by each of them. */
    private readonly groupOf: ReadonlyMap<string, readonly string[]>,
    private readonly runtime: Runtime | undefined,
    private readonly options: EstimateOptions,
  ) {}

  /** undefined where the recipe has no such layers. Throws QuantizationRefused. */
  static async open(
    planner: RecipePlanner,
    recipe: Recipe,
    options: EstimateOptions,
  ): Promise<LiveEstimate | undefined> {
    if (!isStaticScheme(recipe.scheme) || planner.source.model.source.externalFiles.length > 0) return undefined;
    const others = withoutFourBits(recipe.options.layers);
    const mixable = await planner.layers(recipe, options.signal);
    const able = mixable.filter(({ name, choices }) => choices.includes(fourBits) && others[name] === undefined);
    if (able.length === 0) return undefined;
    const all = Object.fromEntries([...Object.entries(others), ...able.map(({ name }) => [name, fourBits] as const)]);
    const whole = await filePlan(await planAndMeasure(planner, withLayers(recipe, others), options), options);
    const four = await filePlan(await planAndMeasure(planner, withLayers(recipe, all), options), options);
    if (whole.model.graph.nodes.length !== four.model.graph.nodes.length) return undefined;
    const names = new Set(able.map(({ name }) => name));
    const inFour = new Map(four.estimate.layers.map((planned) => [planned.name, planned]));
    const layers = new Map<string, LiveLayer>();
    const outputs = new Map(mixable.map(({ name, output }) => [name, output]));
    for (const planned of whole.estimate.layers) {
      const fourPlanned = inFour.get(planned.name);
      const output = outputs.get(planned.name) ?? '';
      const wholeWeights = weightsOf(whole, planned, output);
      const fourWeights = names.has(planned.name) && fourPlanned ? weightsOf(four, fourPlanned, output) : undefined;
      if (wholeWeights && fourWeights) layers.set(planned.name, { whole: wholeWeights, four: fourWeights });
    }
    // What is not found in both plans cannot be taken back from the second.
    if (layers.size < able.length) return undefined;
    const groupOf = new Map<string, readonly string[]>();
    for (const group of sharingGroups(mixable)) {
      const members = group.map(({ name }) => name);
      if (members.length > 1) for (const name of members) groupOf.set(name, members);
    }
    return new LiveEstimate(planner.source, whole, four, layers, groupOf, runtimeFor(options), options);
  }

  /** The estimate with these layers in 4 bits; undefined where it takes a full plan to tell, or to refuse. */
  estimate(fourBitLayers: ReadonlySet<string>): RecipeEstimate | undefined {
    for (const name of fourBitLayers) {
      if (!this.layers.has(name)) return undefined;
      if (this.groupOf.get(name)?.some((other) => !fourBitLayers.has(other))) return undefined;
    }
    const { whole, four, runtime } = this;
    if (fourBitLayers.size === 0) return whole.estimate;
    // From all layers in 4 bits back to the others: the first such layer may change more than itself, such as the opset.
    let { graphBytes } = four;
    let { constantBytes } = four.estimate;
    const replaced: LayerWeights['tensors'][number][] = [];
    const sharing = new Set<string>();
    for (const [name, layer] of this.layers) {
      if (fourBitLayers.has(name)) continue;
      for (const tensor of layer.whole.tensors) replaced.push(tensor);
      // Layers that share a weight have its fields once.
      if (sharing.has(name)) continue;
      for (const other of this.groupOf.get(name) ?? []) sharing.add(other);
      graphBytes += layer.whole.fieldBytes - layer.four.fieldBytes;
      constantBytes += layer.whole.constantBytes - layer.four.constantBytes;
    }
    const fileBytes = four.otherBytes + 1 + varintBytes(graphBytes) + graphBytes;
    const footprint = runtime && this.#footprint(runtime, replaced, fileBytes);
    return {
      ...four.estimate,
      fileBytes,
      ...(footprint && { footprint }),
      constantBytes,
      passes: [...four.passes, ...growthReport(this.#growth(fileBytes))],
      layers: four.estimate.layers.map((planned) => {
        const layer = fourBitLayers.has(planned.name) ? undefined : this.layers.get(planned.name);
        return layer?.whole.planned ?? planned;
      }),
    };
  }

  #growth(predictedFileBytes: number): string | undefined {
    return fileGrowth(this.source, this.four.plan.prepared, { predictedFileBytes, predictedExternalBytes: undefined });
  }

  #footprint(runtime: Runtime, replaced: LayerWeights['tensors'], fileBytes: number): RuntimeFootprint | undefined {
    const { lowered } = this.four;
    if (!lowered) return undefined;
    const tensors = [...lowered.graph.tensors];
    for (const [position, tensor] of replaced) tensors[position] = tensor;
    const graph: LoweredGraph = { ...lowered.graph, tensors };
    // Where both extremes have one memory, weights have no part in it.
    const memory = isDeepStrictEqual(lowered.memory, this.whole.lowered?.memory)
      ? lowered.memory
      : runtime.memory(graph);
    return measureLowered(graph, memory, fileBytes, runtime, 'as-in-file', measureOptions(this.options));
  }
}

/** Gives estimates, from what it keeps of earlier ones where that is enough. */
export class RecipeEstimator {
  /** By recipe and options, but for layers of 4 bits; undefined: asked for once, which is not worth the plans that it takes. */
  readonly #live = new Map<string, Promise<LiveEstimate | undefined> | undefined>();

  constructor(private readonly planner: RecipePlanner) {}

  /** What `estimateRecipe` gives. Throws what it throws. */
  async estimate(recipe: Recipe, options: EstimateOptions): Promise<RecipeEstimate> {
    // What is in a file is told from that file, not put together.
    if (options.withAnalysis) return estimateRecipe(this.planner, recipe, options);
    const { layers } = recipe.options;
    const { signal: _, bindings, ...ground } = options;
    const key = JSON.stringify([withLayers(recipe, withoutFourBits(layers)), ground, [...(bindings ?? [])]]);
    const isKnown = this.#live.has(key);
    // Of one caller's cancelling the next must not hear.
    const opened =
      this.#live.get(key) ??
      (isKnown ? LiveEstimate.open(this.planner, recipe, { ...ground, bindings }).catch(() => undefined) : undefined);
    this.#live.delete(key);
    this.#live.set(key, opened);
    const [oldest] = this.#live.keys();
    if (this.#live.size > mostKept && oldest !== undefined) this.#live.delete(oldest);
    const names = Object.entries(layers).flatMap(([name, scheme]) => (scheme === fourBits ? [name] : []));
    return (await opened)?.estimate(new Set(names)) ?? estimateRecipe(this.planner, recipe, options);
  }
}

const mostKept = 12;

function withoutFourBits(layers: Readonly<Record<string, LayerScheme>>): Readonly<Record<string, LayerScheme>> {
  return Object.fromEntries(Object.entries(layers).filter(([, scheme]) => scheme !== fourBits));
}

/** A plan with the sizes of the fields of its file. */
interface FilePlan extends PlannedRecipe {
  /** Without the report of how the file grows, which is that of this plan alone. */
  readonly passes: readonly PassReport[];
  readonly graphBytes: number;
  /** Of the file without its graph. */
  readonly otherBytes: number;
  /** By position. */
  readonly nodeBytes: readonly number[];
  /** By name. */
  readonly initializerBytes: ReadonlyMap<string, number>;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly makers: ReadonlyMap<string, Node>;
  readonly lowered:
    | {
        readonly graph: LoweredGraph;
        readonly memory: RuntimeMemory;
        readonly constantsOf: ReadonlyMap<string, readonly number[]>;
      }
    | undefined;
}

async function filePlan(planned: PlannedRecipe, options: EstimateOptions): Promise<FilePlan> {
  const { plan, model, shapes, estimate } = planned;
  const messages = new SourceMessages(plan.file.structure, model.source.fileName);
  const graph = (await messages.fields(messages.whole)).find(({ number }) => number === modelFields.graph);
  if (!graph) throw new Error(`${model.source.fileName}: the planned file has no graph.`);
  const range = contentOf(graph);
  const graphBytes = range.end - range.start;
  const nodeBytes: number[] = [];
  const initializerBytes = new Map<string, number>();
  for (const field of await messages.fields(range)) {
    const bytes = field.end - field.start;
    if (field.number === graphFields.node) nodeBytes.push(bytes);
    else if (field.number === graphFields.initializer) {
      initializerBytes.set(await messages.textIn(contentOf(field), tensorName), bytes);
    }
  }
  const runtime = runtimeFor(options);
  const nodes = new Map(model.graph.nodes.map((node) => [layerName(node), node]));
  const makers = new Map(model.graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const graphOnRuntime = runtime?.lower(shapes, 'as-in-file', measureOptions(options));
  return {
    ...planned,
    passes: estimate.passes.filter((report) => report.pass !== growthPass),
    graphBytes,
    otherBytes: estimate.fileBytes - graphBytes - varintBytes(graphBytes) - 1,
    nodeBytes,
    initializerBytes,
    nodes,
    makers,
    lowered:
      runtime && graphOnRuntime
        ? { graph: graphOnRuntime, memory: runtime.memory(graphOnRuntime), constantsOf: constantsOf(graphOnRuntime) }
        : undefined,
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
function weightsOf(plan: FilePlan, planned: PlannedLayer, output: string): LayerWeights | undefined {
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

/** Bytes of a length as a protobuf varint: 7 bits each. */
function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
