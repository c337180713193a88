import { arenaLowerBound } from '../../extension/budget/planners/lower-bound';
import { planTflmGreedy } from '../../extension/budget/planners/tflm-greedy';
import type { Improvement } from '../../extension/runtimes/improvement';
import type { LoweredLayer, RuntimeFootprint } from '../../extension/runtimes/measure';
import type { PlacedTensor, RuntimeMemory } from '../../extension/runtimes/runtime';
import type { Verdict } from '../../extension/targets/verdict';
import type { Analysis, LayerSummary, SchemeSummary } from '../../extension/worker/analysis';
import type { PageState, PageTarget } from '../../webview/protocol';
import { analysisOf, mobileNet, onlyChip, type Plan, stateOf } from './sample-state';

export const tflm = { id: 'tflm-cmsis-nn-m7', label: 'TFLM + CMSIS-NN' } as const;
export const onnx2c = { id: 'onnx2c', label: 'Generated C (onnx2c)' } as const;

const ramReserveBytes = 48 * 1024;

/** The sample net with a Relu after each convolution, so that lowering has something to fuse. */
export function activatedNet(): readonly Plan[] {
  return mobileNet().flatMap((plan) =>
    plan.opType === 'Conv'
      ? [
          plan,
          { ...plan, name: plan.name.replace(/Conv$/, 'Relu'), opType: 'Relu', operator: 'Relu', weights: 0, macs: 0 },
        ]
      : plan.opType === 'Calibrate'
        ? []
        : [plan],
  );
}

const kinds: Readonly<Record<string, string>> = { Gemm: 'FullyConnected', AveragePool: 'Mean', Relu: 'Relu' };

/** What a runtime that fuses activations and reshapes without a copy makes of a chain of layers. */
export function footprintOf(
  analysis: Analysis,
  options: { readonly precision?: 'as-in-file' | 'int8'; readonly cannotRun?: RuntimeFootprint['cannotRun'] } = {},
): RuntimeFootprint {
  const { precision = 'as-in-file', cannotRun = [] } = options;
  const width = precision === 'int8' ? 1 : 4;
  const groups: LayerSummary[][] = [];
  for (const layer of analysis.layers) {
    const before = groups.at(-1);
    if (before && (layer.opType === 'Relu' || layer.opType === 'Reshape')) before.push(layer);
    else groups.push([layer]);
  }
  const layers = groups.map((nodes) => operatorOf(nodes, width));
  const memory = memoryOf(analysis, layers, width);
  const weights = layers.reduce((sum, { weightBytes }) => sum + weightBytes, 0);
  const biases = layers.reduce((sum, { biasBytes }) => sum + biasBytes, 0);
  const parts: RuntimeFootprint['flash']['parts'] = [
    { part: 'weights', bytes: weights, kind: 'exact', source: 'Weights at their width on the chip.' },
    { part: 'biases', bytes: biases, kind: 'exact', source: 'Biases take four bytes each.' },
    {
      part: 'quantization data',
      bytes: width === 1 ? 66_072 : 0,
      kind: 'estimated',
      source: '24 bytes an output channel, 12 a tensor.',
    },
    {
      part: 'graph and metadata',
      bytes: 48_152,
      kind: 'estimated',
      source: 'Names, tables and shapes of the flatbuffer.',
    },
    {
      part: 'runtime code',
      bytes: width === 1 ? 53_300 : 84_100,
      kind: 'published',
      source: 'Linked for Cortex-M4F with GCC 12.2.',
    },
    { part: 'reserve', bytes: 64 * 1024, kind: 'exact', source: 'Kept for the application, as set.' },
  ];
  return {
    runtime: tflm,
    precision,
    memory,
    flash: { totalBytes: parts.reduce((sum, { bytes }) => sum + bytes, 0), parts },
    layers,
    cannotRun,
    notes: ['Graph inputs and outputs are planned as they are in the file.', ...memory.remarks],
  };
}

