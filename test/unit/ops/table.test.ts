import assert from 'node:assert/strict';
import { allOperators, findOperator } from '../../../extension/ops/table';

describe('operator table', () => {
  it('finds operators by domain and type', () => {
    assert.equal(findOperator('ai.onnx', 'Conv')?.type, 'Conv');
    assert.equal(findOperator('com.microsoft', 'QLinearAdd')?.domain, 'com.microsoft');
    assert.equal(findOperator('com.microsoft', 'Conv'), undefined);
    assert.equal(findOperator('ai.onnx', 'constructor'), undefined);
  });

  it('has one definition of each operator', () => {
    const names = allOperators().map(({ domain, type }) => `${domain} ${type}`);
    const repeated = names.filter((name, index) => names.indexOf(name) !== index);
    assert.deepEqual(repeated, []);
  });
});
