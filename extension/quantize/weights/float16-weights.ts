import { dataTypeCode } from '../../model/data-type';
import { Float16Tensor } from '../float16-tensor';
import type { WeightScheme } from './weight-form';

/** From this opset on, initializers and Cast know FLOAT16 with attributes that name types by number. */
const float16Opset = 6;

/** Weights as FLOAT16 behind a Cast to FLOAT: what one layer takes among others, where the scheme `float16` converts a whole graph and its compute. */
export const float16Weights: WeightScheme = {
  id: 'float16',
  stored: 'float16',
  opset: float16Opset,
  form({ name, tensor, bytes, named }) {
    const halves = new Float16Tensor(tensor, bytes);
    const stored = named('_float16');
    return {
      replacement: {
        name: stored,
        dataType: 'FLOAT16',
        dims: tensor.dims,
        byteLength: tensor.elementCount * 2,
        deferred: true,
        produce: () => halves.produce(),
      },
      added: [],
      nodes: [
        {
          opType: 'Cast',
          name: named('_Cast'),
          inputs: [stored],
          outputs: [name],
          attributes: new Map([['to', { kind: 'int', value: BigInt(dataTypeCode('FLOAT')) } as const]]),
        },
      ],
      description: 'FLOAT16',
      measure: (signal) => halves.measure(signal),
    };
  },
};
