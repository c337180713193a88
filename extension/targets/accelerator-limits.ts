import type { AcceleratorLayer } from './accelerator-layers';

/** Why an accelerator does not take a layer, without its name; undefined: nothing speaks against it. */
export type LayerRule = (layer: LayerFacts) => string | undefined;

/** A layer with what rules ask for most; undefined: not known, and then not judged. */
export interface LayerFacts extends AcceleratorLayer {
  readonly kernel: readonly number[] | undefined;
  readonly strides: readonly number[] | undefined;
  readonly dilations: readonly number[] | undefined;
  readonly pads: readonly number[] | undefined;
  readonly inputChannels: number | undefined;
  readonly outputChannels: number | undefined;
  /** The input's sizes without batch and channels. */
  readonly spatial: readonly number[] | undefined;
  /** undefined: not a convolution, or not known. */
  readonly groups: 'one' | 'depthwise' | 'several' | undefined;
}

/** What an accelerator takes, as far as a source states it. */
export interface AcceleratorRules {
  /** Of the name in the catalogue. */
  readonly pattern: RegExp;
  readonly label: string;
  /** Element types that layers may have on it. */
  readonly precisions: readonly string[];
  /** By ONNX operator. What is not here it does not take. */
  readonly operators: Readonly<Record<string, LayerRule>>;
  /** Asked of every layer that it takes by operator. */
  readonly everyLayer?: LayerRule;
  /** Most layers, those that are folded into others not counted. */
  readonly mostLayers?: number;
  /** Bytes for weights. `beyond`: what happens to a model with more. */
  readonly weightMemory?: { readonly bytes: number; readonly label: string; readonly beyond: 'cannot run' | 'slower' };
  /** What runs a layer that it does not take; undefined: nothing, the model cannot be compiled for it. */
  readonly fallback: string | undefined;
  /** What was not checked, one sentence each. */
  readonly notChecked: readonly string[];
  readonly source: string;
}

const taken: LayerRule = () => undefined;

/** The reason of the first rule that has one. */
export function all(...rules: readonly LayerRule[]): LayerRule {
  return (layer) => {
    for (const rule of rules) {
      const reason = rule(layer);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };
}

/** The rules of several operators that share one. */
export function each(operators: string, rule: LayerRule = taken): Readonly<Record<string, LayerRule>> {
  return Object.fromEntries(operators.split(' ').map((name) => [name, rule]));
}

/** The rule that every kernel is one that `accepts`. */
export function kernelsIn(text: string, accepts: (kernel: readonly number[]) => boolean): LayerRule {
  return ({ kernel }) => (kernel && !accepts(kernel) ? `kernel ${kernel.join('×')}; it takes ${text}` : undefined);
}

/** The rule that a figure of a layer is at most a limit. */
export function atMost(
  what: string,
  most: number,
  sizes: (layer: LayerFacts) => readonly (number | undefined)[] | undefined,
): LayerRule {
  return (layer) => {
    const over = sizes(layer)?.find((size) => size !== undefined && size > most);
    return over === undefined ? undefined : `${what} ${over}; at most ${most}`;
  };
}

/** The rule that strides are ones that `accepts`. */
export function stridesIn(text: string, accepts: (strides: readonly number[]) => boolean): LayerRule {
  return ({ strides }) => (strides && !accepts(strides) ? `stride ${strides.join('×')}; it takes ${text}` : undefined);
}

export const notDilated: LayerRule = ({ dilations }) =>
  dilations?.some((dilation) => dilation > 1) ? `dilation ${dilations.join('×')}; it takes none` : undefined;
export const notGrouped: LayerRule = ({ groups }) =>
  groups === 'depthwise' ? 'depthwise; it takes no groups' : groups === 'several' ? 'groups; it takes none' : undefined;
export const oneGroupOrDepthwise: LayerRule = ({ groups }) =>
  groups === 'several' ? 'groups; it takes one group or as many as channels' : undefined;
export const constantWeights: LayerRule = ({ computedWeights }) =>
  computedWeights ? 'weights are computed; it takes constant weights' : undefined;
export const oneImage: LayerRule = ({ inputShape }) => {
  const batch = inputShape?.[0];
  return typeof batch === 'number' && batch > 1 && (inputShape?.length ?? 0) > 2
    ? `batch ${batch}; it takes 1`
    : undefined;
};
export const atMostFourAxes: LayerRule = ({ outputShape }) =>
  outputShape && outputShape.length > 4 ? `${outputShape.length} axes; at most 4` : undefined;

/** The product of sizes; 1 for none. */
export function product(sizes: readonly number[]): number {
  return sizes.reduce((result, size) => result * size, 1);
}

/** The reach of a kernel with its dilations, per axis. */
export function dilated({ kernel, dilations }: LayerFacts): readonly number[] | undefined {
  return kernel?.map((size, axis) => (size - 1) * (dilations?.[axis] ?? 1) + 1);
}

export const square = (accepted: readonly number[]) => (kernel: readonly number[]) =>
  kernel.every((size) => size === kernel[0]) && accepted.includes(kernel[0] ?? 0);

/** Elements of a shape; 0 where a size is not known. */
export function elements(shape: AcceleratorLayer['outputShape']): number {
  return shape?.every((size) => typeof size === 'number') ? product(shape.map(Number)) : 0;
}
