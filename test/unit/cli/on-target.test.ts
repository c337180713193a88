import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { heedLatency } from '../../../extension/cli/latency-report';
import type { Verdict } from '../../../extension/targets/verdict';
import type { LatencyReport } from '../../../extension/worker/latency';
import { thimble } from './memory-io';
import { smallModel } from './small-model';

describe('thimble on a target', () => {
  const startedIn = process.cwd();
  let folder = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'thimble-target-'));
    process.chdir(folder);
    writeFileSync('small.onnx', smallModel());
  });

  after(() => {
    process.chdir(startedIn);
    rmSync(folder, { recursive: true, force: true });
  });

  const onM4 = ['--runtime', 'tflm-cmsis-nn-m4', '-t', 'nrf52840', '-p', 'int8'];

  async function json(...argv: string[]) {
    const { exitCode, out, err } = await thimble(['inspect', 'small.onnx', '--json', ...argv]);
    assert.equal(exitCode, 0, err);
    return JSON.parse(out);
  }

  it('estimates the latency as a range with its basis, and each layer', async () => {
    const { latency, accelerator } = await json(...onM4);
    assert.equal(accelerator, undefined);
    assert.equal(latency.kind, 'estimated');
    assert.equal(latency.precision, 'int8');
    assert.ok(latency.lowerMs < latency.middleMs && latency.middleMs < latency.upperMs);
    assert.match(latency.basis, /^Published latencies: /);
    assert.match(latency.accuracy, /median error/);
    assert.deepEqual(
      latency.perLayer.map(({ index, name, kind }: Record<string, unknown>) => [index, name, kind]),
      [
        [0, 'stem', 'conv'],
        [2, 'depthwise', 'depthwise'],
        [3, 'pool', 'other'],
        [5, 'classify', 'dense'],
      ],
    );
    const sum = latency.perLayer.reduce((total: number, { middleMs }: { middleMs: number }) => total + middleMs, 0);
    assert.ok(Math.abs(sum / latency.middleMs - 1) < 0.001);
    const text = (await thimble(['inspect', 'small.onnx', ...onM4])).out;
    assert.match(text, /^Latency {2}~[\d.]+ ms \([\d.]+ ms to [\d.]+ ms\), int8\. Published latencies: /m);
  });

  it('says what is missing, and what an int8 model would take', async () => {
    const { latency } = await json('--runtime', 'tflm-cmsis-nn-m4', '-t', 'stm32u585ai');
    assert.equal(latency.precision, 'float32');
    assert.match(latency.missing, /no float32 latency is published/);
    assert.equal(latency.asInt8.kind, 'estimated');
    const text = (await thimble(['inspect', 'small.onnx', '--runtime', 'tflm-cmsis-nn-m4', '-t', 'stm32u585ai'])).out;
    assert.match(text, /^Latency {2}no evidence: no float32 latency .*; as int8 ~/m);
    const other = await json('--runtime', 'onnx2c', '-t', 'nrf52840');
    assert.match(other.latency.missing, /no latency is published for onnx2c/);
    assert.equal(other.latency.asInt8, undefined);
  });

  it('asks for no latency without a runtime or without a target', async () => {
    assert.equal((await json('-t', 'nrf52840')).latency, undefined);
    assert.equal((await json('--runtime', 'onnx2c')).latency, undefined);
  });

  it('says what an accelerator takes, why not the rest, and what its memory holds', async () => {
    const { accelerator } = await json('-t', 'max78000');
    assert.deepEqual(
      [accelerator.outcome, accelerator.precision, accelerator.modelPrecision, accelerator.layers],
      ['none', 'int8', 'float32', 6],
    );
    assert.deepEqual(accelerator.problems, [
      {
        layer: 'depthwise',
        index: 2,
        reason: 'stride 2×2; it takes 1 (pooling before it can stand for another)',
      },
    ]);
    assert.equal(accelerator.weightMemory.bytes, 216 + 72 + 1280);
    assert.equal(accelerator.weightMemory.limit, 442_368);
    assert.match(accelerator.source, /ai8x-training/);
    const { out } = await thimble(['inspect', 'small.onnx', '-t', 'max78000']);
    assert.match(out, /^Accelerator {2}MAX78000 CNN accelerator, as int8: cannot run it: takes 5 of 6 layers$/m);
    assert.match(out, /^ {2}stride 2×2; .*: depthwise$/m);
    assert.match(out, /^ {2}weights {2}at least 1\.5 KiB of 432 KiB weight memory/m);
    assert.match(out, /^ {2}not checked: /m);
  });

  it('estimates the latency on an accelerator that takes the model', async () => {
    const { accelerator } = await json('-t', 'alif_e7');
    assert.equal(accelerator.outcome, 'all');
    assert.match(accelerator.latency.basis, /Vela/);
  });

  it('remarks in check what the accelerator makes of a model, without judging by it', async () => {
    const { exitCode, out } = await thimble(['check', 'small.onnx', '-t', 'max78000']);
    assert.equal(exitCode, 0);
    assert.match(out, /note: Accelerator {2}MAX78000 CNN accelerator, as int8: cannot run it/);
    const document = JSON.parse((await thimble(['check', 'small.onnx', '-t', 'max78000', '--json'])).out);
    assert.equal(document.accelerator.outcome, 'none');
  });

  describe('--max-latency', () => {
    const check = (most: string, ...argv: string[]) =>
      thimble(['check', 'small.onnx', '--max-latency', most, ...(argv.length > 0 ? argv : onM4)]);

    it('is exceeded only where the whole range is over it', async () => {
      assert.equal((await check('1s')).exitCode, 0);
      const slow = await check('10us');
      assert.equal(slow.exitCode, 1);
      assert.match(slow.out, /it takes ~[\d.]+ ms .*, and 10 µs are allowed/);
      const { latency } = await json(...onM4);
      const doubtful = await check(`${latency.middleMs}`);
      assert.equal(doubtful.exitCode, 0);
      assert.match(doubtful.out, /it may be too slow: /);
      assert.equal((await check(`${latency.upperMs * 1.01}ms`)).out.includes('too slow'), false);
    });

    it('leaves the question open where there is no evidence', async () => {
      const { exitCode, out } = await check('1s', '--runtime', 'onnx2c', '-t', 'nrf52840');
      assert.equal(exitCode, 2);
      assert.match(out, /no latency can be estimated: no latency is published for onnx2c/);
    });

    it('needs a target, a runtime and a time', async () => {
      assert.match((await check('50', '-t', 'nrf52840')).err, /--max-latency needs --target ID and --runtime ID/);
      assert.match((await check('soon')).err, /"soon" is not a time such as 50ms/);
      assert.match((await check('0')).err, /is not a time/);
    });
  });

  it('keeps a bad verdict, whatever the latency', () => {
    const memory = { bytes: 1, kind: 'exact', limit: 1, limitLabel: 'x', fits: false } as const;
    const verdict: Verdict = {
      targetId: 't',
      targetName: 'T',
      flash: memory,
      ram: memory,
      outcome: 'does-not-fit',
      lead: 'Does not fit T:',
      detail: 'RAM.',
      reasons: ['RAM'],
    };
    const missing: LatencyReport = { precision: 'int8', figure: { missing: 'nothing is known' } };
    assert.deepEqual(heedLatency(verdict, missing, 5), verdict);
    assert.deepEqual(heedLatency(verdict, undefined, 5), verdict);
  });
});
