import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildModel } from '../../fixtures/model-builder';
import { thimble } from './memory-io';
import { smallModel } from './small-model';

const goldens = join(process.cwd(), 'test', 'golden');

describe('thimble on a runtime', () => {
  const startedIn = process.cwd();
  let folder = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'thimble-runtime-'));
    process.chdir(folder);
    writeFileSync('small.onnx', smallModel());
    writeFileSync(
      'odd.onnx',
      buildModel({
        graph: {
          inputs: [{ name: 'x', dims: [1, 8] }],
          outputs: [{ name: 'y', dims: [1, 8] }],
          nodes: [{ op: 'Frobnicate', inputs: ['x'], outputs: ['y'] }],
        },
      }),
    );
  });

  after(() => {
    process.chdir(startedIn);
    rmSync(folder, { recursive: true, force: true });
  });

  const onM4 = ['--runtime', 'tflm-cmsis-nn-m4'];

  function assertGolden(name: string, text: string): void {
    const path = join(goldens, name);
    if (process.env['THIMBLE_UPDATE_GOLDENS']) writeFileSync(path, text);
    assert.equal(text, readFileSync(path, 'utf8'), name);
  }

  async function json(...argv: string[]) {
    const { exitCode, out, err } = await thimble(['inspect', 'small.onnx', '--json', ...argv]);
    assert.equal(exitCode, 0, err);
    return JSON.parse(out);
  }

  it('reports flash and RAM in parts to a person', async () => {
    const reserves = ['--reserve-flash', '16K', '--reserve-ram', '2K'];
    const { out } = await thimble([
      'inspect',
      'small.onnx',
      ...onM4,
      '--precision',
      'int8',
      '-t',
      'STM32F103C8T6',
      ...reserves,
    ]);
    assertGolden('inspect-runtime.txt', out);
  });

  it('writes memory and flash as JSON', async () => {
    const document = await json(...onM4, '--precision', 'int8', '--target', 'nrf52840');
    assertGolden('inspect-runtime.generated.json', `${JSON.stringify({ ...document, layers: [] }, undefined, 2)}\n`);
    const { memory, flash, verdict } = document;
    for (const name of ['arenaBytes', 'persistentBytes', 'usedBytes', 'minimumArenaBytes', 'lowerBoundBytes']) {
      assert.equal(typeof memory[name], 'number', name);
    }
    const ends = memory.tensors.map(({ offset, bytes }: { offset: number; bytes: number }) => offset + bytes);
    assert.ok(Math.max(...ends) <= memory.arenaBytes);
    const parts = flash.parts.map(({ bytes }: { bytes: number }) => bytes);
    assert.equal(
      flash.totalBytes,
      parts.reduce((sum: number, bytes: number) => sum + bytes, 0),
    );
    assert.equal(verdict.outcome, 'fits');
    assert.equal(verdict.ram.bytes, memory.minimumArenaBytes);
    assert.equal(verdict.ram.kind, memory.kind);
    assert.equal(verdict.flash.kind, 'estimated');
    assert.equal(verdict.ram.region, 'RAM');
  });

  it('changes nothing without --runtime', async () => {
    const { memory, flash, verdict } = await json('--target', 'nrf52840');
    assert.deepEqual([memory, flash, verdict.outcome], [undefined, undefined, 'model-data-fits']);
  });

  it('measures a scheme through the file it would write', async () => {
    const asInFile = await json('--runtime', 'onnx2c');
    const half = await json('--runtime', 'onnx2c', '--precision', 'float16');
    assert.equal(half.precision, 'float16');
    assert.ok(half.flash.totalBytes < asInFile.flash.totalBytes);
    assert.equal(half.fileBytes, asInFile.fileBytes);
  });

  it('keeps float32 graph inputs and outputs when asked to', async () => {
    const int8 = await json(...onM4, '-p', 'int8');
    const float = await json(...onM4, '-p', 'int8', '--keep-float-io');
    const inputs = (document: typeof int8) =>
      document.memory.tensors
        .filter(({ first }: { first: number }) => first === 0)
        .map(({ bytes }: { bytes: number }) => bytes);
    assert.deepEqual([inputs(int8), inputs(float)], [[768], [3072]]);
  });

  it('binds dimensions', async () => {
    const one = await json(...onM4);
    const two = await json(...onM4, '--dim', 'batch=2');
    assert.equal(two.memory.lowerBoundBytes, 2 * one.memory.lowerBoundBytes);
  });

  it('counts reserves as parts of their own', async () => {
    const without = await json(...onM4, '-t', 'nrf52840');
    const withThem = await json(...onM4, '-t', 'nrf52840', '--reserve-flash', '10K', '--reserve-ram', '1000');
    assert.deepEqual(withThem.flash.parts.at(-1).part, 'reserve');
    assert.equal(withThem.verdict.flash.bytes - without.verdict.flash.bytes, 10_240);
    assert.equal(withThem.verdict.ram.bytes - without.verdict.ram.bytes, 1000);
    assert.equal(withThem.memory.minimumArenaBytes, without.memory.minimumArenaBytes);
  });

  it('checks by what the runtime needs', async () => {
    const { memory } = await json(...onM4, '-p', 'int8');
    const check = (ram: number) => thimble(['check', 'small.onnx', ...onM4, '-p', 'int8', '--max-ram', `${ram}`]);
    assert.equal((await check(memory.minimumArenaBytes)).exitCode, 0);
    const short = await check(memory.minimumArenaBytes - 1);
    assert.equal(short.exitCode, 1);
    assert.match(short.out, /does not fit .*\n {2}RAM is ~1 B short/);
  });

  it('judges what quantize writes by what the runtime needs, as inspect does', async () => {
    const common = ['--target', 'nrf52840', '--json'];
    const runtime = ['--runtime', 'onnx2c', '--reserve-ram', '1K'];
    const read = async (argv: readonly string[]) => {
      const result = await thimble(argv);
      assert.equal(result.exitCode, 0, result.err);
      return JSON.parse(result.out);
    };
    const scheme = ['quantize', 'small.onnx', '--scheme', 'int8-weights'];
    const plain = await read([...scheme, '--dry-run', ...common]);
    assert.equal(plain.memory, undefined);
    assert.equal(plain.verdict.ram.kind, 'lower bound');
    const planned = await read([...scheme, '--dry-run', ...common, ...runtime]);
    const written = await read([...scheme, '-o', 'written.onnx', ...common, ...runtime]);
    const inspected = await read(['inspect', 'written.onnx', ...common, ...runtime]);
    for (const part of ['runtime', 'memory', 'flash', 'reserves', 'cannotRun', 'verdict']) {
      assert.deepEqual(written[part], inspected[part], part);
      if (part !== 'flash') assert.deepEqual(planned[part], inspected[part], part);
    }
    assert.notEqual(written.verdict.ram.kind, 'lower bound');
    const text = await thimble([...scheme, '--dry-run', '--target', 'nrf52840', ...runtime]);
    assert.match(text.out, /Generated C \(onnx2c\)/);
    const alone = await thimble([...scheme, '--dry-run', '--reserve-ram', '1K']);
    assert.equal(alone.exitCode, 2);
  });

  it('names operators that cannot run, and exits 1', async () => {
    const { exitCode, out } = await thimble(['check', 'odd.onnx', ...onM4, '-t', 'nrf52840']);
    assert.equal(exitCode, 1);
    assert.match(out, /^odd\.onnx: cannot run .*\n {2}1 operator, Frobnicate at layer y\n {2}warning: /);
    const document = await thimble(['check', 'odd.onnx', ...onM4, '-t', 'nrf52840', '--json']);
    const { verdict, cannotRun } = JSON.parse(document.out);
    assert.equal(verdict.outcome, 'cannot-run');
    assert.deepEqual([cannotRun[0].node, cannotRun[0].opType], [0, 'Frobnicate']);
    assert.match((await thimble(['inspect', 'odd.onnx', ...onM4])).out, /cannot run: Frobnicate \(node 0\)/);
  });

  it('lists the runtimes', async () => {
    const { exitCode, out } = await thimble(['runtimes']);
    assert.equal(exitCode, 0);
    for (const id of ['tflm', 'tflm-cmsis-nn-m55', 'onnx2c', 'st-edge-ai', 'esp-dl', 'onnxruntime-wasm']) {
      assert.match(out, new RegExp(`^${id} `, 'm'));
    }
    const { runtimes } = JSON.parse((await thimble(['runtimes', '--json'])).out);
    assert.deepEqual(runtimes[0].precisions, ['int8', 'as-in-file', 'float32']);
  });

  const mistakes: readonly (readonly [readonly string[], RegExp])[] = [
    [['--runtime', 'tensorflow'], /unknown runtime "tensorflow"; give one of tflm, /],
    [['--precision', 'int8'], /--precision needs --runtime/],
    [['--reserve-ram', '1K'], /--reserve-ram needs --runtime/],
    [['--runtime', 'tflm', '--precision', 'int3'], /unknown precision "int3"/],
    [['--runtime', 'onnx2c', '--precision', 'int8'], /onnx2c runs the number formats of the file/],
    [['--runtime', 'tflm', '--reserve-flash', 'much'], /--reserve-flash "much" is not a size/],
  ];
  for (const [argv, message] of mistakes) {
    it(`explains what is wrong with: ${argv.join(' ')}`, async () => {
      const { exitCode, out, err } = await thimble(['inspect', 'small.onnx', ...argv]);
      assert.deepEqual([exitCode, out], [2, '']);
      assert.match(err, message);
    });
  }
});
