import assert from 'node:assert/strict';
import { inferNode } from '../../fixtures/infer-node';
import { checkNodes } from '../../fixtures/node-cases';

describe('convolutions', () => {
  checkNodes({
    'pads, strides and dilations': {
      op: 'Conv',
      inputs: [
        [2, 4, 10, 11],
        [6, 4, 3, 3],
      ],
      attributes: { pads: [1, 1, 1, 1], strides: [2, 1], dilations: [1, 2] },
      expected: ['FLOAT [2, 6, 5, 9]'],
      macs: 2 * 6 * 5 * 9 * 4 * 9,
    },
    'groups count only their own channels': {
      op: 'Conv',
      inputs: [
        [1, 8, 6],
        [8, 1, 3],
      ],
      attributes: { group: 8, auto_pad: 'SAME_UPPER' },
      expected: ['FLOAT [1, 8, 6]'],
      macs: 8 * 6 * 3,
    },
    'symbolic sizes stay symbolic and count as 1 in totals': {
      op: 'Conv',
      inputs: [
        ['batch', 3, 32, 32],
        [16, 3, 5, 5],
      ],
      attributes: { auto_pad: 'VALID' },
      expected: ['FLOAT [batch, 16, 28, 28]'],
      macs: 16 * 28 * 28 * 75,
    },
    'a quantized convolution has the type of its output zero point': {
      op: 'QLinearConv',
      inputs: [
        { type: 'UINT8', dims: [1, 2, 5, 5] },
        [],
        { type: 'UINT8', dims: [] },
        { type: 'INT8', dims: [3, 2, 2, 2] },
        { type: 'FLOAT', dims: [] },
        { type: 'INT8', dims: [] },
        { type: 'FLOAT', dims: [] },
        { type: 'UINT8', dims: [] },
      ],
      expected: ['UINT8 [1, 3, 4, 4]'],
      macs: 3 * 16 * 8,
    },
    'channels last': {
      op: 'NhwcFusedConv',
      domain: 'com.microsoft',
      inputs: [
        [1, 8, 9, 4],
        [6, 4, 3, 3],
      ],
      expected: ['FLOAT [1, 6, 7, 6]'],
      macs: 6 * 7 * 6 * 36,
    },
    'a transposed convolution costs by its input, cropped or not': {
      op: 'ConvTranspose',
      inputs: [
        [1, 4, 5, 5],
        [4, 3, 3, 3],
      ],
      attributes: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 0], group: 2 },
      expected: ['FLOAT [1, 6, 10, 9]'],
      macs: 4 * 25 * 27,
    },
    'auto_pad SAME of a transposed convolution multiplies by the stride': {
      op: 'ConvTranspose',
      inputs: [
        [1, 1, 'n', 3],
        [1, 2, 3, 3],
      ],
      attributes: { strides: [2, 3], auto_pad: 'SAME_LOWER' },
      expected: ['FLOAT [1, 2, 2*n, 9]'],
      macs: 3 * 18,
    },
    'a causal convolution hands on its last positions': {
      op: 'CausalConvWithState',
      opset: 27,
      inputs: [
        [2, 6, 10],
        [6, 1, 4],
      ],
      expected: ['FLOAT [2, 6, 10]', 'FLOAT [2, 6, 3]'],
      macs: 2 * 6 * 10 * 4,
    },
  });

  it('says where a kernel does not fit, and goes on', async () => {
    const tooSmall = await inferNode({
      op: 'Conv',
      inputs: [
        [1, 1, 2, 8],
        [1, 1, 3, 3],
      ],
    });
    assert.deepEqual(tooSmall.outputs, ['FLOAT [1, 1, null, 6]']);
    assert.match(tooSmall.faults.join(), /does not fit into spatial axis 0/);
    const channels = await inferNode({
      op: 'Conv',
      inputs: [
        [1, 5, 8],
        [1, 4, 3],
      ],
    });
    assert.match(channels.faults.join(), /5 channels; the weight takes 4/);
  });
});

describe('pools', () => {
  checkNodes({
    'two outputs of MaxPool': {
      op: 'MaxPool',
      inputs: [[1, 3, 7, 7]],
      attributes: { kernel_shape: [3, 3], strides: [2, 2] },
      expected: ['FLOAT [1, 3, 3, 3]', 'INT64 [1, 3, 3, 3]'],
    },
    'ceil_mode does not let a window start in the padding at the end': {
      op: 'MaxPool',
      inputs: [[1, 1, 2, 6]],
      attributes: { kernel_shape: [1, 3], strides: [2, 2], pads: [0, 0, 0, 1], ceil_mode: 1 },
      expected: ['FLOAT [1, 1, 1, 3]', 'INT64 [1, 1, 1, 3]'],
    },
    'ceil_mode with a size that is not known yet': {
      op: 'AveragePool',
      inputs: [[1, 1, 'n']],
      attributes: { kernel_shape: [3], strides: [3], ceil_mode: 1 },
      expected: ['FLOAT [1, 1, floor((n + 2)/3)]'],
    },
    'a global pool': {
      op: 'GlobalLpPool',
      inputs: [['n', 3, null, 7]],
      expected: ['FLOAT [n, 3, 1, 1]'],
    },
    'MaxUnpool by its attributes': {
      op: 'MaxUnpool',
      inputs: [[1, 1, 2, 2], { type: 'INT64', dims: [1, 1, 2, 2] }],
      attributes: { kernel_shape: [2, 2], strides: [2, 2] },
      expected: ['FLOAT [1, 1, 4, 4]'],
    },
    'MaxUnpool by its third input': {
      op: 'MaxUnpool',
      inputs: [
        [1, 1, 2, 2],
        { type: 'INT64', dims: [1, 1, 2, 2] },
        { type: 'INT64', dims: [4], elements: [1, 1, 5, 6] },
      ],
      attributes: { kernel_shape: [2, 2] },
      expected: ['FLOAT [1, 1, 5, 6]'],
    },
    regions: {
      op: 'RoiAlign',
      inputs: [[1, 8, 16, 16], ['regions', 4], { type: 'INT64', dims: ['regions'] }],
      attributes: { output_height: 2, output_width: 5 },
      expected: ['FLOAT [regions, 8, 2, 5]'],
    },
    'a quantized pool with channels last': {
      op: 'QLinearAveragePool',
      domain: 'com.microsoft',
      inputs: [{ type: 'INT8', dims: [1, 8, 8, 3] }, [], { type: 'INT8', dims: [] }, [], { type: 'INT8', dims: [] }],
      attributes: { kernel_shape: [2, 2], strides: [2, 2], channels_last: 1 },
      expected: ['INT8 [1, 4, 4, 3]'],
    },
  });
});
