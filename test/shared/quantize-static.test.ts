import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { InferenceSession } from '../../extension/inference/engine';
import { loadWasmFromDisk } from '../../extension/inference/node-wasm';
import { createWebEngine } from '../../extension/inference/web-engine';
import { MemoryByteSource } from '../../extension/onnx/byte-source';
import { rewriteModel } from '../../extension/onnx/edit';
import { readModel } from '../../extension/onnx/read-model';
import { toFloat64 } from '../../extension/onnx/tensor-data';
import { collectRanges } from '../../extension/quantize/calibration/collect-ranges';
import { calibrationFilesAt } from '../../extension/quantize/calibration-data/node-calibration-files';
import { openSamples } from '../../extension/quantize/calibration-data/open-samples';
import { defaultOptions, type QuantizationOptions } from '../../extension/quantize/options';
import { prepare } from '../../extension/quantize/preparation/prepare';
import { planStatic } from '../../extension/quantize/static/plan-static';
import { inferShapes } from '../../extension/shapes/infer-shapes';

const folder = join(process.cwd(), '..', 'shared', 'samples');
const engine = createWebEngine(loadWasmFromDisk);
/** What rounding in another engine may change: one of the 500 test samples. */
const oneSample = 0.002;

interface SampleModel {
  readonly file: string;
  readonly quantised: { readonly [variant: string]: { readonly accuracy?: number; readonly mse?: number } };
}

async function sampleModels(): Promise<readonly SampleModel[]> {
  const { models } = JSON.parse(await readFile(join(folder, 'samples.json'), 'utf8'));
  return models;
}

/** The model as static int8, calibrated on the 100 calibration samples (min-max). */
async function quantized(fileName: string, granularity: QuantizationOptions['granularity']): Promise<Uint8Array> {
  const source = new MemoryByteSource(new Uint8Array(await readFile(join(folder, fileName))));
  const model = await readModel(source, { fileName });
  const prepared = (await prepare({ model, shapes: inferShapes(model), bytes: { source } })).source;
  const options = { ...defaultOptions, granularity };
  const { activations } = planStatic(prepared, 'int8', options);

  const file = prepared.bytes.source;
  const bytes = await file.read(0, file.size);
  const session = await engine.open(bytes);
  const samples = openSamples(await dataFor(fileName, 'calibration'), session.inputs);
  await session.release();
  const { ranges } = await collectRanges(engine, { bytes }, activations, samples, { method: 'minmax' });
  const plan = planStatic(prepared, 'int8', options, ranges);
  const { model: written } = await rewriteModel(prepared.model, file, plan.edits, { kind: 'inline' });
  return written.read(0, written.size);
}

function dataFor(fileName: string, part: 'calibration' | 'test') {
  return calibrationFilesAt(join(folder, `digits-${fileName.includes('embed') ? 'embed-' : ''}${part}.npz`));
}

/** Share of the 500 test samples whose first output is largest at the label. */
async function accuracy(session: InferenceSession, fileName: string): Promise<number> {
  let [right, all] = [0, 0];
  for await (const sample of openSamples(await dataFor(fileName, 'test'), session.inputs).samples()) {
    const output = (await session.run(sample.feeds)).get(session.outputs[0]?.name ?? '');
    assert.ok(output);
    const scores = toFloat64(output.dataType, output.data, output.dims.at(-1) ?? 0);
    const [label] = sample.labels.get('y') ?? [];
    if (scores.indexOf(scores.reduce((most, score) => Math.max(most, score))) === label) right++;
    all++;
  }
  assert.equal(all, 500);
  return right / all;
}

describe('static int8 of the sample models', function () {
  this.timeout(120_000);
  for (const granularity of ['per-tensor', 'per-channel'] as const) {
    it(`is as accurate as that of onnxruntime.quantization, ${granularity}`, async () => {
      const variant = granularity === 'per-tensor' ? 'int8_qdq_per_tensor' : 'int8_qdq_per_channel';
      let compared = 0;
      for (const { file, quantised } of await sampleModels()) {
        const reference = quantised?.[variant]?.accuracy;
        if (reference === undefined) continue;
        const session = await engine.open(await quantized(file, granularity));
        const reached = await accuracy(session, file);
        await session.release();
        assert.ok(reached >= reference - oneSample - 1e-9, `${file}: ${reached}, and onnxruntime ${reference}`);
        compared++;
      }
      assert.ok(compared >= 12, `${compared} models were compared`);
    });
  }
});
