import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MemoryByteSource } from '../../extension/onnx/byte-source';
import { readModel } from '../../extension/onnx/read-model';
import { applyEdits } from '../../extension/quantize/edited-source';
import { planInt8Weights } from '../../extension/quantize/int8-weights';
import { defaultOptions, type QuantizationOptions } from '../../extension/quantize/options';
import type { ConvertedTensor, QuantizationSource } from '../../extension/quantize/plan';
import { prepare } from '../../extension/quantize/preparation/prepare';
import { fitterFor } from '../../extension/quantize/recovery/fitters';
import { planUpgrade } from '../../extension/quantize/upgrade';
import { combineErrors } from '../../extension/quantize/weight-error';
import { planWeights } from '../../extension/quantize/weights/plan-weights';
import { type WeightSchemeId, weightScheme } from '../../extension/quantize/weights/weight-schemes';
import { inferShapes } from '../../extension/shapes/infer-shapes';

const folder = join(process.cwd(), '..', 'shared', 'models');
const published = 0.1;

async function open(fileName: string): Promise<QuantizationSource> {
  const source = new MemoryByteSource(new Uint8Array(await readFile(join(folder, fileName))));
  const model = await readModel(source, { fileName });
  const read = { model, shapes: inferShapes(model), bytes: { source } };
  const upgrade = await planUpgrade(read);
  const { source: upgraded } = upgrade ? await applyEdits(read, upgrade.edits) : { source: read };
  return (await prepare(upgraded)).source;
}

async function convertedBy(
  source: QuantizationSource,
  id: WeightSchemeId | 'int8-weights',
  options: QuantizationOptions,
): Promise<readonly ConvertedTensor[]> {
  const plan =
    id === 'int8-weights' ? planInt8Weights(source, options) : planWeights(source, weightScheme(id, options));
  return (await plan).converted;
}

/** Signal-to-noise ratios of weights in decibels, IC and VWW; the table of the MLPerf Tiny weights, computed with numpy. */
const table: readonly (readonly [
  WeightSchemeId | 'int8-weights',
  QuantizationOptions['granularity'],
  number,
  number,
])[] = [
  ['int8-weights', 'per-tensor', 39.5, 37.9],
  ['int8-weights', 'per-channel', 42.4, 46.4],
  ['fixed-point', 'per-tensor', 38.7, 35.5],
  ['int4-weights', 'per-tensor', 14.3, 13.6],
  ['int4-weights', 'per-channel', 17.2, 21.2],
  ['bfloat16', 'per-tensor', 55.6, 55.7],
  ['ternary', 'per-channel', 7.1, 7.3],
  ['binary', 'per-channel', 4.4, 3.1],
];

describe('error of weight-only schemes', function () {
  this.timeout(60_000);
  for (const [column, fileName] of [
    [2, 'mlperf-ic-resnet8-float.onnx'],
    [3, 'mlperf-vww-mobilenetv1-float.onnx'],
  ] as const) {
    it(`agrees with the table for ${fileName}`, async () => {
      const source = await open(fileName);
      const wrong: string[] = [];
      for (const row of table) {
        const [id, granularity] = row;
        const converted = await convertedBy(source, id, { ...defaultOptions, granularity, blockSize: 0 });
        const { sqnrDb = 0 } = await combineErrors(converted);
        if (Math.abs(sqnrDb - row[column]) > published) {
          wrong.push(`${id} ${granularity}: ${sqnrDb.toFixed(2)} dB, and ${row[column]} in the table`);
        }
      }
      assert.deepEqual(wrong, []);
    });

    it(`reaches that of the table with clipped scales for ${fileName}`, async () => {
      const source = await open(fileName);
      const scheme = weightScheme('int4-weights', { ...defaultOptions, blockSize: 0 }, fitterFor(['mse-clip']));
      const { sqnrDb = 0 } = await combineErrors((await planWeights(source, scheme)).converted);
      const expected = column === 2 ? 18.9 : 21.5;
      assert.ok(sqnrDb > expected - published && sqnrDb < expected + 1, `${sqnrDb.toFixed(2)} dB, and ${expected}`);
    });
  }
});