function operatorOf(nodes: readonly LayerSummary[], width: number): LoweredLayer {
  const [main] = nodes;
  const last = nodes.at(-1);
  const shape = (last?.outputShape ?? []).map(Number);
  const [batch = 1, channels = 1, ...space] = shape;
  const biases = main?.parameters ? channels : 0;
  return {
    kind: main?.operator.startsWith('Depthwise')
      ? 'DepthwiseConv2D'
      : main?.opType === 'Conv'
        ? 'Conv2D'
        : (kinds[main?.opType ?? ''] ?? main?.opType ?? ''),
    name: last?.outputs[0] ?? '',
    ...(nodes.some(({ opType }) => opType === 'Relu') ? { activation: 'Relu' } : {}),
    outputShape: [batch, ...space, channels],
    outputBytes: shape.reduce((product, size) => product * size, 1) * width,
    weightBytes: Math.max(0, (main?.parameters ?? 0) - biases) * width,
    biasBytes: biases * 4,
    from: nodes.map(({ index }) => index),
  };
}

function memoryOf(analysis: Analysis, layers: readonly LoweredLayer[], width: number): RuntimeMemory {
  const [input] = analysis.model.inputs;
  const activations = [
    { name: input?.name ?? '', bytes: ((input?.bytes ?? 0) / 4) * width, first: 0, last: 1, from: [] },
    ...layers.map(({ name, outputBytes, from }, step) => ({
      name,
      bytes: outputBytes,
      first: step + 1,
      last: Math.min(step + 2, layers.length),
      from,
    })),
  ].map((tensor) => ({ ...tensor, role: 'activation' as const }));
  const scratch = layers.flatMap(({ kind, from }, step) =>
    width === 1 && kind === 'DepthwiseConv2D'
      ? [
          {
            name: `scratch of ${kind} ${step}`,
            bytes: 4608,
            first: step + 1,
            last: step + 1,
            from,
            role: 'scratch' as const,
          },
        ]
      : [],
  );
  const buffers = [...activations, ...scratch];
  const plan = planTflmGreedy(buffers);
  const persistentBytes = width === 1 ? 26_992 : 5056;
  const usedBytes = plan.arenaBytes + persistentBytes;
  const estimated = width === 4;
  return {
    planner: plan.planner,
    arenaBytes: plan.arenaBytes,
    persistentBytes,
    scratchBytes: scratch.length > 0 ? 4608 : 0,
    inputOutputBytes: 0,
    usedBytes,
    minimumArenaBytes: usedBytes,
    lowerBoundBytes: arenaLowerBound(buffers, { alignment: 16 }).bytes,
    kind: estimated ? 'estimated' : 'exact',
    remarks: estimated ? ['The persistent data of float kernels is estimated.'] : [],
    tensors: buffers.map((buffer, index): PlacedTensor => ({ ...buffer, offset: plan.offsets[index] ?? 0 })),
    alignment: 16,
    inPlace: [],
  };
}

/** RAM and flash with the reserves against a target, in the words of the product. */
function runtimeVerdict({ memory, flash }: RuntimeFootprint, target: PageTarget): Verdict {
  const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
  const ramBytes = memory.minimumArenaBytes + ramReserveBytes;
  const judge = (bytes: number, limit: PageTarget['ramLimit'], kind: Verdict['ram']['kind']): Verdict['ram'] => ({
    bytes,
    kind,
    limit: limit?.bytes,
    limitLabel: limit?.label,
    fits: limit && bytes <= limit.bytes,
  });
  const ram = judge(ramBytes, target.ramLimit, memory.kind);
  const flashVerdict = judge(flash.totalBytes, target.flashLimit, 'estimated');
  const fits = ram.fits !== false && flashVerdict.fits !== false;
  return {
    targetId: target.id,
    targetName: target.name,
    flash: flashVerdict,
    ram,
    outcome: fits ? 'fits' : 'does-not-fit',
    lead: fits ? `Fits ${target.name}:` : `Does not fit ${target.name}:`,
    detail: fits
      ? `${kib((ram.limit ?? 0) - ram.bytes)} of RAM and ${kib((flashVerdict.limit ?? 0) - flashVerdict.bytes)} of flash stay free.`
      : `RAM is ${kib(ram.bytes - (ram.limit ?? 0))} short (${kib(ram.bytes)} of ${(ram.limit ?? 0) / 1024} KiB).`,
    reasons: [],
  };
}

function withKernels(verdict: Verdict, cannotRun: string | undefined): Verdict {
  if (cannotRun === undefined) return verdict;
  return { ...verdict, outcome: 'cannot-run', lead: `${tflm.label} cannot run it:`, detail: `${cannotRun}.` };
}

