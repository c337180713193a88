import { strict as assert } from 'node:assert';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadWasmFromDisk } from '../../extension/inference/node-wasm';
import { createWebEngine } from '../../extension/inference/web-engine';
import { toFloat64 } from '../../extension/onnx/tensor-data';
import { calibrationFilesAt } from '../../extension/quantize/calibration-data/node-calibration-files';
import { openSamples } from '../../extension/quantize/calibration-data/open-samples';
import { writableSchemeIds } from '../../extension/quantize/scheme';
import { thimble } from '../unit/cli/memory-io';

const samples = join(process.cwd(), '..', 'shared', 'samples');
const calibration = join(samples, 'digits-calibration.npz');
const engine = createWebEngine(loadWasmFromDisk);

/** Share of the 500 test samples whose output is largest at the label. */
async function accuracy(path: string): Promise<number> {
  const session = await engine.open(new Uint8Array(await readFile(path)));
  const data = openSamples(await calibrationFilesAt(join(samples, 'digits-test.npz')), session.inputs);
  let [right, all] = [0, 0];
  for await (const sample of data.samples()) {
    const [output] = (await session.run(sample.feeds)).values();
    assert.ok(output);
    const scores = toFloat64(output.dataType, output.data, output.dims.at(-1) ?? 0);
    const [label] = sample.labels.get('y') ?? [];
    if (scores.indexOf(scores.reduce((most, score) => Math.max(most, score))) === label) right++;
    all++;
  }
  await session.release();
  assert.equal(all, 500);
  return right / all;
}

describe('thimble quantize on the sample models', function () {
  this.timeout(120_000);
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'thimble-quantize-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('int8 per channel is as accurate as that of onnxruntime.quantization', async () => {
    const { models } = JSON.parse(await readFile(join(samples, 'samples.json'), 'utf8'));
    const entry = models.find(({ file }: { file: string }) => file === 'digits-dscnn.onnx');
    const reference = entry.quantised.int8_qdq_per_channel.accuracy;
    const path = join(folder, 'int8.onnx');
    const args = ['quantize', join(samples, entry.file), '-s', 'int8', '--per-channel', '--calibration', calibration];
    const { exitCode, err } = await thimble([...args, '-o', path]);
    assert.equal(exitCode, 0, err);
    const reached = await accuracy(path);
    assert.ok(reached >= reference - 0.002 - 1e-9, `${reached}, and onnxruntime ${reference}`);
  });

  for (const name of ['digits-dscnn-badrange', 'digits-dscnn-badrange-dw']) {
    it(`${name}: per tensor, equalization keeps the accuracy, and is chosen for it`, async () => {
      const source = join(samples, `${name}.onnx`);
      const path = join(folder, `${name}.onnx`);
      const args = [
        'quantize',
        source,
        '-s',
        'int8',
        '--per-tensor',
        '--calibration',
        calibration,
        '-o',
        path,
        '--json',
      ];
      const { exitCode, out, err } = await thimble(args);
      assert.equal(exitCode, 0, err);
      assert.ok(JSON.parse(out).passes.some(({ pass }: { pass: string }) => pass === 'cross-layer equalization'));
      const [float, reached] = [await accuracy(source), await accuracy(path)];
      assert.ok(reached >= float - 0.01, `${reached}, and in float ${float}`);
      const plain = await thimble([...args, '--recovery', 'none']);
      assert.equal(plain.exitCode, 0, plain.err);
      assert.ok((await accuracy(path)) < 0.6);
    });
  }

  for (const name of ['digits-dscnn-bn', 'digits-lstm', 'digits-resnet8-external']) {
    it(`${name}: the size of every scheme is known to the byte`, async () => {
      for (const scheme of writableSchemeIds) {
        const model = join(samples, `${name}.onnx`);
        const path = join(folder, `${name}.${scheme}.onnx`);
        const common = ['quantize', model, '-s', scheme, '-o', path, '--json'];
        const dry = await thimble([...common, '--dry-run']);
        const { exitCode, out, err } = await thimble([...common, '--calibration', calibration]);
        assert.deepEqual([dry.exitCode, exitCode], [0, 0], `${scheme}: ${dry.err}${err}`);
        const [planned, report] = [JSON.parse(dry.out), JSON.parse(out)];
        assert.equal(report.predictedFileBytes, planned.predictedFileBytes, scheme);
        assert.equal((await stat(path)).size, planned.predictedFileBytes, scheme);
        assert.equal(report.writtenExternalBytes, planned.predictedExternalBytes, scheme);
        if (report.dataFile !== null) assert.equal((await stat(report.dataFile)).size, planned.predictedExternalBytes);
        assert.equal(report.calibrationSamples, 100, `${scheme}: ${report.warnings}`);
      }
    });
  }
});
