import type { LoweredLayer, RuntimeFootprint } from '../../extension/runtimes/measure';
import type { PlacedTensor, RuntimeMemory } from '../../extension/runtimes/runtime';
import type { LayerSummary } from '../../extension/worker/analysis';

/** A buffer of the arena as the views show it. Step 0 stands before the first operator; operator i runs at step i + 1. */
export interface MappedTensor extends PlacedTensor {
  /** Position in the plan. */
  readonly index: number;
  /** Bytes with what the alignment adds. */
  readonly size: number;
}

/** What the Memory view draws, drawn from a runtime's figures and the layers of the file. */
export interface MemoryPlan {
  readonly tensors: readonly MappedTensor[];
  /** Bytes live at each step, sizes aligned, buffers that share their place counted once. */
  readonly liveBytes: readonly number[];
  /** The first step with the most live bytes; those bytes. */
  readonly peakStep: number;
  readonly peakBytes: number;
  /** The layer of the file that a step stands for; undefined at step 0. */
  readonly layerAt: readonly (LayerSummary | undefined)[];
  readonly operatorAt: readonly (LoweredLayer | undefined)[];
}

/** Reads a plan; `layers` are those of the analysis that the footprint's node indices point into. */
export function memoryPlan(footprint: RuntimeFootprint, layers: readonly LayerSummary[]): MemoryPlan {
  const { memory } = footprint;
  const tensors = memory.tensors
    .map((tensor, index) => ({ ...tensor, index, size: aligned(tensor.bytes, memory.alignment) }))
    .filter(({ size }) => size > 0);
  const last = tensors.reduce((latest, tensor) => Math.max(latest, tensor.last), footprint.layers.length);
  const liveBytes = liveBySteps(tensors, memory, last + 1);
  const peakStep = liveBytes.reduce((best, bytes, step) => (bytes > (liveBytes[best] ?? 0) ? step : best), 0);
  const byIndex = new Map(layers.map((layer) => [layer.index, layer]));
  return {
    tensors,
    liveBytes,
    peakStep,
    peakBytes: liveBytes[peakStep] ?? 0,
    operatorAt: [undefined, ...footprint.layers],
    layerAt: [undefined, ...footprint.layers.map(({ from }) => mainLayer(from, byIndex))],
  };
}

function aligned(bytes: number, alignment: number): number {
  return alignment > 1 ? Math.ceil(bytes / alignment) * alignment : bytes;
}

function liveBySteps(tensors: readonly MappedTensor[], memory: RuntimeMemory, steps: number): number[] {
  const change = new Array<number>(steps + 1).fill(0);
  const add = (step: number, bytes: number): void => {
    change[step] = (change[step] ?? 0) + bytes;
  };
  for (const { size, first, last } of tensors) {
    add(first, size);
    add(last + 1, -size);
  }
  const byIndex = new Map(tensors.map((tensor) => [tensor.index, tensor]));
  const counted = new Set<number>();
  for (const pair of memory.inPlace) {
    const input = byIndex.get(pair.input);
    const output = byIndex.get(pair.output);
    if (input?.last !== output?.first || input === undefined || output === undefined) continue;
    const shared =
      Math.min(input.offset + input.size, output.offset + output.size) - Math.max(input.offset, output.offset);
    if (shared <= 0 || counted.has(output.index)) continue;
    counted.add(output.index);
    add(output.first, -shared);
    add(output.first + 1, shared);
  }
  let live = 0;
  return change.slice(0, steps).map((bytes) => {
    live += bytes;
    return live;
  });
}

/** Operators that only carry data to where the work is done. */
const carriers = new Set([
  'QuantizeLinear',
  'DequantizeLinear',
  'DynamicQuantizeLinear',
  'Transpose',
  'Identity',
  'Cast',
  'Pad',
]);

