import assert from 'node:assert/strict';
import { inferNode, type NodeCase } from '../../fixtures/infer-node';
import { checkNodes } from '../../fixtures/node-cases';

const microsoft = 'com.microsoft';

describe('matrix products', () => {
  checkNodes({
    'of two matrices': {
      op: 'MatMul',
      inputs: [
        ['rows', 3],
        [3, 4],
      ],
      expected: ['FLOAT [rows, 4]'],
      macs: 12,
    },
    'of a vector and a stack': { op: 'MatMul', inputs: [[3], [5, 3, 4]], expected: ['FLOAT [5, 4]'], macs: 60 },
    'with broadcasting': {
      op: 'MatMul',
      inputs: [
        [7, 1, 2, 3],
        [5, 3, 4],
      ],
      expected: ['FLOAT [7, 5, 2, 4]'],
      macs: 7 * 5 * 2 * 4 * 3,
    },
    'of integers': {
      op: 'MatMulInteger',
      inputs: [
        { type: 'UINT8', dims: [2, 3] },
        { type: 'INT8', dims: [3, 4] },
      ],
      expected: ['INT32 [2, 4]'],
      macs: 24,
    },
    'Gemm, both operands turned': {
      op: 'Gemm',
      inputs: [
        [3, 2],
        [4, 3],
      ],
      attributes: { transA: 1, transB: 1 },
      expected: ['FLOAT [2, 4]'],
      macs: 24,
    },
    'Gemm knows its rank from the definition': {
      op: 'Gemm',
      inputs: [{ type: 'FLOAT' }, [3, 4]],
      expected: ['FLOAT [null, 4]'],
      macs: null,
    },
    'quantized Gemm without an output scale stays in float': {
      op: 'QGemm',
      domain: microsoft,
      inputs: [
        { type: 'UINT8', dims: [2, 3] },
        [],
        { type: 'UINT8', dims: [] },
        { type: 'INT8', dims: [4, 3] },
        [],
        { type: 'INT8', dims: [] },
      ],
      attributes: { transB: 1 },
      expected: ['FLOAT [2, 4]'],
      macs: 24,
    },
    'fused, with the batch axis moved': {
      op: 'FusedMatMul',
      domain: microsoft,
      inputs: [
        [2, 5, 7, 3],
        [5, 7, 3, 4],
      ],
      attributes: { transBatchA: 1 },
      expected: ['FLOAT [5, 7, 2, 4]'],
      macs: 5 * 7 * 2 * 4 * 3,
    },
    'with a weight of 4-bit blocks': {
      op: 'MatMulNBits',
      domain: microsoft,
      inputs: [['batch', 2, 64], { type: 'UINT8', dims: [10, 2, 16] }, [20]],
      attributes: { N: 10, K: 64, bits: 4, block_size: 32 },
      expected: ['FLOAT [batch, 2, 10]'],
      macs: 2 * 10 * 64,
    },
    'to float from integers': {
      op: 'MatMulIntegerToFloat',
      domain: microsoft,
      inputs: [{ type: 'UINT8', dims: [2, 3] }, { type: 'INT8', dims: [3, 4] }, [], []],
      expected: ['FLOAT [2, 4]'],
      macs: 24,
    },
    determinants: { op: 'Det', inputs: [[5, 3, 3]], expected: ['FLOAT [5]'], macs: 0 },
  });

  it('names operands that do not match', async () => {
    const { faults } = await inferNode({
      op: 'MatMul',
      inputs: [
        [2, 3],
        [4, 5],
      ],
    });
    assert.match(faults.join(), /3 columns against 4 rows/);
  });
});

describe('Einsum', () => {
  const einsum = (equation: string, inputs: readonly (readonly (number | string)[])[]): NodeCase => ({
    op: 'Einsum',
    inputs,
    attributes: { equation },
  });
  checkNodes({
    'explicit output': {
      ...einsum('bij, bjk -> bik', [
        [2, 3, 4],
        [2, 4, 5],
      ]),
      expected: ['FLOAT [2, 3, 5]'],
      macs: 120,
    },
    'implicit output in alphabetical order': { ...einsum('ba', [[2, 3]]), expected: ['FLOAT [3, 2]'], macs: 0 },
    'ellipsis with broadcasting': {
      ...einsum('...ij,...jk->...ik', [
        [7, 1, 2, 3],
        [5, 3, 4],
      ]),
      expected: ['FLOAT [7, 5, 2, 4]'],
      macs: 7 * 5 * 2 * 4 * 3,
    },
    'sum of everything': { ...einsum('ij->', [[2, 3]]), expected: ['FLOAT []'], macs: 0 },
    'more operands: the order is open': {
      ...einsum('i,j,k->ijk', [[2], [3], [4]]),
      expected: ['FLOAT [2, 3, 4]'],
      macs: null,
    },
  });

  it('says what is wrong with an equation', async () => {
    assert.match((await inferNode(einsum('i->j', [[2]]))).faults.join(), /not an Einsum equation/);
    assert.match((await inferNode(einsum('ijk->i', [[2, 3]]))).faults.join(), /rank 2/);
  });
});
