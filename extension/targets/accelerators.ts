import type { AcceleratorLayer } from './accelerator-layers';
import type { AcceleratorRules, LayerFacts } from './accelerator-limits';
import { acceleratorRules } from './accelerator-rules';
import type { Target } from './target';

/** Whether a model can run on the accelerator of a target, as far as sources state its limits. */
export interface AcceleratorCheck {
  /** The accelerator that was asked about. */
  readonly runsOn: string;
  /**
   * `all`: nothing that is checked speaks against it. `partly`: some layers run on `fallback` instead. `none`: the model cannot run
   * on it as it is. `unknown`: its limits are not known.
   */
  readonly outcome: 'all' | 'partly' | 'none' | 'unknown';
  /** What the model was taken to run in. */
  readonly precision: string;
  /** Layers that were asked about: those that compilers fold away are left out. */
  readonly layers: number;
  /** Multiply-accumulates of those layers, and of the ones that it does not take; of layers where they are known. */
  readonly macs: number;
  readonly refusedMacs: number;
  /** What it does not take; an empty layer: the model as a whole. */
  readonly problems: readonly AcceleratorProblem[];
  /** What runs those layers; undefined: nothing does. */
  readonly fallback: string | undefined;
  /** Bytes of the weights in this precision, a lower bound, against the accelerator's own memory for them. */
  readonly weightMemory?: {
    readonly bytes: number;
    readonly limit: number;
    readonly label: string;
    readonly fits: boolean;
    /** `slower`: what is over the limit is fetched from outside at every run. */
    readonly beyond: 'cannot run' | 'slower';
    readonly kind: 'lower bound';
  };
  /** What was not checked, one sentence each. */
  readonly notChecked: readonly string[];
  /** Where the limits come from; empty where they are not known. */
  readonly source: string;
}

export interface AcceleratorProblem {
  readonly layer: string;
  /** Position of the layer's node in the file. */
  readonly index?: number;
  readonly reason: string;
}

/** Operators that no accelerator sees: conversions of a quantized model, and what a compiler folds into the layer before it. */
const foldedOperators: ReadonlySet<string> = new Set([
  'QuantizeLinear',
  'DequantizeLinear',
  'BatchNormalization',
  'Identity',
  'Dropout',
  'Constant',
  'Shape',
]);

/** Bits of a weight in a precision. */
const weightBits: Readonly<Record<string, number>> = {
  int8: 8,
  uint8: 8,
  int16x8: 8,
  int4: 4,
  ternary: 2,
  binary: 1,
  float16: 16,
  float32: 32,
};

/**
 * Holds the layers of a model against the limits of the target's accelerator. `precision`: what the model is to run in. undefined for
 * a target without an accelerator. Pure; what is not known of a layer is not held against it.
 */
export function checkAccelerator(
  layers: readonly AcceleratorLayer[],
  target: Pick<Target, 'accelerator'>,
  precision: string,
): AcceleratorCheck | undefined {
  const { accelerator } = target;
  if (accelerator === undefined) return undefined;
  const visible = layers.filter(({ opType }) => !foldedOperators.has(opType));
  const asked = { runsOn: accelerator, precision, layers: visible.length, macs: macsOf(visible) };
  const rules = acceleratorRules.find(({ pattern }) => pattern.test(accelerator));
  if (!rules) {
    return {
      ...asked,
      outcome: 'unknown',
      refusedMacs: 0,
      problems: [],
      fallback: undefined,
      notChecked: [`What ${accelerator} takes is not known from a source.`],
      source: '',
    };
  }
  const refused = visible.flatMap((layer) => {
    const reason = whyRefused(factsOf(layer), rules);
    return reason === undefined ? [] : [{ layer, reason }];
  });
  const weightMemory = weightMemoryOf(layers, rules, precision);
  const whole = [
    ...(rules.precisions.includes(precision)
      ? []
      : [{ layer: '', reason: `${precision}; it takes ${rules.precisions.join(', ')}` }]),
    ...tooManyLayers(visible, rules),
    ...(weightMemory?.fits === false && weightMemory.beyond === 'cannot run'
      ? [
          {
            layer: '',
            reason: `weights take at least ${weightMemory.bytes} bytes; its ${rules.weightMemory?.label} has ${weightMemory.limit}`,
          },
        ]
      : []),
  ];
  const stopped =
    whole.length > 0 || (refused.length > 0 && (rules.fallback === undefined || refused.length === visible.length));
  return {
    ...asked,
    outcome: stopped ? 'none' : refused.length > 0 ? 'partly' : 'all',
    refusedMacs: macsOf(refused.map(({ layer }) => layer)),
    problems: [
      ...whole,
      ...refused.map(({ layer: { name, index }, reason }) => ({
        layer: name,
        ...(index !== undefined && { index }),
        reason,
      })),
    ],
    fallback: rules.fallback,
    ...(weightMemory && { weightMemory }),
    notChecked: rules.notChecked,
    source: rules.source,
  };
}

