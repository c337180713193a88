import { dataTypeCode } from '../../model/data-type';
import type { TensorData } from '../../onnx/edit';
import { floatPieces, mappingError } from './mapped-tensor';
import type { WeightForm, WeightScheme, WeightSite } from './weight-form';

/** From this opset on, Cast knows BFLOAT16. */
const bfloat16Opset = 13;

/** Weights as BFLOAT16, the upper half of a float32 (rounded to nearest, ties to even), behind a Cast to FLOAT. */
export const bfloat16Weights: WeightScheme = {
  id: 'bfloat16',
  stored: 'bfloat16',
  opset: bfloat16Opset,
  form: bfloat16Form,
};

function bfloat16Form({ name, tensor, bytes, named }: WeightSite): WeightForm {
  const replacement: TensorData = {
    name: named('_bfloat16'),
    dataType: 'BFLOAT16',
    dims: tensor.dims,
    byteLength: tensor.elementCount * 2,
    deferred: true,
    async *produce() {
      const rounding = new Bfloat16Rounding();
      for await (const values of floatPieces(tensor, bytes)) {
        const view = new DataView(new ArrayBuffer(values.length * 2));
        for (let index = 0; index < values.length; index++) {
          view.setUint16(index * 2, rounding.bits(values[index] ?? 0), true);
        }
        yield new Uint8Array(view.buffer);
      }
    },
  };
  const rounding = new Bfloat16Rounding();
  return {
    replacement,
    added: [],
    nodes: [
      {
        opType: 'Cast',
        name: named('_Cast'),
        inputs: [replacement.name],
        outputs: [name],
        attributes: new Map([['to', { kind: 'int', value: BigInt(dataTypeCode('FLOAT')) } as const]]),
      },
    ],
    description: 'BFLOAT16',
    measure: (signal) => mappingError(tensor, bytes, (value) => rounding.round(value), signal),
  };
}

/** Rounds float32 numbers to bfloat16; NaN stays NaN. */
export class Bfloat16Rounding {
  readonly #view = new DataView(new ArrayBuffer(4));

  bits(value: number): number {
    this.#view.setFloat32(0, value);
    const bits = this.#view.getUint32(0);
    // Rounding could carry a NaN into infinity.
    if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
    return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
  }

  round(value: number): number {
    const bits = this.bits(value);
    this.#view.setUint32(0, bits << 16);
    return this.#view.getFloat32(0);
  }
}
