import type { Verdict } from '../../extension/targets/verdict';
import type { Analysis, LayerDetails, LayerSummary, SchemeSummary } from '../../extension/worker/analysis';
import type { PageState, PageTarget } from '../../webview/protocol';
import type { PageChip, PageWhatIf } from '../../webview/what-if-protocol';

/** What a layer of the sample is made of. */
export interface Plan {
  readonly name: string;
  readonly opType: string;
  readonly operator: string;
  readonly shape: readonly number[];
  readonly weights: number;
  readonly macs: number | undefined;
  readonly unknown?: string;
}

/** A net of depthwise separable convolutions, 96x96x3 in, two classes out, with one operator nobody knows. */
export function mobileNet(): readonly Plan[] {
  const plans: Plan[] = [];
  let channels = 8;
  let side = 48;
  plans.push({
    name: '/stem/conv/Conv',
    opType: 'Conv',
    operator: 'Conv 3×3',
    shape: [1, 8, 48, 48],
    weights: 224,
    macs: 216 * 48 * 48,
  });
  const blocks = [
    [16, 1],
    [32, 2],
    [32, 1],
    [64, 2],
    [64, 1],
    [128, 2],
    [128, 1],
    [128, 1],
    [128, 1],
    [128, 1],
    [128, 1],
    [256, 2],
    [256, 1],
  ] as const;
  blocks.forEach(([wide, stride], position) => {
    side /= stride;
    const block = `/features/block_${position + 1}`;
    plans.push({
      name: `${block}/depthwise/Conv`,
      opType: 'Conv',
      operator: 'Depthwise 3×3',
      shape: [1, channels, side, side],
      weights: channels * 10,
      macs: 9 * channels * side * side,
    });
    plans.push({
      name: `${block}/pointwise/Conv`,
      opType: 'Conv',
      operator: 'Conv 1×1',
      shape: [1, wide, side, side],
      weights: channels * wide + wide,
      macs: channels * wide * side * side,
    });
    channels = wide;
  });
  plans.push({
    name: '/head/pool/AveragePool',
    opType: 'AveragePool',
    operator: 'AveragePool',
    shape: [1, 256, 1, 1],
    weights: 0,
    macs: 0,
  });
  plans.push({ name: '/head/Reshape', opType: 'Reshape', operator: 'Reshape', shape: [1, 256], weights: 0, macs: 0 });
  plans.push({
    name: '/head/classifier/Gemm',
    opType: 'Gemm',
    operator: 'Gemm',
    shape: [1, 2],
    weights: 514,
    macs: 512,
  });
  plans.push({
    name: '/head/Calibrate',
    opType: 'Calibrate',
    operator: 'Calibrate',
    shape: [1, 2],
    weights: 0,
    macs: undefined,
    unknown: 'Calibrate of domain com.example is not known: its MACs are left out.',
  });
  return plans;
}

/** A net of `count` small layers in modules of ten. */
export function longNet(count: number): readonly Plan[] {
  return Array.from({ length: count }, (_, step) => ({
    name: `stage${Math.floor(step / 1000)}.block${Math.floor(step / 10)}.conv${step}`,
    opType: step % 3 === 2 ? 'Relu' : 'Conv',
    operator: step % 3 === 2 ? 'Relu' : 'Conv 3×3',
    shape: [1, 16, 24, 24],
    weights: step % 3 === 2 ? 0 : 64 + ((step * 7919) % 4096),
    macs: step % 3 === 2 ? 0 : 1000 + ((step * 104_729) % 90_000),
  }));
}

