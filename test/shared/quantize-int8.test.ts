import { strict as assert } from 'node:assert';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UnreadableModel } from '../../extension/onnx/byte-source';
import { writePlannedFiles } from '../../extension/onnx/node-write';
import { QuantizationRefused } from '../../extension/quantize/plan';
import { planQuantization } from '../../extension/quantize/quantize-model';
import { faultsOf, openModel, shared } from './real-model';

describe('int8-weights of real models', function () {
  this.timeout(120_000);
  let output = '';
  before(async () => {
    output = await mkdtemp(join(tmpdir(), 'thimble-int8-'));
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
        const planning = planQuantization(source, 'int8-weights', { fileName });
        if (faultsOf(source).length > 0) {
          await assert.rejects(planning, QuantizationRefused, fileName);
          continue;
        }
        const plan = await planning.catch((error: unknown) => {
          assert.ok(error instanceof QuantizationRefused && /cannot be upgraded/.test(error.message), String(error));
        });
        if (!plan) continue;
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

  it('makes the weights a quarter', async () => {
    const source = await openModel(join(shared, 'samples'), 'digits-resnet8.onnx');
    const plan = await planQuantization(source, 'int8-weights', { fileName: 'out.onnx' });
    const sum = (key: 'bytesBefore' | 'bytesAfter') => plan.converted.reduce((total, tensor) => total + tensor[key], 0);
    assert.ok(sum('bytesAfter') < 0.27 * sum('bytesBefore'));
    assert.equal(plan.left.length, 0);
  });
});
