import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { sizeOf } from '../../../extension/targets/size-text';
import { memoryKinds } from '../../../extension/targets/target';

describe('the schema of target files', () => {
  const schema = JSON.parse(readFileSync('media/schemas/targets.schema.json', 'utf8'));
  const { size, memory } = schema.definitions;

  it('knows the kinds of memory that the reader knows', () => {
    assert.deepEqual(memory.properties.kind.enum, [...memoryKinds]);
  });

  it('takes the sizes that the reader takes', () => {
    const pattern = new RegExp(size.anyOf[1].pattern);
    for (const text of ['256K', '1.5M', '64 KiB', '0x1000', '262144', '3 bytes', '-4K', 'four', '', '1T']) {
      assert.equal(pattern.test(text), sizeOf(text) !== undefined, text);
    }
  });
});
