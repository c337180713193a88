import { readAttributes } from '../ops/attribute-reader';
import type { Draft, DraftOperator } from './draft';
import type { Facts } from './facts';
import type { SlidingWindow } from './lowered';
import { operatorsPerStep, type Steps } from './steps';

/** Channels that a convolution or a fully connected operator makes; undefined when not known. */
export function outputChannels(facts: Facts, { type, node, inputs }: DraftOperator): number | undefined {
  const weight = facts.shape(inputs[1] ?? '');
  if (!weight) return undefined;
  switch (type) {
    case 'Conv':
      return weight[0];
    case 'ConvTranspose':
      return (weight[1] ?? 0) * readAttributes(node).int('group', 1);
    case 'Gemm':
      return readAttributes(node).int('transB', 0) ? weight[0] : weight[1];
    default:
      return weight.at(-1);
  }
}

/** The window of a convolution or pool over one or two spatial axes; undefined where a size is not known or there are more axes. */
export function windowOf(facts: Facts, operator: DraftOperator): SlidingWindow | undefined {
  const { type, node, inputs, source } = operator;
  const attributes = readAttributes(node);
  const input = facts.shape(source);
  const isPool = type.endsWith('Pool');
  const kernel = attributes.ints('kernel_shape') ?? (isPool ? undefined : facts.shape(inputs[1] ?? '')?.slice(2));
  if (!input || !kernel || kernel.length < 1 || kernel.length > 2) return undefined;
  if (input.length !== kernel.length + 2) return undefined;
  const strides = attributes.ints('strides') ?? kernel.map(() => 1);
  const dilations = attributes.ints('dilations') ?? kernel.map(() => 1);
  const pads =
    operator.pads ??
    explicitPads(attributes.string('auto_pad', 'NOTSET'), attributes.ints('pads'), {
      kernel,
      strides,
      dilations,
      sizes: input.slice(2),
    });
  const rows = (list: readonly number[], otherwise: number): [number, number] =>
    kernel.length === 2 ? [list[0] ?? otherwise, list[1] ?? otherwise] : [otherwise, list[0] ?? otherwise];
  const [top, left] = rows(pads, 0);
  const [bottom, right] = rows(pads.slice(kernel.length), 0);
  return {
    kernel: rows(kernel, 1),
    strides: rows(strides, 1),
    dilations: rows(dilations, 1),
    pads: [top, left, bottom, right],
    batch: input[0] ?? 1,
    inputChannels: input[1] ?? 1,
    outputChannels: isPool ? (input[1] ?? 1) : (outputChannels(facts, operator) ?? 1),
    inputWidth: input.at(-1) ?? 1,
  };
}

interface Axes {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Elements along each spatial axis of the input. */
  readonly sizes: readonly number[];
}

/** Padding at the beginning of each axis, then at the end of each, for any auto_pad. Source: ONNX operator Conv. */
function explicitPads(automatic: string, pads: readonly number[] | undefined, axes: Axes): readonly number[] {
  if (!automatic.startsWith('SAME')) return automatic === 'VALID' || !pads ? axes.kernel.flatMap(() => [0, 0]) : pads;
  const total = samePadding(axes);
  const small = total.map((size) => Math.floor(size / 2));
  const large = total.map((size) => Math.ceil(size / 2));
  return automatic === 'SAME_LOWER' ? [...large, ...small] : [...small, ...large];
}

/** Padding on each axis that gives ceil(size / stride) positions. */
function samePadding({ kernel, strides, dilations, sizes }: Axes): readonly number[] {
  return kernel.map((size, axis) => {
    const stride = strides[axis] ?? 1;
    const positions = Math.ceil((sizes[axis] ?? 0) / stride);
    const extent = (dilations[axis] ?? 1) * (size - 1) + 1;
    return Math.max(0, (positions - 1) * stride + extent - (sizes[axis] ?? 0));
  });
}

/**
 * True where TensorFlow Lite can say the padding: none (VALID), or as much as SAME needs with the larger half at the end. Everything
 * else needs a Pad operator before.
 */
export function isPaddingSayable(facts: Facts, operator: DraftOperator): boolean {
  const window = windowOf(facts, operator);
  if (!window) return true;
  const [top, left, bottom, right] = window.pads;
  if (top + left + bottom + right === 0) return true;
  const input = facts.shape(operator.source) ?? [];
  const sizes: readonly number[] = input.length === 4 ? input.slice(2) : [1, input[2] ?? 0];
  const { kernel, strides, dilations } = window;
  const [rows = 0, columns = 0] = samePadding({ kernel, strides, dilations, sizes });
  return (
    top === Math.floor(rows / 2) &&
    bottom === Math.ceil(rows / 2) &&
    left === Math.floor(columns / 2) &&
    right === Math.ceil(columns / 2)
  );
}

/** Lets convolutions do the Pad before them where together they are a padding that TensorFlow Lite can say. */
export function* absorbPadding(draft: Draft): Steps {
  let seen = 0;
  for (const pad of draft.operators) {
    if (++seen % operatorsPerStep === 0) yield;
    if (pad.type !== 'Pad') continue;
    const operator = draft.soleUser(pad.outputs[0] ?? '');
    const sizes = draft.facts.numbers(pad.inputs[1] ?? '') ?? readAttributes(pad.node).ints('pads');
    if (operator?.type !== 'Conv' || !sizes || readAttributes(pad.node).string('mode', 'constant') !== 'constant')
      continue;
    const window = windowOf(draft.facts, operator);
    if (!window || pad.inputs.length > 3 || sizes.length !== 8 || [0, 1, 4, 5].some((at) => sizes[at] !== 0)) continue;
    const [top, left, bottom, right] = window.pads;
    const [, , above = 0, before = 0, , , below = 0, after = 0] = sizes;
    const merged: DraftOperator = {
      ...operator,
      source: pad.inputs[0] ?? '',
      pads: [top + above, left + before, bottom + below, right + after],
    };
    if (!isPaddingSayable(draft.facts, merged)) continue;
    operator.pads = merged.pads ?? [];
    operator.source = merged.source;
    draft.bypass(pad);
  }
}