/** The analysis of a chain of layers; sums and peak follow from the layers. */
export function analysisOf(plans: readonly Plan[], bytesPerElement = 4, name = 'vww_96_float.onnx'): Analysis {
  const inputBytes = 3 * 96 * 96 * 4;
  const sizes = plans.map(({ shape }) => shape.reduce((product, size) => product * size, 1) * 4);
  const precision = bytesPerElement === 4 ? 'float32' : bytesPerElement === 2 ? 'float16' : 'int8';
  const layers: LayerSummary[] = plans.map((plan, step) => ({
    index: step,
    step,
    name: plan.name,
    opType: plan.opType,
    domain: plan.unknown ? 'com.example' : '',
    outputs: [`${plan.name}_output_0`],
    parameters: plan.weights,
    weightBytes: plan.weights * bytesPerElement,
    quantizationBytes: bytesPerElement === 1 ? Math.ceil(plan.weights / 64) * 5 : 0,
    macs: plan.macs,
    elementOperations: plan.unknown ? undefined : (sizes[step] ?? 0) / 4,
    bytesRead: (step === 0 ? inputBytes : (sizes[step - 1] ?? 0)) + plan.weights * bytesPerElement,
    bytesWritten: sizes[step],
    activationBytes: sizes[step],
    liveBytes: (step === 0 ? inputBytes : (sizes[step - 1] ?? 0)) + (sizes[step] ?? 0),
    outputShape: plan.shape,
    operator: plan.operator,
    precision: plan.weights > 0 ? precision : 'float32',
    ...(plan.unknown ? { unknown: plan.unknown } : {}),
  }));
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0);
  const weightBytes = layers.reduce((sum, layer) => sum + layer.weightBytes, 0);
  const quantizationBytes = layers.reduce((sum, layer) => sum + layer.quantizationBytes, 0);
  const peak = layers.reduce<LayerSummary | undefined>(
    (best, layer) => (best && best.liveBytes >= layer.liveBytes ? best : layer),
    undefined,
  );
  const operators = new Map<string, number>();
  for (const { opType } of plans) operators.set(opType, (operators.get(opType) ?? 0) + 1);
  return {
    file: { name, bytes: weightBytes + 68_400, externalBytes: 0, externalFiles: [] },
    model: {
      graphName: 'vww',
      producer: 'tflite2onnx',
      irVersion: 7,
      opsets: [{ domain: '', version: 11 }],
      nodeCount: layers.length,
      inputs: [{ name: 'input_1', dataType: 'FLOAT', shape: [1, 3, 96, 96], bytes: inputBytes }],
      outputs: [{ name: 'Identity', dataType: 'FLOAT', shape: [1, 2], bytes: 8 }],
      metadata: [],
    },
    precision,
    totals: {
      parameters,
      parametersByDataType: bytesPerElement === 1 ? { INT8: parameters - 2738, FLOAT: 2738 } : { FLOAT: parameters },
      quantizationParameters: quantizationBytes / 5,
      weightBytes,
      quantizationBytes,
      constantBytes: weightBytes + quantizationBytes + 16,
      attributeParameters: 0,
      macs: layers.reduce((sum, layer) => sum + (layer.macs ?? 0), 0),
      macsIncomplete: layers.some((layer) => layer.macs === undefined),
      peakLiveBytes: peak?.liveBytes ?? 0,
      peakLiveStep: peak?.step ?? 0,
      peakActivationBytes: peak?.liveBytes ?? 0,
      elementOperations: sizes.reduce((sum, size) => sum + size / 4, 0),
      elementOperationsIncomplete: false,
      peakIncomplete: false,
      constantsIncomplete: false,
    },
    layers,
    peak: peak && {
      step: peak.step,
      layer: peak.name,
      bytes: peak.liveBytes,
      tensors: [
        { name: peak.outputs[0] ?? '', bytes: sizes[peak.step] ?? 0, role: 'output', shape: peak.outputShape },
        {
          name: peak.step === 0 ? 'input_1' : (layers[peak.step - 1]?.outputs[0] ?? ''),
          bytes: peak.liveBytes - (sizes[peak.step] ?? 0),
          role: 'input',
          shape: peak.step === 0 ? [1, 3, 96, 96] : layers[peak.step - 1]?.outputShape,
        },
      ],
    },
    lifetimes: [
      { name: 'input_1', bytes: inputBytes, first: 0, last: 0 },
      ...layers.map((layer, step) => ({
        name: layer.outputs[0] ?? '',
        bytes: sizes[step] ?? 0,
        first: step,
        last: Math.min(step + 1, layers.length - 1),
      })),
    ],
    bindables: [],
    operators: [...operators].map(([operator, count]) => ({ name: operator, count })),
    constants: [
      {
        dataType: bytesPerElement === 1 ? 'INT8' : bytesPerElement === 2 ? 'FLOAT16' : 'FLOAT',
        elements: parameters,
        bytes: weightBytes,
      },
      { dataType: 'INT64', elements: 2, bytes: 16 },
    ],
    diagnostics: layers.flatMap((layer) =>
      layer.unknown
        ? [
            {
              severity: 'warning',
              code: 'unknown-operator',
              message: layer.unknown,
              place: { nodeIndex: layer.index, node: layer.name },
            } as const,
          ]
        : [],
    ),
  };
}

export const f746: PageTarget = {
  id: 'stm32f746zg',
  name: 'STM32F746ZG',
  core: 'Cortex-M7 216 MHz',
  flashLimit: { bytes: 1024 * 1024, label: 'internal flash' },
  ramLimit: { bytes: 320 * 1024, label: 'largest contiguous on-chip RAM' },
};

export const l432: PageTarget = {
  id: 'stm32l432kc',
  name: 'STM32L432KC',
  core: 'Cortex-M4F 80 MHz',
  flashLimit: { bytes: 256 * 1024, label: 'internal flash' },
  ramLimit: { bytes: 64 * 1024, label: 'largest contiguous on-chip RAM' },
};

