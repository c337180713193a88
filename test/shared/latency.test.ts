import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryByteSource } from '../../extension/onnx/byte-source';
import { latencyAccuracy, workOf } from '../../extension/targets/latency';
import { publishedLatencies, workKinds } from '../../extension/targets/latency-evidence';
import { analyseModel } from '../../extension/worker/analyse';
import { leaveOneOut, scoreOf } from '../fixtures/latency-evaluation';

interface PublishedRow {
  readonly board: string;
  readonly model: string;
  readonly ms: number;
}

const published: readonly PublishedRow[] = JSON.parse(
  readFileSync(join(process.cwd(), '..', 'shared', 'targets', 'latency.json'), 'utf8'),
);

describe('latency estimates against the published rows', () => {
  it('hold every row of the list', () => {
    const compiled = publishedLatencies().filter(({ rate }) => !rate);
    assert.deepEqual(
      compiled.map(({ model, milliseconds }) => [model, milliseconds]),
      published.map(({ model, ms }) => [model, ms]),
    );
  });

  it('count the work of the MLPerf Tiny models as their files do', async () => {
    const models = {
      'MLPerf AD (FC autoencoder)': 'mlperf-ad-autoencoder-qdq',
      'MLPerf IC (ResNet-8)': 'mlperf-ic-resnet8-qdq',
      'MLPerf KWS (DS-CNN)': 'mlperf-kws-dscnn-qdq',
      'MLPerf VWW (MobileNetV1-0.25 96)': 'mlperf-vww-mobilenetv1-qdq',
    };
    for (const [name, file] of Object.entries(models)) {
      const bytes = readFileSync(join(process.cwd(), '..', 'shared', 'models', `${file}.onnx`));
      const { analysis } = await analyseModel({ fileName: file, source: new MemoryByteSource(bytes) });
      const { layers } = workOf(analysis.layers);
      const compiled = publishedLatencies().find(({ model }) => model === name)?.work;
      for (const kind of workKinds) {
        const counted = layers.reduce((sum, layer) => sum + (layer.kind === kind ? layer.operations : 0), 0);
        // The files have a softmax of a few elements more.
        assert.ok(
          Math.abs(counted - (compiled?.[kind] ?? 0)) <= (kind === 'other' ? 100 : 0),
          `${name} ${kind}: ${counted}`,
        );
      }
    }
  });

  describe('leaving one board out at a time', () => {
    const results = leaveOneOut();
    const score = scoreOf(results);

    it('have a median relative error of at most 30 %', () =>
      assert.ok(score.medianError <= 0.3, `${score.medianError}`));
    it('hold the truth in their range in at least 80 % of the rows', () =>
      assert.ok(score.inRange >= 0.8, `${score.inRange}`));
    it('have a median ratio of upper to lower end of at most 3', () =>
      assert.ok(score.medianRatio <= 3, `${score.medianRatio}`));
    it('are given for at least 70 % of the rows', () => assert.ok(score.given >= 0.7, `${score.given}`));
    it('are as accurate as the product says', () => {
      const { medianError, inRange, rows } = latencyAccuracy;
      assert.equal(rows, results.filter(({ estimate }) => estimate).length);
      assert.ok(Math.abs(score.medianError - medianError) < 0.01, `${score.medianError}`);
      assert.ok(Math.abs(score.inRange - inRange) < 0.01, `${score.inRange}`);
    });
    it('say why where none is given', () => {
      assert.deepEqual(
        results.filter(({ estimate, reason }) => !estimate && reason === ''),
        [],
      );
    });
  });
});
