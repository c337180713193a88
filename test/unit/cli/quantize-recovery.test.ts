import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseRecovery, recoveryMethods, recoveryText } from '../../../extension/quantize/recovery/methods';
import { floatNpy } from '../../fixtures/data-files';
import { buildModel } from '../../fixtures/model-builder';
import { thimble } from './memory-io';

const samples = 20;

/** Channels of very different ranges, a Clip, a depthwise layer and two dense ones. */
function model(): Uint8Array {
  const values = (count: number, seed: number, magnitude: (index: number) => number = () => 1) =>
    Array.from({ length: count }, (_, index) => Math.sin(index * 12.9898 + seed) * magnitude(index));
  return buildModel({
    opset: 21,
    graph: {
      inputs: [{ name: 'image', dims: ['batch', 3, 6, 6] }],
      outputs: [{ name: 'scores', dims: ['batch', 10] }],
      nodes: [
        { op: 'Conv', inputs: ['image', 'w1', 'b1'], outputs: ['c1'], attributes: { pads: [1, 1, 1, 1] } },
        { op: 'Relu', inputs: ['c1'], outputs: ['r1'] },
        { op: 'Conv', inputs: ['r1', 'w2', 'b2'], outputs: ['c2'], attributes: { group: 8 } },
        { op: 'Relu', inputs: ['c2'], outputs: ['r2'] },
        { op: 'Flatten', inputs: ['r2'], outputs: ['f'] },
        { op: 'Gemm', inputs: ['f', 'w3', 'b3'], outputs: ['h'] },
        { op: 'Relu', inputs: ['h'], outputs: ['r3'] },
        { op: 'Gemm', inputs: ['r3', 'w4', 'b4'], outputs: ['scores'] },
      ],
      initializers: [
        {
          name: 'w1',
          type: 'FLOAT',
          dims: [8, 3, 3, 3],
          values: values(216, 1, (index) => 4 ** (Math.floor(index / 27) % 4)),
        },
        { name: 'b1', type: 'FLOAT', dims: [8], values: values(8, 2) },
        {
          name: 'w2',
          type: 'FLOAT',
          dims: [8, 1, 3, 3],
          values: values(72, 3, (index) => 4 ** -(Math.floor(index / 9) % 4)),
        },
        { name: 'b2', type: 'FLOAT', dims: [8], values: values(8, 4) },
        { name: 'w3', type: 'FLOAT', dims: [128, 48], values: values(128 * 48, 5) },
        { name: 'b3', type: 'FLOAT', dims: [48], values: values(48, 6) },
        { name: 'w4', type: 'FLOAT', dims: [48, 10], values: values(480, 7) },
        { name: 'b4', type: 'FLOAT', dims: [10], values: values(10, 8) },
      ],
    },
  });
}

interface Report {
  readonly predictedFileBytes: number;
  readonly writtenFileBytes: number;
  readonly weightError: { readonly sqnrDb: number };
  readonly outputs: readonly { readonly sqnrDb: number }[];
  readonly passes: readonly { readonly pass: string; readonly changes: readonly string[] }[];
  readonly recovery: readonly {
    readonly method: string;
    readonly kept: boolean;
    readonly reason?: string;
    readonly beforeDb: number | null;
    readonly afterDb: number | null;
  }[];
}

