import assert from 'node:assert/strict';
import { inferNode } from '../../fixtures/infer-node';
import { checkNodes } from '../../fixtures/node-cases';

const microsoft = 'com.microsoft';

describe('normalizations', () => {
  checkNodes({
    'BatchNormalization 9 with its statistics': {
      op: 'BatchNormalization',
      opset: 9,
      inputs: [['n', 4, 5], [4], [4], { type: 'FLOAT' }, { type: 'FLOAT' }],
      expected: ['FLOAT [n, 4, 5]', 'FLOAT [4]', 'FLOAT [4]', 'FLOAT [4]', 'FLOAT [4]'],
    },
    'BatchNormalization 7, one value an element': {
      op: 'BatchNormalization',
      opset: 7,
      inputs: [[2, 4, 5], [4, 5], [4, 5], { type: 'FLOAT' }, { type: 'FLOAT' }],
      attributes: { spatial: 0 },
      expected: ['FLOAT [2, 4, 5]', 'FLOAT [4, 5]'],
    },
    'BatchNormalization 15 with statistics of another type': {
      op: 'BatchNormalization',
      opset: 15,
      inputs: [
        { type: 'FLOAT16', dims: [2, 4] },
        { type: 'FLOAT16', dims: [4] },
        { type: 'FLOAT16', dims: [4] },
        [4],
        [4],
      ],
      attributes: { training_mode: 1 },
      expected: ['FLOAT16 [2, 4]', 'FLOAT [4]', 'FLOAT [4]'],
    },
    'LayerNormalization keeps its statistics in stash_type': {
      op: 'LayerNormalization',
      inputs: [
        { type: 'FLOAT16', dims: ['n', 3, 4] },
        { type: 'FLOAT16', dims: [3, 4] },
      ],
      attributes: { axis: 1 },
      expected: ['FLOAT16 [n, 3, 4]', 'FLOAT [n, 1, 1]', 'FLOAT [n, 1, 1]'],
    },
    "onnxruntime's LayerNormalization of before opset 17": {
      op: 'LayerNormalization',
      opset: 12,
      inputs: [[2, 3], [3], [3]],
      expected: ['FLOAT [2, 3]', 'FLOAT [2, 1]'],
    },
    'Dropout 7, whose mask has the type of the data': {
      op: 'Dropout',
      opset: 7,
      inputs: [[2]],
      expected: ['FLOAT [2]', 'FLOAT [2]'],
    },
    'Dropout 10, whose mask is boolean': {
      op: 'Dropout',
      opset: 10,
      inputs: [[2]],
      expected: ['FLOAT [2]', 'BOOL [2]'],
    },
    'skip normalization': {
      op: 'SkipLayerNormalization',
      domain: microsoft,
      inputs: [[2, 5, 8], [2, 5, 8], [8]],
      expected: ['FLOAT [2, 5, 8]', 'FLOAT [2, 5, 1]', 'FLOAT [2, 5, 1]', 'FLOAT [2, 5, 8]'],
    },
    'embedding with normalization': {
      op: 'EmbedLayerNormalization',
      domain: microsoft,
      inputs: [{ type: 'INT32', dims: ['batch', 5] }, null, [20, 8], [9, 8], null, [8], [8]],
      expected: ['FLOAT [batch, 5, 8]', 'INT32 [batch]'],
    },
  });
});

describe('quantization', () => {
  const scale = { type: 'FLOAT', dims: [] } as const;
  checkNodes({
    'to the type of the zero point': {
      op: 'QuantizeLinear',
      inputs: [[2, 3], scale, { type: 'INT8', dims: [] }],
      expected: ['INT8 [2, 3]'],
    },
    'to output_dtype': {
      op: 'QuantizeLinear',
      inputs: [[2, 3], scale],
      attributes: { output_dtype: 5 },
      expected: ['INT16 [2, 3]'],
    },
    'to UINT8 otherwise': { op: 'QuantizeLinear', opset: 13, inputs: [[2, 3], scale], expected: ['UINT8 [2, 3]'] },
    'back to the type of the scale': {
      op: 'DequantizeLinear',
      inputs: [
        { type: 'INT8', dims: ['n', 3] },
        { type: 'FLOAT16', dims: [3] },
      ],
      expected: ['FLOAT16 [n, 3]'],
    },
    'with a scale found at run time': {
      op: 'DynamicQuantizeLinear',
      inputs: [[2, 3]],
      expected: ['UINT8 [2, 3]', 'FLOAT []', 'UINT8 []'],
    },
    'of a concatenation': {
      op: 'QLinearConcat',
      domain: microsoft,
      inputs: [
        scale,
        { type: 'UINT8', dims: [] },
        { type: 'UINT8', dims: [2, 3] },
        scale,
        { type: 'UINT8', dims: [] },
        { type: 'UINT8', dims: [2, 5] },
        scale,
        { type: 'UINT8', dims: [] },
      ],
      attributes: { axis: 1 },
      expected: ['UINT8 [2, 8]'],
    },
    'of table rows, two elements a byte': {
      op: 'GatherBlockQuantized',
      domain: microsoft,
      inputs: [{ type: 'UINT8', dims: [10, 32] }, { type: 'INT64', dims: [2, 3] }, [10, 2]],
      attributes: { bits: 4, block_size: 32, gather_axis: 0, quantize_axis: 1 },
      expected: ['FLOAT [2, 3, 64]'],
    },
    'of a mean': {
      op: 'QLinearReduceMean',
      domain: microsoft,
      inputs: [
        { type: 'UINT8', dims: [2, 3, 4] },
        scale,
        { type: 'UINT8', dims: [] },
        scale,
        { type: 'UINT8', dims: [] },
      ],
      attributes: { axes: [-1], keepdims: 0 },
      expected: ['UINT8 [2, 3]'],
    },
  });

  it('compares the scales with the channels', async () => {
    const { faults } = await inferNode({ op: 'DequantizeLinear', inputs: [{ type: 'INT8', dims: [2, 3] }, [4]] });
    assert.match(faults.join(), /4 scales for the 3 channels of axis 1/);
  });
});
