import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildModel, fillValues } from '../../fixtures/model-builder';

/** A model whose int8 weight is longer than what is written at once. */
function longModel(): Uint8Array {
  const side = 1100;
  return buildModel({
    opset: 17,
    graph: {
      inputs: [{ name: 'x', dims: ['batch', side] }],
      outputs: [{ name: 'y', dims: ['batch', side] }],
      nodes: [{ op: 'MatMul', name: 'head', inputs: ['x', 'w'], outputs: ['y'] }],
      initializers: [{ name: 'w', type: 'FLOAT', dims: [side, side], values: fillValues(side * side) }],
    },
  });
}

/**
 * Loaded before the command line: from the second write to a temporary file on, `act` happens in the place of writing. So the moment is
 * the same in every run.
 */
function preload(act: string): string {
  return `
const files = require('node:fs/promises');
const { open } = files;
files.open = async (path, ...rest) => {
  const handle = await open(path, ...rest);
  if (!String(path).endsWith('.tmp')) return handle;
  let writes = 0;
  const write = handle.write.bind(handle);
  handle.write = async (...content) => {
    if (++writes > 1) { ${act} }
    return write(...content);
  };
  return handle;
};`;
}

const failWith = (code: string) => `throw Object.assign(new Error('${code}: from the system'), { code: '${code}' });`;

describe('thimble quantize where writing does not come to its end', function () {
  this.timeout(30_000);
  const tools = mkdtempSync(join(tmpdir(), 'thimble-cut-tools-'));
  const cli = join(tools, 'thimble.cjs');
  const source = Buffer.from(longModel());
  let folder = '';

  before(() =>
    build({ entryPoints: ['extension/cli/main.ts'], outfile: cli, bundle: true, platform: 'node', logLevel: 'silent' }),
  );
  after(() => rmSync(tools, { recursive: true, force: true }));
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'thimble-cut-'));
    writeFileSync(join(folder, 'm.onnx'), source);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** The real command in a process of its own; with `act`, that happens in the middle of writing. */
  function quantize(act?: string, output = 'out.onnx') {
    const hook = join(tools, 'hook.cjs');
    writeFileSync(hook, preload(act ?? ''));
    const argv = [cli, 'quantize', 'm.onnx', '--scheme', 'int8-weights', '-o', output];
    return ended(process.execPath, act === undefined ? argv : ['--require', hook, ...argv]);
  }

  function ended(command: string, argv: readonly string[]) {
    const child = spawn(command, argv, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (text) => {
      errors += String(text);
    });
    child.stdout.resume();
    return new Promise<{ exitCode: number | null; killedBy: string | null; errors: string }>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (exitCode, killedBy) => resolve({ exitCode, killedBy, errors }));
    });
  }

  const names = () => readdirSync(folder).sort();
  const assertSourceIntact = () => assert.ok(readFileSync(join(folder, 'm.onnx')).equals(source));

  it('leaves the source and nothing under the name of the output when it is killed, and writes it the next time', async () => {
    const killed = await quantize("process.kill(process.pid, 'SIGKILL'); await new Promise(() => undefined);");
    assert.equal(killed.killedBy, 'SIGKILL');
    assertSourceIntact();
    const left = names().filter((name) => name !== 'm.onnx');
    assert.equal(left.length, 1);
    assert.match(left[0] ?? '', /^\.out\.onnx\..*\.tmp$/);

    const again = await quantize();
    assert.deepEqual([again.exitCode, again.errors], [0, '']);
    const whole = readFileSync(join(folder, 'out.onnx'));
    assert.equal((await quantize(undefined, 'other.onnx')).exitCode, 0);
    assert.ok(whole.equals(readFileSync(join(folder, 'other.onnx'))));
    assertSourceIntact();
  });

  it('leaves what the output replaces when it is killed', async () => {
    writeFileSync(join(folder, 'out.onnx'), 'what was there');
    const killed = await quantize("process.kill(process.pid, 'SIGKILL'); await new Promise(() => undefined);");
    assert.equal(killed.killedBy, 'SIGKILL');
    assert.equal(readFileSync(join(folder, 'out.onnx'), 'utf8'), 'what was there');
  });

  it('says that it was cancelled, and leaves nothing', async () => {
    const cancelled = await quantize("if (writes === 2) process.kill(process.pid, 'SIGINT');");
    assert.deepEqual(cancelled, { exitCode: 2, killedBy: null, errors: 'thimble: cancelled; nothing was written.\n' });
    assert.deepEqual(names(), ['m.onnx']);
    assertSourceIntact();
  });

  for (const [code, reason] of [
    ['ENOSPC', 'there is no space left'],
    ['EDQUOT', 'there is no space left'],
    ['EROFS', 'the file system is read-only'],
    ['EACCES', 'writing there is not permitted'],
  ] as const) {
    it(`says in a sentence what the system refuses, and leaves nothing: ${code}`, async () => {
      const failed = await quantize(failWith(code));
      assert.deepEqual(
        [failed.exitCode, failed.errors],
        [2, `thimble: m.onnx: out.onnx cannot be written: ${reason}.\n`],
      );
      assert.deepEqual(names(), ['m.onnx']);
      assertSourceIntact();
    });
  }

  // Windows has no such limit.
  if (process.platform !== 'win32') {
    it('stops at the largest file that the system allows', async () => {
      const command = `ulimit -f 600; exec "${process.execPath}" "${cli}" quantize m.onnx --scheme int8-weights -o out.onnx`;
      const failed = await ended('/bin/bash', ['-c', command]);
      assert.equal(failed.exitCode, 2);
      assert.match(failed.errors, /^thimble: m\.onnx: out\.onnx cannot be written: [^\n]+\.\n$/);
      assert.deepEqual(names(), ['m.onnx']);
      assertSourceIntact();
    });
  }

  it('refuses a folder, a missing folder, and the source by any of its names', async () => {
    mkdirSync(join(folder, 'inside'));
    linkSync(join(folder, 'm.onnx'), join(folder, 'hard.onnx'));
    symlinkSync(join(folder, 'm.onnx'), join(folder, 'symbolic.onnx'));
    const before = names();
    for (const [output, reason] of [
      ['inside', /inside is not a file; choose another name\.\n$/],
      ['missing/out.onnx', /cannot be written: there is no such folder\.\n$/],
      ['m.onnx', /never changed; choose another name\.\n$/],
      ['hard.onnx', /never changed; choose another name\.\n$/],
      ['symbolic.onnx', /never changed; choose another name\.\n$/],
    ] as const) {
      const refused = await quantize(undefined, output);
      assert.equal(refused.exitCode, 2, output);
      assert.match(refused.errors, reason);
    }
    assert.deepEqual(names(), before);
    assert.equal(statSync(join(folder, 'm.onnx')).size, source.length);
    assertSourceIntact();
  });
});
