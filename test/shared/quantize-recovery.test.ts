import { strict as assert } from 'node:assert';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadWasmFromDisk } from '../../extension/inference/node-wasm';
import { createWebEngine } from '../../extension/inference/web-engine';
import { compareOutputs } from '../../extension/quantize/calibration/compare-outputs';
import { calibrationFilesAt } from '../../extension/quantize/calibration-data/node-calibration-files';
import { openSamples } from '../../extension/quantize/calibration-data/open-samples';
import { thimble } from '../unit/cli/memory-io';

const samples = join(process.cwd(), '..', 'shared', 'samples');
const calibration = join(samples, 'digits-calibration.npz');
const engine = createWebEngine(loadWasmFromDisk);

/** Of the outputs on the 500 test samples, which no method has seen: mean SQNR in decibels, and the share that is right. */
async function onTestSamples(
  source: string,
  changed: string,
): Promise<{ readonly sqnrDb: number; readonly accuracy: number }> {
  const [reference, other] = [new Uint8Array(await readFile(source)), new Uint8Array(await readFile(changed))];
  const session = await engine.open(reference);
  const test = openSamples(await calibrationFilesAt(join(samples, 'digits-test.npz')), session.inputs);
  await session.release();
  const { outputs } = await compareOutputs(engine, { bytes: reference }, { bytes: other }, test);
  const [first] = outputs;
  assert.ok(first?.labelled && first.sqnrDb !== undefined);
  return { sqnrDb: first.sqnrDb, accuracy: first.labelled.changed / first.labelled.rows };
}

describe('accuracy recovery of the sample models', function () {
  this.timeout(120_000);
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'thimble-recovery-'));
  });
  after(() => rm(folder, { recursive: true }));

  /** Least gains in decibels, a good part of what was measured. */
  for (const [name, scheme, granularity, gain] of [
    ['digits-dscnn', 'int8', '--per-tensor', 4],
    ['digits-dscnn', 'int4-weights', '--per-channel', 6],
    ['digits-resnet8', 'int4-weights', '--per-channel', 4],
    ['digits-resnet8', 'int2-weights', '--per-channel', 5],
    ['digits-vit', 'int4-weights', '--per-channel', 3],
  ] as const) {
    it(`${name}, ${scheme} ${granularity}: auto helps on samples that it has not seen`, async () => {
      const source = join(samples, `${name}.onnx`);
      const path = join(folder, 'quantized.onnx');
      const measured = async (recovery: string) => {
        const args = ['quantize', source, '-s', scheme, granularity, '--calibration', calibration, '-o', path];
        const { exitCode, err } = await thimble([...args, '--recovery', recovery]);
        assert.equal(exitCode, 0, err);
        return onTestSamples(source, path);
      };
      const [plain, recovered] = [await measured('none'), await measured('auto')];
      assert.ok(recovered.sqnrDb >= plain.sqnrDb + gain, `${recovered.sqnrDb} dB, and without ${plain.sqnrDb} dB`);
      assert.ok(recovered.accuracy >= plain.accuracy - 0.002, `${recovered.accuracy}, and without ${plain.accuracy}`);
    });
  }
});
