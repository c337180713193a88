import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildModel } from '../../fixtures/model-builder';
import { thimble } from './memory-io';

describe('what quantize says of the weights', () => {
  const before = process.cwd();
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'thimble-cli-'));
    process.chdir(folder);
    const values = [70000, 1e-9, 0.1, 0, 1, 2, 3, 4];
    writeFileSync(
      'm.onnx',
      buildModel({
        graph: {
          inputs: [{ name: 'x', dims: [8] }],
          outputs: [{ name: 'y', dims: [8] }],
          nodes: [{ op: 'Mul', inputs: ['x', 'w'], outputs: ['y'] }],
          initializers: [{ name: 'w', type: 'FLOAT', dims: [8], values }],
        },
      }),
    );
  });
  afterEach(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });

  it('measures the error and counts what float16 cannot hold, in a dry run too', async () => {
    const { exitCode, out, err } = await thimble(['quantize', 'm.onnx', '-s', 'float16', '--dry-run', '--json']);
    assert.equal(exitCode, 0);
    const { weightError } = JSON.parse(out);
    assert.deepEqual([weightError.tensors, weightError.overflows, weightError.underflows], [1, 1, 1]);
    assert.ok(weightError.sqnrDb > 20 && weightError.sqnrDb < 30, String(weightError.sqnrDb));
    assert.match(err, /1 weight value.* 65,504 .*1 non-zero/);
    assert.deepEqual(readdirSync('.'), ['m.onnx']);
  });

  it('says it before it writes, and in the report', async () => {
    const { exitCode, out, err } = await thimble(['quantize', 'm.onnx', '-s', 'float16']);
    assert.equal(exitCode, 0);
    assert.match(err, /65,504/);
    assert.match(out, /weights {2}\d\d\.\d dB .*65,504/);
  });
});
