import { strict as assert } from 'node:assert';
import { dataTypeFromCode, storedBytes } from '../../../extension/model/data-type';

describe('data types', () => {
  it('pack below a byte', () => {
    assert.equal(dataTypeFromCode(22), 'INT4');
    assert.equal(storedBytes('INT4', 3), 2);
    assert.equal(storedBytes('FLOAT6E2M3', 4), 3);
  });
});
