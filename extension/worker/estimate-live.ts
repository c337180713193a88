import { isDeepStrictEqual } from 'node:util';
import { varintLength } from '../onnx/encode';
import { fileGrowth, growthReport } from '../quantize/file-growth';
import type { LayerScheme } from '../quantize/layer-schemes';
import type { PassReport, QuantizationSource } from '../quantize/plan';
import type { Recipe } from '../quantize/recipe';
import { isStaticScheme } from '../quantize/scheme';
import type { LoweredGraph } from '../runtimes/lowered';
import { measureLowered, type RuntimeFootprint } from '../runtimes/measure';
import type { Runtime } from '../runtimes/runtime';
import {
  type EstimateOptions,
  measureOptions,
  type PlannedRecipe,
  planAndMeasure,
  runtimeFor,
} from './estimate-recipe';
import { type FilePlan, filePlan, type LayerWeights, weightsOf } from './live-plan';
import type { RecipeEstimate } from './recipe-calls';
import { type MixableLayer, type RecipePlanner, withLayers } from './recipe-planner';
import { sharingGroups } from './sensitivity';

/** A layer that can have the varied scheme. */
interface LiveLayer {
  readonly whole: LayerWeights;
  readonly varied: LayerWeights;
}

/**
 * The schemes between which layers of a recipe can go without a full plan: those that differ from that of the plan in nothing but the form of the weights.
 */
export function variableSchemes({ scheme, options }: Recipe, used: Iterable<LayerScheme>): readonly LayerScheme[] {
  const schemes = [...new Set(used)].filter((each) => each !== 'float32' && each !== scheme);
  if (isStaticScheme(scheme)) return schemes.filter((each) => each === 'int4-weights');
  return options.blockOperator === 'MatMulNBits' ? [] : schemes;
}

/** The layers but for those of the varied scheme. */
export function withoutScheme(
  layers: Readonly<Record<string, LayerScheme>>,
  varied: LayerScheme,
): Readonly<Record<string, LayerScheme>> {
  return Object.fromEntries(Object.entries(layers).filter(([, scheme]) => scheme !== varied));
}

/**
 * Re-estimates a plan when layers go to another form of their weights and back. All that such a change touches are the layer's own initializers and the nodes
 * behind them: their sizes are taken from two full plans, without such layers and with all of them, and every mix is put together from these, exactly. What it
 * keeps is valid as long as the model, the recipe but for those layers, and the options stay what they are.
 */
export class LiveEstimate {
  private constructor(
    private readonly source: QuantizationSource,
    private readonly whole: FilePlan,
    private readonly all: FilePlan,
    private readonly layers: ReadonlyMap<string, LiveLayer>,
    /** Layers that share weights, by each of them. */
    private readonly groupOf: ReadonlyMap<string, readonly string[]>,
    /** The layer that takes a weight: one of those that share it. */
    private readonly layerOf: ReadonlyMap<string, string>,
    private readonly runtime: Runtime | undefined,
    private readonly options: EstimateOptions,
  ) {}

  /**
   * `base`: the plan of the recipe without layers of the varied scheme, where it was made before. undefined where the recipe has no such layers, or where they
   * change more than the form of their weights. Throws QuantizationRefused.
   */
  static async open(
    planner: RecipePlanner,
    recipe: Recipe,
    varied: LayerScheme,
    options: EstimateOptions,
    base?: PlannedRecipe,
  ): Promise<LiveEstimate | undefined> {
    if (planner.source.model.source.externalFiles.length > 0) return undefined;
    const others = withoutScheme(recipe.options.layers, varied);
    const mixable = await planner.layers(recipe, options.signal, options.unproved ? 'later' : 'first');
    const able = mixable.filter(({ name, choices }) => choices.includes(varied) && others[name] === undefined);
    if (able.length === 0) return undefined;
    const everywhere = Object.fromEntries([
      ...Object.entries(others),
      ...able.map(({ name }) => [name, varied] as const),
    ]);
    const first = base ?? (await planAndMeasure(planner, withLayers(recipe, others), options));
    const whole = await filePlan(first);
    const all = await filePlan(await planAndMeasure(planner, withLayers(recipe, everywhere), options));
    if (!hasSameStructure(whole, all) || !isDeepStrictEqual(whole.estimate.left, all.estimate.left)) return undefined;
    const layers = layersOfBoth(whole, all, mixable, new Set(able.map(({ name }) => name)));
    // What is not found in both plans cannot be taken back from the second.
    if (layers.size < able.length || !differOnlyIn(layers, whole, all)) return undefined;
    const groupOf = new Map<string, readonly string[]>();
    for (const group of sharingGroups(mixable)) {
      const members = group.map(({ name }) => name);
      if (members.length > 1) for (const name of members) groupOf.set(name, members);
    }
    const layerOf = new Map(mixable.flatMap(({ name, weights }) => weights.map((weight) => [weight, name] as const)));
    return new LiveEstimate(planner.source, whole, all, layers, groupOf, layerOf, runtimeFor(options), options);
  }

