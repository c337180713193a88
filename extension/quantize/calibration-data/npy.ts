import { bitsPerElement, type DataType } from '../../model/data-type';
import { allBytes, PieceReader, type PieceSource } from './byte-pieces';
import { CalibrationDataRefused } from './calibration-files';

/** An array in a .npy file, or in one inside a .npz. */
export interface NpyArray {
  readonly name: string;
  readonly dataType: DataType;
  readonly dims: readonly number[];
  /** The parts of the array along its first axis, one after the other: C order, little-endian. */
  rows(): AsyncGenerator<Uint8Array, void>;
  /** The whole array: C order, little-endian. */
  whole(): Promise<Uint8Array>;
}

/** What has to be held at once (a whole array, an array in Fortran order) is at most this large. */
const largestHeldBytes = 2 ** 30;
const largestHeaderBytes = 2 ** 16;

const dataTypes: ReadonlyMap<string, DataType> = new Map<string, DataType>([
  ['f2', 'FLOAT16'],
  ['f4', 'FLOAT'],
  ['f8', 'DOUBLE'],
  ['i1', 'INT8'],
  ['i2', 'INT16'],
  ['i4', 'INT32'],
  ['i8', 'INT64'],
  ['u1', 'UINT8'],
  ['u2', 'UINT16'],
  ['u4', 'UINT32'],
  ['u8', 'UINT64'],
  ['b1', 'BOOL'],
]);

interface Header {
  readonly dataType: DataType;
  readonly bigEndian: boolean;
  readonly fortranOrder: boolean;
  readonly dims: readonly number[];
  /** Where the elements begin. */
  readonly start: number;
}

/**
 * Opens an array of the .npy format, versions 1 to 3. Only its header is read.
 * Source: numpy.lib.format. Throws CalibrationDataRefused for another format, an element type that is no number, or too few bytes.
 */
export async function openNpy(name: string, source: PieceSource): Promise<NpyArray> {
  const header = await readHeader(name, source);
  const { dataType, dims } = header;
  const width = bitsPerElement(dataType) / 8;
  const elements = dims.reduce((product, dim) => product * dim, 1);
  const bytes = elements * width;
  if (!Number.isSafeInteger(bytes) || header.start + bytes > source.size) {
    throw new CalibrationDataRefused(
      `${name}: an array of [${dims}] ${dataType} takes ${bytes} bytes, but ${source.size - header.start} are there; the file is incomplete.`,
    );
  }
  const whole = async () => {
    if (bytes > largestHeldBytes) {
      throw new CalibrationDataRefused(
        `${name} has ${bytes} bytes${header.fortranOrder ? ' in Fortran order' : ''}, which have to be held at once; save it in smaller parts${header.fortranOrder ? ' or in C order' : ''}.`,
      );
    }
    const all = await allBytes(source);
    if (!all) throw incomplete(name);
    const data = littleEndian(all.subarray(header.start, header.start + bytes), width, header.bigEndian);
    return header.fortranOrder ? fromFortranOrder(data, dims, width) : data;
  };
  return {
    name,
    dataType,
    dims,
    whole,
    async *rows() {
      const count = dims[0] ?? 1;
      const rowBytes = count === 0 ? 0 : bytes / count;
      if (header.fortranOrder && dims.length > 1) {
        const data = await whole();
        for (let row = 0; row < count; row++) yield data.slice(row * rowBytes, (row + 1) * rowBytes);
        return;
      }
      const reader = new PieceReader(source);
      try {
        await reader.read(header.start);
        for (let row = 0; row < count; row++) {
          const data = await reader.read(rowBytes);
          if (!data) throw incomplete(name);
          yield littleEndian(data, width, header.bigEndian);
        }
        await reader.finish();
      } finally {
        await reader.close();
      }
    },
  };
}

function incomplete(name: string): CalibrationDataRefused {
  return new CalibrationDataRefused(`${name} ends early; the file is incomplete.`);
}

async function readHeader(name: string, source: PieceSource): Promise<Header> {
  const refuse = (reason: string) => new CalibrationDataRefused(`${name} cannot be read as .npy: ${reason}.`);
  const reader = new PieceReader(source);
  try {
    const start = await reader.read(8);
    const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
    if (!start || !magic.every((byte, index) => start[index] === byte)) throw refuse('it does not begin like one');
    const version = start[6] ?? 0;
    if (version < 1 || version > 3) throw refuse(`its version ${version} is not known`);
    const lengthBytes = version === 1 ? 2 : 4;
    const length = (await reader.read(lengthBytes))?.reduceRight((sum, byte) => sum * 256 + byte, 0);
    if (length === undefined || length > largestHeaderBytes) throw refuse('its header has no sensible length');
    const text = await reader.read(length);
    if (!text) throw refuse('it ends within its header');
    return { ...parseHeader(new TextDecoder().decode(text), refuse), start: 8 + lengthBytes + length };
  } finally {
    await reader.close();
  }
}

/** The header is a Python dictionary such as {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }. */
function parseHeader(text: string, refuse: (reason: string) => Error): Omit<Header, 'start'> {
  const description = /'descr'\s*:\s*(?:'([^']*)'|([^,}]*))/.exec(text);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape'\s*:\s*\(([^)]*)\)/.exec(text)?.[1];
  if (!description || order === undefined || shape === undefined) throw refuse('its header is damaged');
  const type = /^([<>|=])([a-zA-Z]\d+)$/.exec(description[1] ?? '');
  const dataType = dataTypes.get(type?.[2] ?? '');
  if (dataType === undefined) {
    throw refuse(
      `its elements are of the NumPy type ${description[1] ?? description[2]}; save real numbers (float, int, uint, bool)`,
    );
  }
  const dims = shape
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => (/^\d+L?$/.test(part) ? Number.parseInt(part, 10) : Number.NaN));
  if (!dims.every(Number.isSafeInteger)) throw refuse(`its shape (${shape}) is damaged`);
  return { dataType, bigEndian: type?.[1] === '>', fortranOrder: order === 'True', dims };
}

function littleEndian(data: Uint8Array, width: number, bigEndian: boolean): Uint8Array {
  if (!bigEndian || width === 1) return data;
  const swapped = data.slice();
  for (let at = 0; at < swapped.length; at += width) swapped.subarray(at, at + width).reverse();
  return swapped;
}

function fromFortranOrder(data: Uint8Array, dims: readonly number[], width: number): Uint8Array {
  const result = new Uint8Array(data.length);
  const index = dims.map(() => 0);
  const strides: number[] = [];
  let stride = width;
  for (const dim of dims) {
    strides.push(stride);
    stride *= dim;
  }
  for (let at = 0, from = 0; at < data.length; at += width) {
    for (let byte = 0; byte < width; byte++) result[at + byte] = data[from + byte] ?? 0;
    // The next element in C order: the last axis runs fastest.
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      const step = strides[axis] ?? 0;
      if (next < (dims[axis] ?? 0)) {
        index[axis] = next;
        from += step;
        break;
      }
      from -= (next - 1) * step;
      index[axis] = 0;
    }
  }
  return result;
}
