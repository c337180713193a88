import type { DataType } from '../model/data-type';
import { add, type Dim, multiply, type Shape, subtract } from '../model/dimension';
import type { OpContext, OpDefinition, ValueFact } from './definition';
import { tensorFact, unknownDims } from './facts';
import { listOf, positiveList, readWindow, windowPositions } from './window';

/** The shape of a pool over input 0 with kernel_shape; undefined when the rank is not known. */
export function pooledShape(context: OpContext, channelsLast = false): Shape | undefined {
  const kernel = context.attributes.ints('kernel_shape');
  const data = context.shape(0) ?? (kernel && unknownDims(kernel.length + 2));
  if (data === undefined) return undefined;
  const rank = data.length - 2;
  if (rank < 1) {
    context.fault(`The data has rank ${data.length}; a pool needs at least 3.`);
    return undefined;
  }
  if (kernel === undefined || kernel.length !== rank) {
    context.fault(`kernel_shape has ${kernel?.length ?? 'no'} entries; ${rank} are needed.`);
  }
  const window = kernel?.length === rank ? readWindow(context, kernel) : undefined;
  const spatial = channelsLast ? data.slice(1, -1) : data.slice(2);
  const positions = windowPositions(context, spatial, window).map((size, axis) =>
    // onnxruntime pads a dilated window as if it were not dilated, the specification does not: the size is then left open.
    window?.automatic === 'SAME' && window.dilations[axis] !== 1 && window.kernel[axis] !== 1 ? null : size,
  );
  const batch = data[0] ?? null;
  return channelsLast ? [batch, ...positions, data[data.length - 1] ?? null] : [batch, data[1] ?? null, ...positions];
}

/** The shape of a pool over all spatial axes: each becomes 1. */
export function globallyPooledShape(context: OpContext, channelsLast = false): Shape | undefined {
  const channelAxis = channelsLast ? (context.shape(0)?.length ?? 0) - 1 : 1;
  return context.shape(0)?.map((size, axis) => (axis === 0 || axis === channelAxis ? size : 1));
}

function inferPool(context: OpContext): readonly ValueFact[] {
  return [tensorFact(context.dataType(0), pooledShape(context))];
}

/** The second output, since opset 8, holds the flat positions of the maxima. */
function inferMaxPool(context: OpContext): readonly ValueFact[] {
  const shape = pooledShape(context);
  return [tensorFact(context.dataType(0), shape), tensorFact('INT64', shape)];
}

function inferGlobalPool(context: OpContext): readonly ValueFact[] {
  return [tensorFact(context.dataType(0), globallyPooledShape(context))];
}

function inferMaxRegionPool(context: OpContext): readonly ValueFact[] {
  const pooled = listOf(context, 'pooled_shape', 2, 0);
  if (!context.attributes.has('pooled_shape')) context.fault('pooled_shape is missing.');
  const size: Shape = context.attributes.has('pooled_shape') && pooled ? pooled : [null, null];
  const shape = [context.shape(1)?.[0] ?? null, context.shape(0)?.[1] ?? null, ...size];
  return [tensorFact(context.dataType(0), shape)];
}

function inferRegionAlign(context: OpContext): readonly ValueFact[] {
  const shape = [
    regionCount(context),
    context.shape(0)?.[1] ?? null,
    context.attributes.int('output_height', 1),
    context.attributes.int('output_width', 1),
  ];
  return [tensorFact(context.dataType(0), shape)];
}

function inferCropAndResize(context: OpContext): readonly ValueFact[] {
  const size = context.elements(3)?.elements;
  const shape = [regionCount(context), context.shape(0)?.[1] ?? null, size?.[0] ?? null, size?.[1] ?? null];
  return [tensorFact(context.dataType(0), shape)];
}

/** Regions of interest, by the region list or else by the list of their batch indices. */
function regionCount(context: OpContext): Dim {
  return context.shape(1)?.[0] ?? context.shape(2)?.[0] ?? null;
}

/** stride * (input - 1) + kernel - pads, unless the third input names the whole output shape. */
function inferMaxUnpool(context: OpContext): readonly ValueFact[] {
  return [tensorFact(context.dataType(0), unpooledShape(context))];
}

function unpooledShape(context: OpContext): Shape | undefined {
  const data = context.shape(0) ?? context.shape(1);
  if (context.hasInput(2)) return context.elements(2)?.elements ?? (data && unknownDims(data.length));
  if (data === undefined) return undefined;
  const rank = data.length - 2;
  if (rank < 0) {
    context.fault(`MaxUnpool needs an input of rank 2 or more, not ${data.length}.`);
    return undefined;
  }
  const kernel = context.attributes.ints('kernel_shape');
  const strides = positiveList(context, 'strides', rank);
  const pads = listOf(context, 'pads', rank * 2, 0);
  if (kernel?.length !== rank) context.fault(`kernel_shape must have ${rank} entries.`);
  if (kernel?.length !== rank || strides === undefined || pads === undefined) {
    return [...data.slice(0, 2), ...unknownDims(rank)];
  }
  const spatial = data.slice(2).map((size, axis) => {
    const whole = add(multiply(strides[axis] ?? 1, subtract(size, 1)), kernel[axis] ?? 0);
    return subtract(whole, (pads[axis] ?? 0) + (pads[axis + rank] ?? 0));
  });
  return [...data.slice(0, 2), ...spatial];
}

function channelsLastAttribute(context: OpContext): boolean {
  return context.attributes.int('channels_last', 0) !== 0;
}

/** The type of a quantized pool's output: that of its zero point at input 4, else that of the data. */
function pooledType(context: OpContext): DataType | undefined {
  return context.dataType(4) ?? context.dataType(0);
}

function inferQuantizedPool(context: OpContext): readonly ValueFact[] {
  return [tensorFact(pooledType(context), pooledShape(context, channelsLastAttribute(context)))];
}

function inferQuantizedGlobalPool(context: OpContext): readonly ValueFact[] {
  return [tensorFact(pooledType(context), globallyPooledShape(context, channelsLastAttribute(context)))];
}

function pool(type: string, since: number, infer: OpDefinition['infer'], domain = 'ai.onnx'): OpDefinition {
  return { domain, type, since, infer };
}

/** Pools over windows, over whole feature maps and over regions. They have no multiply-accumulates. */
export const poolingOperators: readonly OpDefinition[] = [
  pool('MaxPool', 1, inferMaxPool),
  pool('AveragePool', 1, inferPool),
  pool('LpPool', 1, inferPool),
  pool('GlobalMaxPool', 1, inferGlobalPool),
  pool('GlobalAveragePool', 1, inferGlobalPool),
  pool('GlobalLpPool', 1, inferGlobalPool),
  pool('MaxRoiPool', 1, inferMaxRegionPool),
  pool('RoiAlign', 10, inferRegionAlign),
  pool('MaxUnpool', 9, inferMaxUnpool),
  pool('NhwcMaxPool', 1, (context) => [tensorFact(context.dataType(0), pooledShape(context, true))], 'com.microsoft'),
  pool('MaxpoolWithMask', 1, inferPool, 'com.microsoft'),
  pool('CropAndResize', 1, inferCropAndResize, 'com.microsoft'),
  pool('QLinearAveragePool', 1, inferQuantizedPool, 'com.microsoft'),
  pool('QLinearGlobalAveragePool', 1, inferQuantizedGlobalPool, 'com.microsoft'),
];
