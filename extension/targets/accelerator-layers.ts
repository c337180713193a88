import { evaluateDim, type Shape } from '../model/dimension';
import type { Node } from '../model/model';
import type { ModelShapes } from '../shapes/model-shapes';

/** Sizes in elements; undefined where not known. */
type Sizes = readonly (number | string | null)[] | undefined;

/**
 * What the limits of accelerators are about. A row of the layer table is one too: what it leaves out is not judged, but the kernel,
 * which is read from `operator`.
 */
export interface AcceleratorLayer {
  readonly name: string;
  /** Position of its node in the file. */
  readonly index?: number;
  /** Multiply-accumulates; absent where not known. */
  readonly macs?: number;
  readonly opType: string;
  /** "Conv 3×3", "Depthwise 3×3". */
  readonly operator?: string;
  /** First output, batch first, channels second. */
  readonly outputShape?: Sizes;
  readonly inputShape?: Sizes;
  /** Elements of its constant weights, without biases. */
  readonly weights?: number;
  readonly window?: Window;
  /** The second operand is computed, not stored in the model. */
  readonly computedWeights?: boolean;
}

/** Of convolutions and pooling, one entry a spatial axis, begins and ends of pads. Fully connected layers have none. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  readonly groups: number;
}

/**
 * The layers of a model in execution order with all that limits of accelerators ask for. `layers`: their positions and names. Left out
 * is what no accelerator sees: what depends on constants only, and changes between channels first and last.
 */
export function acceleratorLayers(
  { graph, sizeInTotals }: ModelShapes,
  layers: readonly { readonly index: number; readonly name: string; readonly macs?: number | undefined }[],
): readonly AcceleratorLayer[] {
  const sizes = (shape: Shape | undefined): Sizes => shape?.map((dim) => evaluateDim(dim, sizeInTotals));
  const shapeOf = (name: string | undefined): Sizes => {
    const type = name === undefined ? undefined : graph.values.get(name)?.type;
    return type?.kind === 'tensor' ? sizes(type.shape) : undefined;
  };
  return layers.flatMap(({ index, name, macs }) => {
    const node = graph.nodes[index]?.node;
    // What depends on constants only is computed before the model runs.
    if (!node || node.outputs.every((output) => graph.values.get(output)?.constant !== false)) return [];
    const outputShape = shapeOf(node.outputs[0]);
    const inputShape = shapeOf(node.inputs[0]);
    if (node.opType === 'Transpose' && changesLayoutOnly(node, inputShape)) return [];
    const window = windowOf(node, shapeOf(node.inputs[1]));
    const second = /Conv|Gemm|MatMul/.test(node.opType) ? graph.values.get(node.inputs[1] ?? '') : undefined;
    const weights = second?.constant === true ? shapeOf(node.inputs[1]) : undefined;
    return {
      name,
      index,
      ...(macs !== undefined && { macs }),
      opType: node.opType,
      ...(outputShape && { outputShape }),
      ...(inputShape && { inputShape }),
      ...(window && { window }),
      ...(second && !second.constant && { computedWeights: true }),
      ...(weights?.every((size) => typeof size === 'number') && {
        weights: weights.map(Number).reduce((a, b) => a * b, 1),
      }),
    };
  });
}

/** Compilers store images with channels last: a transposition from or to channels first moves nothing, nor does one of a vector. */
function changesLayoutOnly({ attributes }: Node, shape: Sizes): boolean {
  if (shape !== undefined && shape.filter((size) => size !== 1).length <= 1) return true;
  const order = attributes.get('perm');
  return order?.kind === 'ints' && ['0,2,3,1', '0,3,1,2'].includes(order.value.join());
}

function windowOf(node: Node, weights: Sizes): Window | undefined {
  if (!/Conv|Pool/.test(node.opType) || /^Global/.test(node.opType)) return undefined;
  const ints = (name: string): readonly number[] | undefined => {
    const attribute = node.attributes.get(name);
    return attribute?.kind === 'ints' ? attribute.value.map(Number) : undefined;
  };
  const kernel = ints('kernel_shape') ?? weights?.slice(2).map(Number);
  if (!kernel || kernel.length === 0 || kernel.some((size) => !Number.isFinite(size))) return undefined;
  const group = node.attributes.get('group');
  return {
    kernel,
    strides: ints('strides') ?? kernel.map(() => 1),
    dilations: ints('dilations') ?? kernel.map(() => 1),
    // auto_pad decides at run time; SAME pads at most by half a kernel.
    pads: ints('pads') ?? [...kernel, ...kernel].map(() => 0),
    groups: group?.kind === 'int' ? Number(group.value) : 1,
  };
}
