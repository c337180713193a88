import { bitsPerElement, type DataType, dataTypeKind, storedBytes } from '../model/data-type';
import { EngineRefused, type EngineTensor, type EngineValue } from './engine';

/** More than this for one input is not made up. */
const largestInputElements = 2 ** 26;

/**
 * A repeatable input: floats uniform in [-1, 1), integers and booleans 0 or 1, since an integer input is often an index or a mask.
 * Throws EngineRefused (a sentence) for an input that cannot be made up.
 */
export function makeInput(input: EngineValue, dims: readonly number[], seed: number): EngineTensor {
  const { dataType, name } = input;
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (dataType === undefined) throw new EngineRefused(`the input ${name} is no tensor of a known type.`);
  if (!(count <= largestInputElements)) throw new EngineRefused(`the input ${name} would have ${count} elements.`);
  const random = randomNumbers(seed);
  if (dataType === 'STRING') {
    return { dataType, dims, data: new Uint8Array(), strings: Array.from({ length: count }, () => 'a') };
  }
  const data = new Uint8Array(storedBytes(dataType, count));
  const view = new DataView(data.buffer);
  const write = elementWriter(dataType, view);
  if (write === undefined) throw new EngineRefused(`the input ${name} has the type ${dataType}, which is not made up.`);
  for (let index = 0; index < count; index++) write(index, random());
  return { dataType, dims, data };
}

/** Writes the element made of `random` in [0, 1). */
function elementWriter(dataType: DataType, view: DataView): ((index: number, random: number) => void) | undefined {
  switch (dataType) {
    case 'FLOAT':
      return (index, random) => view.setFloat32(index * 4, random * 2 - 1, true);
    case 'DOUBLE':
      return (index, random) => view.setFloat64(index * 8, random * 2 - 1, true);
    case 'FLOAT16':
      // Sign, exponent of [0.5, 1) and ten random bits: every such pattern is an ordinary number.
      return (index, random) => {
        const bits = Math.floor(random * 2048);
        view.setUint16(index * 2, ((bits & 1024) << 5) | (14 << 10) | (bits & 1023), true);
      };
    default: {
      const kind = dataTypeKind(dataType);
      const bytes = bitsPerElement(dataType) / 8;
      if ((kind !== 'signed' && kind !== 'unsigned' && kind !== 'bool') || !Number.isInteger(bytes)) return undefined;
      return (index, random) => view.setUint8(index * bytes, random < 0.5 ? 0 : 1);
    }
  }
}

/** A linear congruential generator (the constants of Numerical Recipes): numbers in [0, 1) that depend on the seed only. */
function randomNumbers(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
