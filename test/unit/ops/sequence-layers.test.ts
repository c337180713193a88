import assert from 'node:assert/strict';
import { type InputSpec, inferNode } from '../../fixtures/infer-node';
import { checkNodes } from '../../fixtures/node-cases';

const microsoft = 'com.microsoft';

describe('recurrent layers', () => {
  checkNodes({
    'LSTM in both directions': {
      op: 'LSTM',
      inputs: [
        ['time', 2, 3],
        [2, 20, 3],
        [2, 20, 5],
      ],
      attributes: { direction: 'bidirectional', hidden_size: 5 },
      expected: ['FLOAT [time, 2, 2, 5]', 'FLOAT [2, 2, 5]', 'FLOAT [2, 2, 5]'],
      macs: 4 * 5 * (3 + 5) * 2 * 2,
    },
    'GRU with the batch first, its size taken from R': {
      op: 'GRU',
      inputs: [
        [2, 7, 3],
        [1, 15, 3],
        [1, 15, 5],
      ],
      attributes: { layout: 1 },
      expected: ['FLOAT [2, 7, 1, 5]', 'FLOAT [2, 1, 5]'],
      macs: 3 * 5 * (3 + 5) * 2 * 7,
    },
    'quantized LSTM, whose weights are turned': {
      op: 'DynamicQuantizeLSTM',
      domain: microsoft,
      inputs: [[4, 1, 3], { type: 'INT8', dims: [1, 3, 20] }, { type: 'INT8', dims: [1, 5, 20] }],
      expected: ['FLOAT [4, 1, 1, 5]', 'FLOAT [1, 1, 5]', 'FLOAT [1, 1, 5]'],
      macs: 4 * 5 * (3 + 5) * 4,
    },
  });

  it('names a wrong rank once', async () => {
    const { faults } = await inferNode({
      op: 'LSTM',
      inputs: [
        [2, 3],
        [1, 20, 3],
        [1, 20, 5],
      ],
    });
    assert.equal(faults.length, 1);
    assert.match(faults.join(), /X has rank 2; it must be 3/);
  });
});

describe('attention', () => {
  const heads: readonly InputSpec[] = [
    [2, 8, 4, 16],
    [2, 2, 6, 16],
    [2, 2, 6, 10],
  ];
  checkNodes({
    'grouped heads with a past': {
      op: 'Attention',
      opset: 23,
      inputs: [...heads, null, [2, 2, 12, 16], [2, 2, 12, 10]],
      expected: ['FLOAT [2, 8, 4, 10]', 'FLOAT [2, 2, 18, 16]', 'FLOAT [2, 2, 18, 10]', 'FLOAT [2, 8, 4, 18]'],
      macs: 2 * 8 * 4 * 18 * (16 + 10),
    },
    'heads packed into the last axis': {
      op: 'Attention',
      opset: 24,
      inputs: [
        ['batch', 4, 24],
        ['batch', 6, 24],
        ['batch', 6, 30],
      ],
      attributes: { q_num_heads: 3, kv_num_heads: 3 },
      expected: ['FLOAT [batch, 4, 30]'],
      macs: 3 * 4 * 6 * (8 + 10),
    },
    'linear attention': {
      op: 'LinearAttention',
      opset: 27,
      inputs: [
        [2, 5, 32],
        [2, 5, 16],
        [2, 5, 12],
      ],
      attributes: { q_num_heads: 4, kv_num_heads: 2, update_rule: 'linear' },
      expected: ['FLOAT [2, 5, 24]', 'FLOAT [2, 2, 8, 6]'],
      macs: 2 * 5 * 8 * 6 * (2 + 4),
    },
    // The figure onnxruntime's model gpt2-attention-fused has: a projection and 3 queries against 2 + 3 keys.
    'with its own projection': {
      op: 'Attention',
      domain: microsoft,
      inputs: [[1, 3, 64], [64, 192], [192], null, [2, 1, 4, 2, 16]],
      attributes: { num_heads: 4, unidirectional: 1 },
      expected: ['FLOAT [1, 3, 64]', 'FLOAT [2, 1, 4, 5, 16]'],
      macs: 3 * 64 * 192 + 4 * 3 * 5 * 32,
    },
    'of many heads, with cross attention': {
      op: 'MultiHeadAttention',
      domain: microsoft,
      inputs: [
        [1, 3, 64],
        [1, 5, 64],
        [1, 5, 48],
      ],
      attributes: { num_heads: 4 },
      expected: ['FLOAT [1, 3, 48]', 'FLOAT [1, 4, 5, 16]', 'FLOAT [1, 4, 5, 12]'],
      macs: 3 * 5 * (64 + 48),
    },
    'of grouped queries, with a buffer that is longer than the sequence': {
      op: 'GroupQueryAttention',
      domain: microsoft,
      inputs: [
        [1, 1, 64],
        [1, 1, 32],
        [1, 1, 32],
        [1, 2, 8, 16],
        [1, 2, 8, 16],
        { type: 'INT32', dims: [1] },
        { type: 'INT32', dims: [1], elements: [5] },
      ],
      attributes: { num_heads: 4, kv_num_heads: 2 },
      expected: ['FLOAT [1, 1, 64]', 'FLOAT [1, 2, 8, 16]', 'FLOAT [1, 2, 8, 16]'],
      macs: 4 * 5 * 32,
    },
    'rotary embedding keeps the shape': {
      op: 'RotaryEmbedding',
      opset: 23,
      inputs: [
        [1, 2, 3, 4],
        [9, 2],
        [9, 2],
      ],
      expected: ['FLOAT [1, 2, 3, 4]'],
      macs: 0,
    },
  });
});
