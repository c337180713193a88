import { strict as assert } from 'node:assert';
import {
  defaultOptions,
  optionsFromJson,
  optionsToJson,
  type QuantizationOptions,
} from '../../../extension/quantize/options';

describe('quantization options', () => {
  it('stand in a recipe as what differs from the defaults', () => {
    assert.deepEqual(optionsToJson(defaultOptions), {});
    const options: QuantizationOptions = {
      granularity: 'per-tensor',
      activations: 'symmetric',
      blockSize: 0,
      blockOperator: 'MatMulNBits',
      codebookBits: 6,
      excludedNodes: ['first', 'last'],
      layers: { a: 'int4-weights', b: 'float32' },
      requantize: true,
      annotateShapes: true,
    };
    const text = JSON.stringify(optionsToJson(options));
    assert.deepEqual(optionsFromJson(JSON.parse(text)), options);
    const reordered = Object.fromEntries(Object.entries(options).toReversed());
    assert.equal(JSON.stringify(optionsToJson(optionsFromJson(reordered))), text);
    assert.deepEqual(optionsFromJson({}), defaultOptions);
  });

  it('are refused with the name of what is wrong', () => {
    const wrong: [unknown, RegExp][] = [
      [[], /must be an object/],
      [{ blocksize: 32 }, /no quantization option blocksize; there are granularity/],
      [{ granularity: 'channel' }, /granularity must be one of per-channel, per-tensor/],
      [{ blockSize: 24 }, /blockSize must be 0 or a power of two/],
      [{ blockSize: '32' }, /blockSize must be/],
      [{ requantize: 'yes' }, /requantize must be one of false, true/],
      [{ codebookBits: 9 }, /codebookBits must be a whole number from 2 to 8/],
      [{ excludedNodes: 'conv' }, /excludedNodes must be a list/],
      [{ layers: ['conv'] }, /layers must be an object/],
      [{ layers: { conv: 'int3' } }, /unknown scheme for conv; give float32 or one of float16/],
    ];
    for (const [value, message] of wrong) assert.throws(() => optionsFromJson(value), message);
  });
});