function macsOf(layers: readonly AcceleratorLayer[]): number {
  return layers.reduce((sum, { macs = 0 }) => sum + macs, 0);
}

function whyRefused(layer: LayerFacts, rules: AcceleratorRules): string | undefined {
  const rule = Object.hasOwn(rules.operators, layer.opType) ? rules.operators[layer.opType] : undefined;
  // A clip to positive numbers is an activation like Relu wherever that is one.
  if (!rule) return layer.opType === 'Clip' && rules.operators['Relu'] ? undefined : `it does not take ${layer.opType}`;
  return rule(layer) ?? rules.everyLayer?.(layer);
}

/** Pooling, sums and activations run with the layer after or before them. */
function tooManyLayers(visible: readonly AcceleratorLayer[], { mostLayers }: AcceleratorRules) {
  const count = visible.filter(({ opType }) => /Conv|Gemm|MatMul/.test(opType)).length;
  if (mostLayers === undefined || count <= mostLayers) return [];
  return [{ layer: '', reason: `${count} layers; at most ${mostLayers}` }];
}

function weightMemoryOf(
  layers: readonly AcceleratorLayer[],
  { weightMemory }: AcceleratorRules,
  precision: string,
): AcceleratorCheck['weightMemory'] {
  const bits = weightBits[precision];
  if (!weightMemory || bits === undefined || layers.every(({ weights }) => weights === undefined)) return undefined;
  let elements = 0;
  for (const { weights = 0 } of layers) elements += weights;
  const bytes = Math.ceil((elements * bits) / 8);
  const { bytes: limit, label, beyond } = weightMemory;
  return { bytes, limit, label, beyond, fits: bytes <= limit, kind: 'lower bound' };
}

function factsOf(layer: AcceleratorLayer): LayerFacts {
  const { window, inputShape, outputShape, opType, operator } = layer;
  const inputChannels = size(channelsOf(inputShape, opType));
  const depthwise = operator?.startsWith('Depthwise') === true;
  const groups = window?.groups ?? (depthwise ? inputChannels : undefined);
  return {
    ...layer,
    kernel: kernelOf(layer),
    strides: window?.strides,
    dilations: window?.dilations,
    pads: window?.pads,
    inputChannels,
    outputChannels: size(channelsOf(outputShape, opType)),
    spatial: inputShape && inputShape.length > 2 ? numbers(inputShape.slice(2)) : undefined,
    groups:
      depthwise || (groups !== undefined && groups > 1 && groups === inputChannels)
        ? 'depthwise'
        : groups === undefined
          ? undefined
          : groups === 1
            ? 'one'
            : 'several',
  };
}

/** Channels are the second axis of images and signals, the last of what fully connected layers take. */
function channelsOf(shape: AcceleratorLayer['outputShape'], opType: string) {
  return /Gemm|MatMul/.test(opType) ? shape?.at(-1) : shape?.[1];
}

function size(value: number | string | null | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function numbers(values: readonly (number | string | null)[]): readonly number[] | undefined {
  const known = values.flatMap((value) => size(value) ?? []);
  return known.length === values.length ? known : undefined;
}

/** Of a window or, where a layer comes without one, of the operator's text. */
function kernelOf(layer: AcceleratorLayer): readonly number[] | undefined {
  if (layer.window) return layer.window.kernel;
  const text = /\s(\d+(?:×\d+)*)/.exec(layer.operator ?? '')?.[1];
  return text?.split('×').map(Number);
}