describe('thimble quantize --recovery', () => {
  const before = process.cwd();
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'thimble-recovery-'));
    process.chdir(folder);
    writeFileSync('m.onnx', model());
    const values = Array.from({ length: samples * 108 }, (_, index) => Math.sin(index * 78.233) + 0.2);
    writeFileSync('data.npy', floatNpy([samples, 3, 6, 6], values));
  });
  afterEach(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });

  async function quantized(
    scheme: string,
    recovery: string,
    more: readonly string[] = ['--calibration', 'data.npy'],
  ): Promise<Report> {
    const args = ['quantize', 'm.onnx', '-s', scheme, '--recovery', recovery, '-o', 'q.onnx', '--json', ...more];
    const { exitCode, out, err } = await thimble(args);
    assert.equal(exitCode, 0, err);
    const report: Report = JSON.parse(out);
    assert.equal(statSync('q.onnx').size, report.predictedFileBytes);
    assert.equal(report.writtenFileBytes, report.predictedFileBytes);
    return report;
  }

  for (const scheme of ['int8', 'int8-dynamic', 'int4-weights', 'int2-weights']) {
    it(`${scheme}: auto keeps what helps, names it, and gives the same bytes again`, async () => {
      const plain = await quantized(scheme, 'none');
      assert.deepEqual(plain.recovery, []);
      const helped = await quantized(scheme, 'auto');
      const bytes = readFileSync('q.onnx');
      assert.equal(helped.predictedFileBytes, plain.predictedFileBytes);
      const [reached, without] = [helped.outputs[0]?.sqnrDb ?? 0, plain.outputs[0]?.sqnrDb ?? 0];
      assert.ok(reached > without + 0.5, `${reached} dB, and without ${without} dB`);
      const kept = helped.recovery.filter((step) => step.kept);
      assert.ok(kept.length > 0 && kept.every(({ beforeDb, afterDb }) => (afterDb ?? 0) > (beforeDb ?? 0)));
      const report = helped.passes.find(({ pass }) => pass === 'accuracy recovery');
      assert.match(
        report?.changes.join(' ') ?? '',
        new RegExp(`${kept[0]?.method} was applied \\(SQNR of the outputs, measured: `),
      );
      await quantized(scheme, 'auto');
      assert.deepEqual(readFileSync('q.onnx'), bytes);
    });
  }

  for (const method of recoveryMethods) {
    it(`${method} alone changes no size, and is applied where it can be`, async () => {
      for (const scheme of ['int8', 'int4-weights']) {
        const dry = await thimble(['quantize', 'm.onnx', '-s', scheme, '--recovery', method, '--dry-run', '--json']);
        const plain = await quantized(scheme, 'none');
        const report = await quantized(scheme, method);
        assert.equal(report.predictedFileBytes, plain.predictedFileBytes);
        assert.equal(JSON.parse(dry.out).predictedFileBytes, plain.predictedFileBytes);
        const [step, ...others] = report.recovery;
        assert.deepEqual([step?.method, others], [method, []]);
        assert.ok(step?.kept || (step?.reason ?? '').length > 10, JSON.stringify(step));
      }
    });
  }

  it('without data improves the weights where a method can', async () => {
    const plain = await quantized('int4-weights', 'none', []);
    const helped = await quantized('int4-weights', 'auto', []);
    assert.ok(helped.weightError.sqnrDb > plain.weightError.sqnrDb + 0.1);
    assert.match(helped.passes.at(-1)?.changes[0] ?? '', /^mse-clip was applied \(SQNR of the weights, measured: /);
    const named = await quantized('int4-weights', 'mse-clip', []);
    assert.equal(named.weightError.sqnrDb, helped.weightError.sqnrDb);
  });

  it('says what is wrong', async () => {
    const without = await thimble(['quantize', 'm.onnx', '-s', 'int4-weights', '--recovery', 'mse-clip,gptq']);
    assert.equal(without.exitCode, 2);
    assert.match(without.err, /The recovery gptq needs calibration data/);
    const unknown = await thimble(['quantize', 'm.onnx', '-s', 'int8', '--recovery', 'cle,magic']);
    assert.match(unknown.err, /unknown --recovery "cle,magic"; give none, auto, or some of cle,/);
    const idle = await quantized('int8', 'hqq,bias-correction');
    assert.deepEqual(
      idle.recovery.map(({ method, kept, reason }) => [method, kept, reason]),
      [
        ['hqq', false, 'It is for weights of 4 and 2 bits.'],
        ['bias-correction', true, undefined],
      ],
    );
  });

  it('reads lists in any order, and writes them in that of their application', () => {
    assert.deepEqual(parseRecovery('bias-correction, cle,cle'), ['cle', 'bias-correction']);
    assert.equal(recoveryText(parseRecovery('gptq,mse-clip') ?? 'none'), 'mse-clip,gptq');
    assert.equal(parseRecovery('auto,cle'), undefined);
    assert.equal(parseRecovery(''), undefined);
  });
});
