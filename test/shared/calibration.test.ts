import { deepEqual, equal, ok } from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineValue } from '../../extension/inference/engine';
import { loadWasmFromDisk } from '../../extension/inference/node-wasm';
import { createWebEngine } from '../../extension/inference/web-engine';
import { MemoryByteSource } from '../../extension/onnx/byte-source';
import { readModel } from '../../extension/onnx/read-model';
import { readTensor, toFloat64 } from '../../extension/onnx/tensor-data';
import { collectRanges } from '../../extension/quantize/calibration/collect-ranges';
import { compareOutputs } from '../../extension/quantize/calibration/compare-outputs';
import { calibrationFilesAt } from '../../extension/quantize/calibration-data/node-calibration-files';
import { openSamples, type SampleOptions } from '../../extension/quantize/calibration-data/open-samples';
import { parsePreprocessing } from '../../extension/quantize/calibration-data/preprocessing';
import type { Sample } from '../../extension/quantize/calibration-data/samples';

const folder = join(process.cwd(), '..', 'shared', 'samples');
const engine = createWebEngine(loadWasmFromDisk);
const image: EngineValue = { name: 'input', dataType: 'FLOAT', dims: [1, 1, 8, 8] };

async function load(name: string) {
  const bytes = new Uint8Array(await readFile(join(folder, name)));
  const source = new MemoryByteSource(bytes);
  return { bytes, source, model: await readModel(source, { fileName: name }) };
}

async function samplesOf(name: string, inputs: readonly EngineValue[] = [image], options?: SampleOptions) {
  return openSamples(await calibrationFilesAt(join(folder, name)), inputs, options);
}

function numbers(sample: Sample | undefined): Float64Array {
  const tensor = sample?.feeds.get('input');
  ok(tensor);
  return toFloat64(tensor.dataType, tensor.data, 64);
}

async function all(source: { samples(): AsyncIterable<Sample> }): Promise<Sample[]> {
  const result: Sample[] = [];
  for await (const sample of source.samples()) result.push(sample);
  return result;
}

describe('calibration with the shared samples', function () {
  this.timeout(60_000);

  it('reads the same from .npz and .npy', async () => {
    const npz = await all(await samplesOf('digits-calibration.npz'));
    const npy = await all(await samplesOf('digits-calibration.npy'));
    equal(npz.length, 100);
    deepEqual(npz.map(numbers), npy.map(numbers));
    ok(npz.every(({ labels }) => (labels.get('y')?.[0] ?? -1) in Array(10).fill(0)));
  });

  it('reads from PNG what the array holds, to within the rounding of 8-bit grey', async () => {
    const preprocessing = parsePreprocessing({ scale: 1 / 255, mean: 0.3, std: 0.37 });
    const pictures = await all(await samplesOf('digits-png', [image], { preprocessing }));
    const test = await all(await samplesOf('digits-test.npz'));
    equal(pictures.length, 20);
    for (const picture of pictures) {
      const [, digit, index] = /digit-(\d)-test(\d+)\.png/.exec(picture.name) ?? [];
      const expected = test[Number(index)];
      deepEqual(expected?.labels.get('y'), [Number(digit)]);
      const pixels = numbers(expected);
      ok(numbers(picture).every((pixel, at) => Math.abs(pixel - (pixels[at] ?? 0)) <= 0.5 / 255 / 0.37 + 1e-6));
    }
  });

  it('fits the arrays to every sample model', async () => {
    const inputs: readonly [string, EngineValue][] = [
      ['digits-calibration.npz', { ...image, dims: ['batch', 1, 8, 8] }],
      ['digits-calibration.npz', { ...image, dims: ['batch', 8, 8] }],
      ['digits-calibration.npz', { ...image, dims: ['batch', 64] }],
      ['digits-embed-calibration.npz', { name: 'ids', dataType: 'INT64', dims: ['batch', 32] }],
    ];
    for (const [file, input] of inputs) {
      const samples = await all(await samplesOf(file, [input]));
      equal(samples.length, 100);
      equal(samples[0]?.feeds.get(input.name)?.dims.length, input.dims.length);
    }
  });

  it('finds the ranges that onnxruntime wrote into its quantized model', async () => {
    const { bytes, model } = await load('digits-dscnn.onnx');
    const quantized = await load('digits-dscnn-qdq.onnx');
    const tensors = [
      'input',
      ...model.graph.nodes.filter(({ opType }) => opType !== 'Constant').flatMap(({ outputs }) => outputs),
    ];
    const { ranges } = await collectRanges(engine, { bytes }, tensors, await samplesOf('digits-calibration.npz'), {
      method: 'minmax',
    });
    let compared = 0;
    for (const [name, { minimum, maximum }] of ranges) {
      const scale = quantized.model.graph.constants.get(`${name}_scale`);
      if (!scale) continue;
      const [written] = toFloat64('FLOAT', await readTensor(scale, { source: quantized.source }), 1);
      const own = (Math.max(0, maximum) - Math.min(0, minimum)) / 255;
      // Its Clip is merged into the layer before: there the output of the Clip counts.
      const clip = model.graph.nodes.find(({ opType, inputs }) => opType === 'Clip' && inputs[0] === name)?.outputs[0];
      const clipped = clip === undefined ? undefined : (ranges.get(clip)?.maximum ?? 0) / 255;
      const near = [own, clipped].some((value) => Math.abs((value ?? 0) / (written ?? 1) - 1) < 1e-5);
      ok(near, `${name}: ${own} or ${clipped}, written ${written}`);
      compared++;
    }
    ok(compared >= 10, `${compared} tensors compared`);
  });

  it('measures a quantized model on labelled data', async () => {
    const [original, changed] = [await load('digits-dscnn.onnx'), await load('digits-dscnn-qdq.onnx')];
    const { outputs, samples } = await compareOutputs(engine, original, changed, await samplesOf('digits-test.npz'));
    equal(samples, 500);
    const [logits] = outputs;
    ok(logits?.labelled && logits.top1);
    ok((logits.sqnrDb ?? 0) > 25 && (logits.sqnrDb ?? 0) < 40, `${logits.sqnrDb} dB`);
    equal(logits.labelled.reference, 497);
    ok(logits.top1.agreeing >= 495);
  });
});