  /** The estimate with these layers in the varied scheme; undefined where it takes a full plan to tell, or to refuse. */
  estimate(variedLayers: ReadonlySet<string>): RecipeEstimate | undefined {
    for (const name of variedLayers) {
      if (!this.layers.has(name)) return undefined;
      if (this.groupOf.get(name)?.some((other) => !variedLayers.has(other))) return undefined;
    }
    const { whole, all, runtime } = this;
    if (variedLayers.size === 0) return whole.estimate;
    // From all such layers back to the others: the first one may change more than itself, such as the opset.
    let { graphBytes } = all;
    let { constantBytes } = all.estimate;
    const replaced: LayerWeights['tensors'][number][] = [];
    const sharing = new Set<string>();
    for (const [name, layer] of this.layers) {
      if (variedLayers.has(name)) continue;
      for (const tensor of layer.whole.tensors) replaced.push(tensor);
      // Layers that share a weight have its fields once.
      if (sharing.has(name)) continue;
      for (const other of this.groupOf.get(name) ?? []) sharing.add(other);
      graphBytes += layer.whole.fieldBytes - layer.varied.fieldBytes;
      constantBytes += layer.whole.constantBytes - layer.varied.constantBytes;
    }
    const fileBytes = all.otherBytes + 1 + varintLength(graphBytes) + graphBytes;
    const footprint = runtime && this.#footprint(runtime, replaced, fileBytes);
    const packedBytes = this.#packedBytes(variedLayers);
    return {
      ...all.estimate,
      fileBytes,
      ...(footprint && { footprint }),
      constantBytes,
      passes: [...this.#passes(variedLayers), ...growthReport(this.#growth(fileBytes))],
      layers: all.estimate.layers.map((planned) => {
        const layer = variedLayers.has(planned.name) ? undefined : this.layers.get(planned.name);
        return layer?.whole.planned ?? planned;
      }),
      ...(packedBytes !== undefined && { packedBytes }),
    };
  }

  /** The plan that a weight is as in. */
  #planOf(weight: string, variedLayers: ReadonlySet<string>): FilePlan {
    return variedLayers.has(this.layerOf.get(weight) ?? '') ? this.all : this.whole;
  }

  #packedBytes(variedLayers: ReadonlySet<string>): number | undefined {
    let packed = false;
    let sum = 0;
    for (const { name } of this.all.plan.converted) {
      const tensor = this.#planOf(name, variedLayers).converted.get(name);
      packed ||= tensor?.packedBytes !== undefined;
      sum += tensor?.packedBytes ?? tensor?.bytesAfter ?? 0;
    }
    return packed ? sum : undefined;
  }

  /** What is said of each weight goes with its scheme, the schemes in the order in which they are met. */
  #passes(variedLayers: ReadonlySet<string>): readonly PassReport[] {
    const { all } = this;
    if (all.sentences.size === 0) return all.passes;
    const changes = new Map<string, string[]>();
    for (const { name } of all.plan.converted) {
      const said = this.#planOf(name, variedLayers).sentences.get(name);
      const others = said && changes.get(said.pass);
      if (others) others.push(said.sentence);
      else if (said) changes.set(said.pass, [said.sentence]);
    }
    const replaced = new Set([...all.sentences.values()].map(({ pass }) => pass));
    const isOther = ({ pass }: PassReport) => !replaced.has(pass);
    const at = all.passes.findIndex((report) => !isOther(report));
    return [
      ...all.passes.slice(0, at),
      ...[...changes].map(([pass, sentences]) => ({ pass, changes: sentences })),
      ...all.passes.slice(at).filter(isOther),
    ];
  }

  #growth(predictedFileBytes: number): string | undefined {
    return fileGrowth(this.source, this.all.plan.prepared, { predictedFileBytes, predictedExternalBytes: undefined });
  }

  #footprint(runtime: Runtime, replaced: LayerWeights['tensors'], fileBytes: number): RuntimeFootprint | undefined {
    const { lowered } = this.all;
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

function hasSameStructure(whole: FilePlan, all: FilePlan): boolean {
  const nodes = all.model.graph.nodes;
  return (
    whole.model.graph.nodes.length === nodes.length &&
    whole.restBytes === all.restBytes &&
    whole.model.graph.nodes.every(({ opType }, index) => opType === nodes[index]?.opType) &&
    isDeepStrictEqual([...whole.converted.keys()], [...all.converted.keys()])
  );
}

function layersOfBoth(
  whole: FilePlan,
  all: FilePlan,
  mixable: readonly MixableLayer[],
  able: ReadonlySet<string>,
): ReadonlyMap<string, LiveLayer> {
  const inAll = new Map(all.estimate.layers.map((planned) => [planned.name, planned]));
  const outputs = new Map(mixable.map(({ name, output }) => [name, output]));
  const layers = new Map<string, LiveLayer>();
  for (const planned of whole.estimate.layers) {
    const variedPlanned = inAll.get(planned.name);
    if (!able.has(planned.name) || !variedPlanned) continue;
    const output = outputs.get(planned.name) ?? '';
    const wholeWeights = weightsOf(whole, planned, output);
    const variedWeights = weightsOf(all, variedPlanned, output);
    if (wholeWeights && variedWeights) layers.set(planned.name, { whole: wholeWeights, varied: variedWeights });
  }
  return layers;
}

/** True where the lowered graphs of both plans have the same operators, and the same tensors but for the constants of the layers. */
function differOnlyIn(layers: ReadonlyMap<string, LiveLayer>, whole: FilePlan, all: FilePlan): boolean {
  const [one, other] = [whole.lowered?.graph, all.lowered?.graph];
  if (!one || !other) return true;
  if (one.tensors.length !== other.tensors.length || !isDeepStrictEqual(one.operators, other.operators)) return false;
  const own = new Set([...layers.values()].flatMap(({ varied }) => varied.tensors.map(([position]) => position)));
  return one.tensors.every(
    (tensor, position) => own.has(position) || isDeepStrictEqual(tensor, other.tensors[position]),
  );
}
