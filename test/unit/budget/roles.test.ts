import assert from 'node:assert/strict';
import { operandUse, type Role, roleFor } from '../../../extension/budget/roles';
import type { DataType } from '../../../extension/model/data-type';

function role(opType: string, position: number, type: DataType): Role | undefined {
  return roleFor(operandUse(opType, position), type);
}

describe('roles of constants', () => {
  it('takes floats and narrow integers in other positions as data', () => {
    for (const type of [
      'FLOAT',
      'FLOAT16',
      'BFLOAT16',
      'DOUBLE',
      'COMPLEX64',
      'FLOAT8E4M3FN',
      'INT8',
      'UINT16',
      'INT4',
      'UINT2',
    ] as const) {
      assert.equal(role('Mul', 1, type), 'data', type);
    }
    for (const type of ['INT32', 'INT64', 'UINT32', 'UINT64', 'BOOL', 'STRING'] as const) {
      assert.equal(role('Mul', 1, type), 'attribute', type);
    }
  });

  it('takes 32- and 64-bit integers as data only where they are weights or biases', () => {
    const rows: readonly (readonly [string, number])[] = [
      ['DequantizeLinear', 0],
      ['QLinearConv', 8],
      ['QGemm', 6],
      ['Conv', 2],
      ['Gemm', 1],
      ['MatMulInteger', 1],
      ['FusedConv', 2],
    ];
    for (const [opType, position] of rows) {
      assert.equal(role(opType, position, 'INT32'), 'data', opType);
      assert.equal(role(opType, position, 'UINT32'), 'attribute', opType);
    }
    assert.equal(role('Conv', 0, 'INT64'), 'attribute');
  });

  it('knows scales and zero points', () => {
    const rows: readonly (readonly [string, readonly number[], readonly number[]])[] = [
      ['DequantizeLinear', [1, 2], [0]],
      ['QLinearConv', [1, 2, 4, 5, 6, 7], [0, 3, 8]],
      ['QGemm', [1, 2, 4, 5, 7, 8], [0, 3, 6]],
      ['QLinearSoftmax', [1, 2, 3, 4], [0]],
      ['ConvInteger', [2 + 1], [0, 1]],
      ['QAttention', [3, 4, 6, 7], [0, 1, 2, 5]],
    ];
    for (const [opType, scales, others] of rows) {
      for (const position of scales)
        assert.equal(role(opType, position, 'FLOAT'), 'quantization', `${opType} ${position}`);
      for (const position of others) assert.equal(role(opType, position, 'FLOAT'), 'data', `${opType} ${position}`);
    }
    assert.equal(role('QuantizeLinear', 2, 'INT32'), 'quantization');
  });

  it('does not count shapes, axes and limits', () => {
    const rows: readonly (readonly [string, readonly number[]])[] = [
      ['Reshape', [1]],
      ['Slice', [1, 2, 3, 4]],
      ['Resize', [1, 2, 3]],
      ['Clip', [1, 2]],
      ['LSTM', [4]],
      ['ReduceSum', [1]],
      ['ReduceL2', [1]],
      ['HannWindow', [0]],
      ['Range', [0, 1, 2]],
      ['Loop', [0, 1]],
    ];
    for (const [opType, positions] of rows) {
      for (const position of positions)
        assert.equal(role(opType, position, 'FLOAT'), 'attribute', `${opType} ${position}`);
    }
    assert.equal(role('Loop', 2, 'FLOAT'), 'data');
    assert.equal(role('Reshape', 0, 'FLOAT'), 'data');
  });

  it('lets data win over quantization and quantization over attribute', () => {
    const scale = operandUse('QuantizeLinear', 1);
    const shape = operandUse('Clip', 1);
    const factor = operandUse('Mul', 1);
    assert.equal(roleFor(shape | scale, 'FLOAT'), 'quantization');
    assert.equal(roleFor(shape | scale | factor, 'FLOAT'), 'data');
    assert.equal(roleFor(scale | factor, 'INT32'), 'quantization');
    assert.equal(roleFor(0, 'FLOAT'), undefined);
  });
});
