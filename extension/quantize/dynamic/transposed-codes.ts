import type { TensorData } from '../../onnx/edit';

/** Int8 codes with their last two axes exchanged; one matrix is in memory while it is written. */
export function transposedCodes(codes: TensorData): TensorData {
  const [rows = 1, columns = 1] = codes.dims.slice(-2);
  const produce = async function* () {
    let matrix = new Uint8Array(rows * columns);
    let position = 0;
    for await (const piece of codes.produce()) {
      for (const code of piece) {
        matrix[(position % columns) * rows + Math.floor(position / columns)] = code;
        if (++position < matrix.length) continue;
        yield matrix;
        matrix = new Uint8Array(rows * columns);
        position = 0;
      }
    }
  };
  return { ...codes, dims: [...codes.dims.slice(0, -2), columns, rows], produce };
}