/** Of the nodes that became one operator the one people know it by: that with most multiply-accumulates, else the first that computes. */
export function mainLayer(
  from: readonly number[],
  byIndex: ReadonlyMap<number, LayerSummary>,
): LayerSummary | undefined {
  const nodes = from.flatMap((index) => byIndex.get(index) ?? []);
  const most = nodes.reduce<LayerSummary | undefined>(
    (best, layer) => ((layer.macs ?? 0) > (best?.macs ?? 0) ? layer : best),
    undefined,
  );
  return most ?? nodes.find(({ opType }) => !carriers.has(opType)) ?? nodes[0];
}

/** The steps at which a layer of the file runs: one or more, or none where it was folded away. */
export function stepsOfLayer({ operatorAt }: MemoryPlan, layer: LayerSummary | undefined): readonly number[] {
  if (layer === undefined) return [];
  return operatorAt.flatMap((operator, step) => (operator?.from.includes(layer.index) ? [step] : []));
}

/** The step that a layer of the file is shown at: where it is the main one, else where it takes part. */
export function stepOfLayer(plan: MemoryPlan, layer: LayerSummary | undefined): number | undefined {
  const steps = stepsOfLayer(plan, layer);
  return steps.find((step) => plan.layerAt[step] === layer) ?? steps[0];
}

/** Tensors live at a step, largest first. */
export function liveAt({ tensors }: MemoryPlan, step: number): readonly MappedTensor[] {
  return tensors.filter(({ first, last }) => first <= step && step <= last).sort((a, b) => b.size - a.size);
}

/** What a tensor is to the operator of a step. An input that is used again later counts as held. */
export function roleAt(tensor: MappedTensor, step: number): 'scratch' | 'output' | 'input' | 'held' {
  if (tensor.role === 'scratch') return 'scratch';
  if (tensor.first === step) return step === 0 ? 'input' : 'output';
  return tensor.last === step ? 'input' : 'held';
}

/** The buffer that reaches the top of the arena, and the largest hole below it while it lives. */
export interface ArenaTop {
  readonly tensor: MappedTensor;
  readonly holeBytes: number;
  /** What bounds the hole; undefined at the bottom of the arena. */
  readonly below: MappedTensor | undefined;
  readonly above: MappedTensor | undefined;
}

/** Why the arena is as high as it is: undefined for an arena without buffers. */
export function arenaTop({ tensors }: MemoryPlan): ArenaTop | undefined {
  const tensor = tensors.reduce<MappedTensor | undefined>(
    (top, one) => (top === undefined || one.offset + one.size > top.offset + top.size ? one : top),
    undefined,
  );
  if (tensor === undefined) return undefined;
  const neighbours = tensors
    .filter(
      (one) => one !== tensor && one.first <= tensor.last && tensor.first <= one.last && one.offset < tensor.offset,
    )
    .sort((a, b) => a.offset - b.offset);
  let top: ArenaTop = { tensor, holeBytes: 0, below: undefined, above: undefined };
  let end = 0;
  let below: MappedTensor | undefined;
  for (const above of [...neighbours, tensor]) {
    if (above.offset - end > top.holeBytes) top = { tensor, holeBytes: above.offset - end, below, above };
    if (above.offset + above.size > end) {
      end = above.offset + above.size;
      below = above;
    }
  }
  return top;
}

/** "Conv + Relu": the operators of the file that became one, those that quantize and dequantize counted at the end. */
export function loweredFrom(from: readonly number[], byIndex: ReadonlyMap<number, LayerSummary>): string {
  const nodes = from.flatMap((index) => byIndex.get(index) ?? []);
  const isConversion = ({ opType }: LayerSummary): boolean => /^(Dynamic)?(Q|Deq)uantizeLinear$/.test(opType);
  const conversions = nodes.filter(isConversion).length;
  const names = nodes.filter((layer) => !isConversion(layer)).map(({ opType }) => opType);
  if (names.length === 0) return nodes.map(({ opType }) => opType).join(' + ');
  return `${names.join(' + ')}${conversions > 0 ? ` + ${conversions} ${conversions === 1 ? 'conversion' : 'conversions'}` : ''}`;
}

/** "Conv2D with Relu": the operator that the runtime executes. */
export function kernelName({ kind, activation }: LoweredLayer): string {
  return activation === undefined ? kind : `${kind} with ${activation}`;
}