/** The verdict in the words of the product, for fixtures. */
export function verdictOf(analysis: Analysis, target: PageTarget): Verdict {
  const flash = against(analysis.totals.constantBytes, target.flashLimit);
  const ram = against(analysis.totals.peakActivationBytes, target.ramLimit);
  const fits = flash.fits !== false && ram.fits !== false;
  const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
  const short = [
    ram.fits === false
      ? `RAM is ${kib(ram.bytes - (ram.limit ?? 0))} short at step ${analysis.peak?.step}, ${analysis.peak?.layer}`
      : '',
    flash.fits === false ? `flash is ${kib(flash.bytes - (flash.limit ?? 0))} short` : '',
  ].filter((text) => text !== '');
  return {
    targetId: target.id,
    targetName: target.name,
    flash,
    ram,
    outcome: fits ? 'model-data-fits' : 'does-not-fit',
    lead: fits ? `Model data fits ${target.name}:` : `Does not fit ${target.name}:`,
    detail: fits
      ? `${kib((flash.limit ?? 0) - flash.bytes)} of flash and ${kib((ram.limit ?? 0) - ram.bytes)} of RAM are left for the runtime, which is not counted.`
      : `${short.join(' and ')}.`,
    reasons: short,
  };
}

function against(bytes: number, limit: PageTarget['flashLimit']): Verdict['flash'] {
  return {
    bytes,
    kind: 'lower bound',
    limit: limit?.bytes,
    limitLabel: limit?.label,
    fits: limit && bytes <= limit.bytes,
  };
}

function schemeRow(
  id: SchemeSummary['id'],
  label: string,
  analysis: Analysis,
  target: PageTarget | undefined,
  sqnrDb: number | undefined,
): SchemeSummary {
  return {
    id,
    label,
    state: {
      kind: 'ready',
      flashBytes: analysis.totals.constantBytes,
      ramBytes: analysis.totals.peakActivationBytes,
      fileBytes: analysis.file.bytes,
      externalBytes: undefined,
      verdict: target && verdictOf(analysis, target),
    },
    ...(target && { cells: [{ kind: 'judged', verdict: verdictOf(analysis, target) }] }),
    ...(sqnrDb === undefined
      ? {}
      : { weightError: { sqnrDb, tensors: 28, overflows: 0, underflows: id === 'float16' ? 12 : 0 } }),
  };
}

/** The chosen chip as the only column of the what-if table. */
export function onlyChip(target: PageTarget, more: Partial<PageChip> = {}): PageWhatIf {
  const chip: PageChip = {
    key: target.id,
    chosen: true,
    pinned: false,
    target,
    reserves: { flash: 0, ram: 0, stack: 0 },
    ...more,
  };
  return { chips: [chip], figures: {}, allSchemes: false, asked: false, rareSchemes: 6 };
}

/** The page's state for a net on a chip. */
export function stateOf(
  plans: readonly Plan[],
  options: { readonly target?: PageTarget; readonly revision?: number } = {},
): PageState {
  const { target, revision = 1 } = options;
  const analysis = analysisOf(plans);
  return {
    revision,
    target,
    precision: 'as-in-file',
    filePrecision: 'float32',
    analysis,
    verdict: target && verdictOf(analysis, target),
    schemes: [
      schemeRow('as-in-file', 'float32', analysis, target, undefined),
      schemeRow('float16', 'float16', analysisOf(plans, 2), target, 73.7),
      schemeRow('int8-weights', 'int8 weights only', analysisOf(plans, 1), target, 46.4),
    ],
    ...(target && { whatIf: onlyChip(target) }),
    suggestion: undefined,
  };
}

/** Details as the host would read them, with a bell of weights. */
export function detailsOf(layer: LayerSummary): LayerDetails {
  const histogram = Array.from({ length: 41 }, (_, bin) =>
    Math.round(900 * Math.exp(-(((bin - 20) / 6) ** 2)) + ((bin * 37) % 11)),
  );
  return {
    index: layer.index,
    inputs: [
      {
        name: 'input_1',
        dataType: 'FLOAT',
        shape: [1, 3, 96, 96],
        bytes: 110_592,
        constant: false,
        origin: 'graph input',
      },
      { name: 'weight', dataType: 'FLOAT', shape: [16, 8, 1, 1], bytes: 512, constant: true, origin: 'initializer' },
    ],
    outputs: [
      {
        name: layer.outputs[0] ?? '',
        dataType: 'FLOAT',
        shape: layer.outputShape,
        bytes: layer.activationBytes,
        origin: 'inference',
      },
    ],
    attributes: [
      { name: 'kernel_shape', text: '1, 1' },
      { name: 'strides', text: '1, 1' },
      { name: 'pads', text: '0, 0, 0, 0' },
      { name: 'group', text: '1' },
    ],
    weights: {
      name: 'weight',
      elements: 128,
      minimum: -1.1924,
      maximum: 1.1491,
      mean: 0.02576,
      deviation: 0.376,
      histogram,
    },
  };
}
