import { type Dim, floorDivide, multiply, type Shape } from '../model/dimension';
import { resolveAxes } from './axes';
import type { OpContext, OpDefinition } from './definition';
import { define, tensorFact, unknownDims } from './facts';

const resize = define('Resize', 10, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  if (input === undefined) return [tensorFact(dataType, undefined)];
  return [tensorFact(dataType, resizedShape(context, input))];
});

function resizedShape(context: OpContext, input: Shape): Shape {
  const scalesAt = context.opset < 11 ? 1 : 2;
  const given = context.opset >= 18 ? context.attributes.ints('axes') : undefined;
  const axes = given === undefined ? Array.from(input, (_, axis) => axis) : resolveAxes(context, given, input.length);
  if (axes === undefined) return unknownDims(input.length);
  const bySizes = context.opset >= 11 && isGiven(context, 3);
  const byScales = isGiven(context, scalesAt);
  if (bySizes && byScales && !mayBeEmpty(context, scalesAt)) context.fault('Resize with both scales and sizes.');
  if (!bySizes && !byScales) {
    context.fault('Resize without scales and without sizes.');
    return unknownDims(input.length);
  }
  const wanted = context.elements(bySizes ? 3 : scalesAt)?.elements;
  if (wanted === undefined) return replaced(input, axes, () => null);
  if (wanted.length !== axes.length) {
    context.fault(`Resize with ${wanted.length} ${bySizes ? 'sizes' : 'scales'} for ${axes.length} axes.`);
    return unknownDims(input.length);
  }
  if (bySizes) return sizedShape(context, input, axes, wanted);
  const extents = regionExtents(context, axes.length);
  return replaced(input, axes, (dim, index) => scaledDim(dim, wanted[index] ?? null, extents(index)));
}

/** Given, and not by an empty tensor, which opset 11 asks for in place of an omitted input. */
function isGiven(context: OpContext, index: number): boolean {
  return context.hasInput(index) && context.shape(index)?.[0] !== 0;
}

/** Scales of unknown length beside sizes may well be the empty tensor. */
function mayBeEmpty(context: OpContext, index: number): boolean {
  return typeof context.shape(index)?.[0] !== 'number';
}

function replaced(input: Shape, axes: readonly number[], size: (dim: Dim, index: number) => Dim): Shape {
  return input.map((dim, axis) => {
    const index = axes.indexOf(axis);
    return index < 0 ? dim : size(dim, index);
  });
}

