import { strict as assert } from 'node:assert';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareModels } from '../../extension/inference/compare-models';
import { loadWasmFromDisk } from '../../extension/inference/node-wasm';
import { createWebEngine } from '../../extension/inference/web-engine';
import { UnreadableModel } from '../../extension/onnx/byte-source';
import { writePlannedFiles } from '../../extension/onnx/node-write';
import { QuantizationRefused } from '../../extension/quantize/plan';
import { planQuantization } from '../../extension/quantize/quantize-model';
import { faultsOf, openModel, shared } from './real-model';

describe('float16 of real models', function () {
  this.timeout(120_000);
  let output = '';
  before(async () => {
    output = await mkdtemp(join(tmpdir(), 'thimble-float16-'));
  });
  after(() => rm(output, { recursive: true, force: true }));

  for (const room of ['samples', 'models']) {
    it(`writes what it predicts and can be read again: ${room}`, async () => {
      const folder = join(shared, room);
      let written = 0;
      for (const fileName of (await readdir(folder)).filter((name) => name.endsWith('.onnx'))) {
        const source = await openModel(folder, fileName).catch((error: unknown) => {
          if (error instanceof UnreadableModel) return undefined;
          throw error;
        });
        if (!source) continue;
        const planning = planQuantization(source, 'float16', { fileName });
        if (faultsOf(source).length > 0) {
          await assert.rejects(planning, QuantizationRefused, fileName);
          continue;
        }
        const plan = await planning;
        const modelPath = join(output, fileName);
        const dataPath = plan.dataFileName === undefined ? undefined : join(output, plan.dataFileName);
        await writePlannedFiles({
          model: plan.file,
          data: plan.dataFile,
          modelPath,
          dataPath,
          forbidden: [join(folder, fileName)],
          overwrite: false,
        });
        assert.equal((await stat(modelPath)).size, plan.predictedFileBytes, fileName);
        if (dataPath !== undefined) assert.equal((await stat(dataPath)).size, plan.predictedExternalBytes, fileName);
        assert.deepEqual(faultsOf(await openModel(output, fileName)), [], fileName);
        written++;
      }
      assert.ok(written > 15, `${written} models were written`);
    });
  }

  it('computes what the source computes, within what float16 can tell apart', async () => {
    const engine = createWebEngine(loadWasmFromDisk);
    const folder = join(shared, 'samples');
    let compared = 0;
    for (const fileName of (await readdir(folder)).filter((name) => name.endsWith('.onnx'))) {
      const source = await openModel(folder, fileName);
      if (source.model.source.externalFiles.length > 0) continue;
      const plan = await planQuantization(source, 'float16', { fileName });
      const comparison = await compareModels(source.bytes.source, plan.file, { engine });
      assert.ok(comparison.compared, `${fileName}: ${JSON.stringify(comparison)}`);
      assert.ok(comparison.maxRelativeDifference < 0.02, `${fileName} differs by ${comparison.maxRelativeDifference}`);
      compared++;
    }
    assert.ok(compared > 15, `${compared} models were compared`);
  });

  it('makes the weights a half', async () => {
    const source = await openModel(join(shared, 'samples'), 'digits-resnet8.onnx');
    const plan = await planQuantization(source, 'float16', { fileName: 'out.onnx' });
    const sum = (key: 'bytesBefore' | 'bytesAfter') => plan.converted.reduce((total, tensor) => total + tensor[key], 0);
    assert.equal(sum('bytesAfter'), sum('bytesBefore') / 2);
    assert.deepEqual(plan.left, []);
  });
});
