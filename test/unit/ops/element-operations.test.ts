import assert from 'node:assert/strict';
import { hasElementOperations } from '../../../extension/ops/element-operations';
import { allOperators } from '../../../extension/ops/table';
import { inferNode, type NodeCase } from '../../fixtures/infer-node';
import { float, int64s } from './node-inputs';

/** Counts worked out by hand from the rule of each family; null where no number follows from shapes. */
const cases: readonly (readonly [what: string, test: NodeCase, operations: number | null])[] = [
  ['one for each element of the output, broadcast', { op: 'Add', inputs: [float(2, 1, 3), float(4, 1)] }, 24],
  ['none for data movement', { op: 'Transpose', inputs: [float(2, 3)] }, 0],
  ['one for each element that is reduced', { op: 'ReduceMean', opset: 13, inputs: [float(2, 8)] }, 16],
  ['a fold over three inputs takes two', { op: 'Max', inputs: [float(5), float(5), float(5)] }, 10],
  [
    'the kernel for each element of a pool',
    { op: 'MaxPool', inputs: [float(1, 4, 8, 8)], attributes: { kernel_shape: [2, 3], strides: [2, 1] } },
    4 * 4 * 6 * 6,
  ],
  ['each element of the input of a global pool', { op: 'GlobalAveragePool', inputs: [float(1, 4, 8, 8)] }, 256],
  ['five for softmax', { op: 'Softmax', inputs: [float(2, 10)] }, 100],
  ['seven for layer normalization', { op: 'LayerNormalization', inputs: [float(2, 10), float(10), float(10)] }, 140],
  ['the bias of a convolution', { op: 'Conv', inputs: [float(1, 3, 8, 8), float(4, 3, 3, 3), float(4)] }, 4 * 36],
  ['nothing without one', { op: 'Conv', inputs: [float(1, 3, 8, 8), float(4, 3, 3, 3)] }, 0],
  [
    'the scaled bias of Gemm',
    { op: 'Gemm', inputs: [float(2, 3), float(3, 5), float(5)], attributes: { beta: { float: 0.5 } } },
    20,
  ],
  [
    'two bias additions a gate and nine of the cell, each step',
    {
      op: 'LSTM',
      inputs: [float(7, 2, 3), float(1, 16, 3), float(1, 16, 4), float(1, 32)],
      outputs: 3,
      attributes: { hidden_size: 4 },
    },
    7 * 2 * 4 * (8 + 9),
  ],
  [
    'six for each score of attention',
    { op: 'Attention', opset: 23, inputs: [float(1, 2, 4, 8), float(1, 2, 6, 8), float(1, 2, 6, 8)] },
    2 * 4 * 6 * 6,
  ],
  [
    'two places along each axis for linear resizing',
    {
      op: 'Resize',
      inputs: [float(1, 1, 4, 4), null, null, int64s(1, 1, 8, 8)],
      attributes: { mode: 'linear' },
    },
    64 * 4,
  ],
  ['none for nearest', { op: 'Resize', inputs: [float(1, 1, 4, 4), null, null, int64s(1, 1, 8, 8)] }, 0],
  ['what the data decide is not known', { op: 'NonMaxSuppression', inputs: [float(1, 9, 4), float(1, 1, 9)] }, null],
];

describe('element operations', () => {
  for (const [what, test, operations] of cases) {
    it(`${test.op}: ${what}`, async () => assert.equal((await inferNode(test)).elementOperations, operations));
  }

  it('have a rule for every known operator', () => {
    const without = allOperators().filter((operator) => !hasElementOperations(operator));
    assert.deepEqual(
      without.map(({ domain, type }) => `${domain} ${type}`),
      [],
    );
  });
});
