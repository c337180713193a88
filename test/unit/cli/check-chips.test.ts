import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildModel } from '../../fixtures/model-builder';
import { thimble } from './memory-io';

/** Activations of 200,000 bytes: too much for some chips, not for all. */
function wideModel(op = 'Sigmoid'): Uint8Array {
  return buildModel({
    graph: {
      inputs: [{ name: 'x', dims: [1, 25_000] }],
      outputs: [{ name: 'y', dims: [1, 25_000] }],
      nodes: [{ op, inputs: ['x'], outputs: ['y'] }],
    },
  });
}

describe('checking against several chips', () => {
  let folder: string;
  let wide: string;
  const targets = ['-t', 'nrf52840', '-t', 'stm32l432kc', '-t', 'esp32s3'];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'thimble-'));
    wide = join(folder, 'wide.onnx');
    writeFileSync(wide, wideModel());
    writeFileSync(join(folder, 'unknown.onnx'), wideModel('Frobnicate'));
    writeFileSync(join(folder, 'broken.onnx'), 'no model');
  });

  after(() => rmSync(folder, { recursive: true }));

  it('prints a table of models and chips, and what is short under it', async () => {
    const { out, exitCode } = await thimble(['check', wide, ...targets]);
    const [head = '', row = '', , reason = ''] = out.split('\n');
    assert.match(head, /^model +nRF52840 +STM32L432KC +ESP32-S3$/);
    assert.match(row, /wide\.onnx +model data fits +RAM short +model data fits$/);
    assert.match(reason, /wide\.onnx on STM32L432KC: RAM short by/);
    assert.equal(exitCode, 1);
  });

  it('judges each chip with the runtime at home on it when asked', async () => {
    const { out } = await thimble(['check', wide, ...targets, '--runtime', 'usual', '--json']);
    const { verdicts } = JSON.parse(out);
    assert.deepEqual(
      verdicts.map(({ target, runtime, outcome }: Record<string, string>) => [target, runtime, outcome]),
      [
        ['nrf52840', 'tflm-cmsis-nn-m4', 'fits'],
        ['stm32l432kc', 'tflm-cmsis-nn-m4', 'does-not-fit'],
        ['esp32s3', 'esp-dl', 'fits'],
      ],
    );
  });

  it('gives the verdicts that one target at a time gives', async () => {
    const together = JSON.parse((await thimble(['check', wide, ...targets, '-r', 'tflm', '--json'])).out);
    for (const [index, target] of ['nrf52840', 'stm32l432kc', 'esp32s3'].entries()) {
      const alone = JSON.parse((await thimble(['check', wide, '-t', target, '-r', 'tflm', '--json'])).out);
      const { runtime, ...verdict } = together.verdicts[index];
      assert.equal(runtime, 'tflm');
      assert.deepEqual(verdict, alone.verdict);
    }
  });

  it('goes on after a broken file, and ends with the worst', async () => {
    const files = [join(folder, 'broken.onnx'), wide];
    const { out, err, exitCode } = await thimble(['check', ...files, ...targets]);
    assert.equal(exitCode, 2);
    assert.match(err, /broken\.onnx/);
    assert.match(out, /wide\.onnx/);
    const lines = (await thimble(['check', ...files, ...targets, '--jsonl'])).out.trim().split('\n');
    assert.equal(lines.length, 2);
    const github = await thimble(['check', ...files, ...targets, '--format', 'github']);
    assert.equal(github.out.split('\n').filter((line) => line.startsWith('::error')).length, 2);
  });

  it('says which operators cannot run', async () => {
    const file = join(folder, 'unknown.onnx');
    const { out, exitCode } = await thimble(['check', file, ...targets, '-r', 'tflm']);
    assert.match(out, /cannot run +cannot run +cannot run/);
    assert.match(out, /Frobnicate at layer y/);
    assert.equal(exitCode, 1);
  });

  it('counts a chip named twice once, and refuses limits for several', async () => {
    const twice = await thimble(['check', wide, '-t', 'nrf52840', '-t', 'nRF52840']);
    assert.match(twice.out, /wide\.onnx: /);
    const limited = await thimble(['check', wide, ...targets, '--max-ram', '1K']);
    assert.equal(limited.exitCode, 2);
    assert.match(limited.err, /--max-ram is held against one target/);
    const usual = await thimble(['check', wide, '--max-ram', '1K', '--runtime', 'usual']);
    assert.match(usual.err, /--runtime usual needs --target ID/);
  });
});
