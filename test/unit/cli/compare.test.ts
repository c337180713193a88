import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { thimble } from './memory-io';
import { smallModel } from './small-model';

const goldens = join(process.cwd(), 'test', 'golden');

describe('thimble compare', () => {
  const startedIn = process.cwd();
  let folder = '';

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'thimble-compare-'));
    // Files are given as relative names, so that reports and errors hold no path of this machine.
    process.chdir(folder);
    writeFileSync('small.onnx', smallModel());
    writeFileSync('broken.onnx', 'not a model');
    await thimble(['quantize', 'small.onnx', '--scheme', 'int8-weights', '-o', 'small.int8.onnx']);
  });

  after(() => {
    process.chdir(startedIn);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Compares with test/golden/NAME; `THIMBLE_UPDATE_GOLDENS=1` writes it instead. */
  function assertGolden(name: string, text: string): void {
    const path = join(goldens, name);
    if (process.env['THIMBLE_UPDATE_GOLDENS']) writeFileSync(path, text);
    assert.equal(text, readFileSync(path, 'utf8'), name);
  }

  it('reports to a person', async () => {
    const argv = ['compare', 'small.onnx', 'small.int8.onnx', '--runtime', 'onnx2c', '--target', 'STM32F103C8T6'];
    const { exitCode, out, err } = await thimble(argv);
    assert.equal(err, '');
    assert.equal(exitCode, 0);
    assertGolden('compare.txt', out);
  });

  it('writes one JSON document', async () => {
    const { exitCode, out } = await thimble(['compare', 'small.onnx', 'small.int8.onnx', '--json']);
    assert.equal(exitCode, 0);
    assertGolden('compare.generated.json', out);
  });

  it('writes Markdown tables', async () => {
    const { exitCode, out } = await thimble([
      'compare',
      'small.int8.onnx',
      'small.onnx',
      '--markdown',
      '--dim',
      'batch=2',
    ]);
    assert.equal(exitCode, 0);
    assertGolden('compare.md', out);
  });

  it('of a model with itself says that all is the same', async () => {
    const { out } = await thimble(['compare', 'small.onnx', 'small.onnx']);
    assert.equal(out.match(/\bsame\b/g)?.length, 8);
    assert.match(out, /^6 of 6 layers matched by name$/m);
  });

  it('names the file that cannot be read, and writes nothing else', async () => {
    for (const argv of [
      ['small.onnx', 'broken.onnx'],
      ['missing.onnx', 'small.onnx'],
    ]) {
      const { exitCode, out, err } = await thimble(['compare', ...argv, '--json']);
      assert.equal(exitCode, 2);
      assert.equal(out, '');
      assert.match(err, new RegExp(`^thimble: ${argv.find((name) => name !== 'small.onnx')}\\b.+\n$`));
    }
  });

  it('wants two files and one format', async () => {
    for (const argv of [[], ['small.onnx'], ['a', 'b', 'c'], ['a', 'b', '--json', '--markdown'], ['a', 'b', '--csv']]) {
      const { exitCode, err } = await thimble(['compare', ...argv]);
      assert.equal(exitCode, 2);
      assert.match(err, /^thimble compare: .+\nSee thimble compare --help\.\n$/);
    }
  });
});