/** The part of each axis that is resized: 1, or the extent of the region in tf_crop_and_resize. */
function regionExtents(context: OpContext, count: number): (index: number) => Dim {
  const cropped = context.attributes.string('coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize';
  if (!cropped || context.opset < 11) return () => 1;
  const region = context.elements(1)?.elements;
  return (index) => {
    const start = region?.[index];
    const end = region?.[index + count];
    return typeof start === 'number' && typeof end === 'number' ? end - start : null;
  };
}

/** floor(dim * extent * scale), in float32 as runtimes and the reference compute it. */
function scaledDim(dim: Dim, scale: Dim, extent: Dim): Dim {
  if (dim === null || extent === null || scale === null) return null;
  if (typeof scale !== 'number') return extent === 1 ? multiply(dim, scale) : null;
  if (typeof extent !== 'number') return null;
  if (!(scale > 0) || !Number.isFinite(scale)) return null;
  if (extent === 1) return scaleBy(dim, scale);
  if (typeof dim !== 'number') return null;
  // The order of the factors is not laid down: where rounding makes it matter, the size is not known.
  const once = Math.floor(Math.fround(Math.fround(dim * Math.fround(extent)) * Math.fround(scale)));
  return once === Math.floor(dim * (extent * scale)) ? once : null;
}

/** A dimension times a float32 factor, rounded down. A symbolic one only by a fraction with a small power of two below. */
function scaleBy(dim: Dim, scale: number): Dim {
  const factor = Math.fround(scale);
  if (typeof dim === 'number') return Math.floor(Math.fround(dim * factor));
  const numerator = factor * 1024;
  if (!Number.isSafeInteger(numerator)) return null;
  return floorDivide(multiply(dim, numerator), 1024);
}

function sizedShape(context: OpContext, input: Shape, axes: readonly number[], sizes: readonly Dim[]): Shape {
  const policy = context.opset >= 18 ? context.attributes.string('keep_aspect_ratio_policy', 'stretch') : 'stretch';
  if (policy === 'stretch') return replaced(input, axes, (_, index) => sizes[index] ?? null);
  const ratios: number[] = [];
  for (const [index, axis] of axes.entries()) {
    const dim = input[axis];
    const size = sizes[index];
    if (typeof dim !== 'number' || typeof size !== 'number' || dim === 0) return replaced(input, axes, () => null);
    ratios.push(size / dim);
  }
  const ratio = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return replaced(input, axes, (dim) => {
    if (typeof dim !== 'number') return null;
    // Halves are rounded up; where float32 comes to another whole number, the size is not known.
    const size = Math.floor(dim * ratio + 0.5);
    return size === Math.floor(Math.fround(Math.fround(ratio) * dim) + 0.5) ? size : null;
  });
}

const upsample = define('Upsample', 1, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  if (input === undefined) return [tensorFact(dataType, undefined)];
  const scales = upsampleScales(context);
  if (scales !== undefined && scales.length !== input.length) {
    context.fault(`Upsample with ${scales.length} scales of a tensor of rank ${input.length}.`);
    return [tensorFact(dataType, unknownDims(input.length))];
  }
  return [
    tensorFact(
      dataType,
      input.map((dim, axis) => scaledDim(dim, scales?.[axis] ?? null, 1)),
    ),
  ];
});

function upsampleScales(context: OpContext): readonly Dim[] | undefined {
  if (context.opset >= 9) return context.elements(1)?.elements;
  const scales = context.attributes.floats('scales');
  if (scales !== undefined) return scales;
  // Opset 1 scales the two spatial axes of an image.
  const height = context.attributes.float('height_scale');
  const width = context.attributes.float('width_scale');
  return height === undefined || width === undefined ? undefined : [1, 1, height, width];
}

const gridSample = define('GridSample', 16, (context) => {
  const input = context.shape(0);
  const grid = context.shape(1);
  const rank = input?.length ?? grid?.length;
  if (rank === undefined || rank < 3) return [tensorFact(context.dataType(0), undefined)];
  if (grid !== undefined && grid.length !== rank) {
    context.fault(`GridSample of a tensor of rank ${rank} with a grid of rank ${grid.length}.`);
    return [tensorFact(context.dataType(0), undefined)];
  }
  const places = grid === undefined ? unknownDims(rank - 2) : grid.slice(1, -1);
  return [tensorFact(context.dataType(0), [input?.[0] ?? grid?.[0] ?? null, input?.[1] ?? null, ...places])];
});

const affineGrid = define('AffineGrid', 20, (context) => {
  const dataType = context.dataType(0);
  const theta = context.shape(0);
  const length = context.elements(1)?.elements.length ?? context.shape(1)?.[0];
  if (length !== 4 && length !== 5) return [tensorFact(dataType, undefined)];
  const size = context.elements(1)?.elements ?? unknownDims(length);
  return [tensorFact(dataType, [size[0] ?? theta?.[0] ?? null, ...size.slice(2), length - 2])];
});

const col2Im = define('Col2Im', 18, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  const image = context.elements(1)?.elements;
  const block = context.elements(2)?.elements;
  const count = image?.length ?? block?.length ?? context.shape(1)?.[0] ?? context.shape(2)?.[0];
  if (typeof count !== 'number' || count > 16) return [tensorFact(dataType, undefined)];
  let area: Dim = block === undefined ? null : 1;
  for (const size of block ?? []) area = multiply(area, size);
  const channels = floorDivide(input?.[1] ?? null, area);
  return [tensorFact(dataType, [input?.[0] ?? null, channels, ...(image ?? unknownDims(count))])];
});

export const resizingOperators: readonly OpDefinition[] = [resize, upsample, gridSample, affineGrid, col2Im];