function schemeRow(
  id: SchemeSummary['id'],
  label: string,
  footprint: RuntimeFootprint,
  target: PageTarget | undefined,
  more: { readonly fileBytes: number | undefined; readonly cannotRun?: string; readonly sqnrDb?: number },
): SchemeSummary {
  const { fileBytes, cannotRun, sqnrDb } = more;
  return {
    id,
    label,
    state: {
      kind: 'ready',
      flashBytes: footprint.flash.totalBytes,
      ramBytes: footprint.memory.minimumArenaBytes,
      flashKind: 'estimated',
      ramKind: footprint.memory.kind,
      ...(cannotRun === undefined ? {} : { cannotRun }),
      fileBytes,
      externalBytes: undefined,
      verdict: target && runtimeVerdict(footprint, target),
    },
    ...(target && { cells: [{ kind: 'judged', verdict: withKernels(runtimeVerdict(footprint, target), cannotRun) }] }),
    ...(sqnrDb === undefined ? {} : { weightError: { sqnrDb, tensors: 28, overflows: 0, underflows: 0 } }),
  };
}

export const improvements: readonly Improvement[] = [
  {
    kind: 'placement',
    title: 'Place tensors better',
    detail:
      'Offsets found by search reach the lower bound of 216.0 KiB, so no plan of this order can be smaller. Written as OfflineMemoryAllocation metadata.',
    ramBytes: 226_240,
    savedBytes: 73_728,
    figure: 'estimated',
  },
  {
    kind: 'precision',
    title: 'Quantize to int8',
    detail: 'Activations take one byte instead of four; persistent data grows by 21.4 KiB.',
    ramBytes: 100_720,
    savedBytes: 199_248,
    figure: 'exact',
    switchTo: { precision: 'int8' },
  },
  {
    kind: 'runtime',
    title: 'Generated C instead',
    detail: 'No structures of a runtime in RAM, but its planner needs as much.',
    ramBytes: 294_912,
    savedBytes: 5056,
    figure: 'exact',
    switchTo: { runtime: 'onnx2c' },
  },
  {
    kind: 'order',
    title: 'Another execution order',
    detail: 'The graph is a chain; there is one order.',
    ramBytes: 299_968,
    savedBytes: 0,
    figure: 'exact',
  },
];

/** The state with a runtime chosen and measured, as the host sends it. */
export function runtimeStateOf(
  options: {
    readonly plans?: readonly Plan[];
    readonly target?: PageTarget;
    readonly precision?: 'as-in-file' | 'int8';
    readonly revision?: number;
    readonly searching?: boolean;
    readonly cannotRun?: RuntimeFootprint['cannotRun'];
  } = {},
): PageState {
  const {
    plans = activatedNet(),
    target,
    precision = 'as-in-file',
    revision = 1,
    searching = false,
    cannotRun,
  } = options;
  const base = stateOf(plans, { revision, ...(target ? { target } : {}) });
  const analysis = analysisOf(plans);
  const float = footprintOf(analysis, cannotRun ? { cannotRun } : {});
  const int8 = footprintOf(analysis, { precision: 'int8' });
  const footprint = precision === 'int8' ? int8 : float;
  return {
    ...base,
    precision,
    verdict: target && runtimeVerdict(footprint, target),
    schemes: [
      schemeRow('as-in-file', 'float32', float, target, { fileBytes: analysis.file.bytes }),
      schemeRow('float16', 'float16', float, target, {
        fileBytes: 480_000,
        sqnrDb: 73.7,
        cannotRun: 'TFLM + CMSIS-NN has no float16 kernel for Conv2D and 2 more',
      }),
      schemeRow('int8', 'int8 per channel', int8, target, { fileBytes: undefined }),
    ],
    ...(target && { whatIf: onlyChip(target, { runtime: tflm }) }),
    runtime: tflm,
    runtimes: [tflm, onnx2c],
    runtimeFootprint: footprint,
    ramReserveBytes,
    ...(searching ? {} : { improvements }),
    suggestion: {
      id: 'int8',
      label: 'int8 per channel',
      text: 'it fits with 173.6 KiB of RAM and 582.5 KiB of flash to spare',
    },
  };
}
