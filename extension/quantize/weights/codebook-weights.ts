import type { Tensor } from '../../model/model';
import type { TensorData } from '../../onnx/edit';
import type { ModelBytes } from '../../onnx/tensor-data';
import { Once } from '../tensor-values';
import { floatPieces, mappingError } from './mapped-tensor';
import { float32Bytes } from './quantized-tensor';
import type { WeightForm, WeightScheme, WeightSite } from './weight-form';

const anyOpset = 1;
/** Elements are sorted into so many classes of equal width first; a centre is then never further off than a class is wide. */
const classes = 1 << 14;
/** Rounds of Lloyd's algorithm; it ends before where no centre moves. */
const rounds = 100;

/**
 * k-means over the elements of each weight: 2^bits centres, and every element becomes the nearest. ONNX has no type for it: the file holds
 * the centres' values in float32, and the packed size (an index for each element, and the table) is accounted apart.
 */
export function codebookWeights(bits: number): WeightScheme {
  return {
    id: 'codebook',
    stored: `${2 ** bits} values and indices`,
    opset: anyOpset,
    form: (site) => codebookForm(site, bits),
  };
}

function codebookForm({ name, tensor, bytes }: WeightSite, bits: number): WeightForm | { readonly reason: string } {
  const table = 2 ** bits;
  const packedBytes = Math.ceil((tensor.elementCount * bits) / 8) + table * 4;
  if (packedBytes >= tensor.byteLength) {
    return { reason: `Indices and table would take ${packedBytes} bytes, and it takes ${tensor.byteLength} as it is.` };
  }
  const centres = new Once(() => clusterCentres(tensor, bytes, table));
  const replacement: TensorData = {
    name,
    dataType: 'FLOAT',
    dims: tensor.dims,
    byteLength: tensor.byteLength,
    deferred: true,
    async *produce() {
      const sorted = await centres.get();
      for await (const values of floatPieces(tensor, bytes)) {
        yield float32Bytes(values.map((value) => nearest(sorted, value)));
      }
    },
  };
  return {
    replacement,
    added: [],
    nodes: [],
    description: `FLOAT with ${table} values`,
    packedBytes,
    async measure(signal) {
      const sorted = await centres.get();
      return mappingError(tensor, bytes, (value) => nearest(sorted, value), signal);
    },
  };
}

/** At most `count` float32 values in ascending order: the means of the clusters that Lloyd's algorithm ends with. The same input gives the same values. */
async function clusterCentres(tensor: Tensor, bytes: ModelBytes, count: number): Promise<Float32Array> {
  let [minimum, maximum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for await (const values of floatPieces(tensor, bytes)) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
  }
  if (!(maximum > minimum)) return Float32Array.of(Number.isFinite(minimum) ? minimum : 0);
  const counts = new Float64Array(classes);
  const sums = new Float64Array(classes);
  const width = (maximum - minimum) / classes;
  for await (const values of floatPieces(tensor, bytes)) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      const index = Math.min(Math.floor((value - minimum) / width), classes - 1);
      counts[index] = (counts[index] ?? 0) + 1;
      sums[index] = (sums[index] ?? 0) + value;
    }
  }
  // Evenly spread over the range at first: large weights are few and matter most (Han et al. 2016, Deep Compression).
  let centres = Float64Array.from(
    { length: count },
    (_, index) => minimum + ((maximum - minimum) * (index + 0.5)) / count,
  );
  for (let round = 0; round < rounds; round++) {
    const moved = means(centres, counts, sums);
    const same = moved.length === centres.length && moved.every((centre, index) => centre === centres[index]);
    centres = moved;
    if (same) break;
  }
  return Float32Array.from(centres);
}

/** The means of the classes nearest to each centre, in ascending order; a centre that is nearest to none goes. */
function means(centres: Float64Array, counts: Float64Array, sums: Float64Array): Float64Array<ArrayBuffer> {
  const totals = new Float64Array(centres.length);
  const elements = new Float64Array(centres.length);
  let centre = 0;
  for (let index = 0; index < counts.length; index++) {
    const count = counts[index] ?? 0;
    if (count === 0) continue;
    const mean = (sums[index] ?? 0) / count;
    while (
      centre + 1 < centres.length &&
      Math.abs((centres[centre + 1] ?? 0) - mean) < Math.abs((centres[centre] ?? 0) - mean)
    ) {
      centre++;
    }
    totals[centre] = (totals[centre] ?? 0) + (sums[index] ?? 0);
    elements[centre] = (elements[centre] ?? 0) + count;
  }
  return totals.map((total, index) => total / (elements[index] ?? 0)).filter((mean) => Number.isFinite(mean));
}

/** The centre nearest to a value; NaN counts as 0. */
function nearest(sorted: Float32Array, element: number): number {
  const value = Number.isNaN(element) ? 0 : element;
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value > ((sorted[middle] ?? 0) + (sorted[middle + 1] ?? 0)) / 2) low = middle + 1;
    else high = middle;
  }
  return sorted[low] ?? 0;
}
