import type { LinearLayer, Window } from './linear-layers';

/**
 * The inputs of a layer as rows that its weights are multiplied by: calls `visit` with the group and its row of `layer.inputs` elements, of at most `most`
 * places spread evenly over the tensor. The row is used again for the next. A tensor of another shape than the layer takes has no rows.
 */
export function eachInputRow(
  layer: LinearLayer,
  dims: readonly number[],
  values: ArrayLike<number>,
  most: number,
  visit: (group: number, row: Float64Array) => void,
): void {
  const row = new Float64Array(layer.inputs);
  if (layer.node.opType !== 'Conv') {
    if (dims.at(-1) !== layer.inputs) return;
    for (const place of spread(values.length / layer.inputs, most)) {
      for (let index = 0; index < row.length; index++) row[index] = values[place * layer.inputs + index] ?? 0;
      visit(0, row);
    }
    return;
  }
  const { window, groups, inputs } = layer;
  if (!window || dims.length !== window.axes + 2) return;
  const [samples = 1, channels = 1] = dims;
  const [height, width] = window.axes === 1 ? [1, dims[2] ?? 1] : [dims[2] ?? 1, dims[3] ?? 1];
  const perGroup = channels / groups;
  if (perGroup * window.kernel[0] * window.kernel[1] !== inputs) return;
  const [rows, columns] = [steps(height, window, 0), steps(width, window, 1)];
  for (const place of spread(samples * rows * columns, most)) {
    const sample = Math.floor(place / (rows * columns));
    const top = (Math.floor(place / columns) % rows) * window.strides[0] - window.padsBefore[0];
    const left = (place % columns) * window.strides[1] - window.padsBefore[1];
    for (let group = 0; group < groups; group++) {
      let index = 0;
      for (let channel = group * perGroup; channel < (group + 1) * perGroup; channel++) {
        const plane = (sample * channels + channel) * height;
        for (let ky = 0; ky < window.kernel[0]; ky++) {
          const y = top + ky * window.dilations[0];
          for (let kx = 0; kx < window.kernel[1]; kx++) {
            const x = left + kx * window.dilations[1];
            const isInside = y >= 0 && y < height && x >= 0 && x < width;
            row[index++] = isInside ? (values[(plane + y) * width + x] ?? 0) : 0;
          }
        }
      }
      visit(group, row);
    }
  }
}

/** Places of the window along an axis. */
function steps(length: number, { kernel, strides, dilations, padsBefore, padsAfter }: Window, axis: 0 | 1): number {
  const reach = (kernel[axis] - 1) * dilations[axis] + 1;
  return Math.max(0, Math.floor((length + padsBefore[axis] + padsAfter[axis] - reach) / strides[axis]) + 1);
}

function* spread(count: number, most: number): Generator<number> {
  const taken = Math.min(count, most);
  for (let index = 0; index < taken; index++) yield Math.floor(((index + 0.5) * count) / taken);
}
