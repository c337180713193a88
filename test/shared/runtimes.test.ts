import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkPlan } from '../../extension/budget/planners/check-plan';
import { type MeasureOptions, measureOnRuntime, type RuntimeFootprint } from '../../extension/runtimes/measure';
import { allRuntimes, findRuntime } from '../../extension/runtimes/runtimes';
import { type AnalysedModel, analyseModel } from '../../extension/worker/analyse';
import { openOrigin } from '../../extension/worker/model-sessions';

const models = join(process.cwd(), '..', 'shared', 'models');

async function analysed(name: string): Promise<AnalysedModel> {
  const opened = await openOrigin({ kind: 'file', path: join(models, `${name}.onnx`) });
  try {
    return await analyseModel(opened);
  } finally {
    await opened.close();
  }
}

async function asInt8(name: string, runtimeId: string, options: MeasureOptions = {}): Promise<RuntimeFootprint> {
  const { model, shapes } = await analysed(name);
  const runtime = findRuntime(runtimeId);
  assert.ok(runtime, runtimeId);
  return measureOnRuntime(model, shapes, runtime, 'int8', options);
}

function ram({ memory }: RuntimeFootprint) {
  return [memory.arenaBytes, memory.usedBytes, memory.minimumArenaBytes];
}

function near(actual: number, expected: number, percent: number, what: string): void {
  const off = (100 * (actual - expected)) / expected;
  assert.ok(Math.abs(off) <= percent, `${what}: ${actual} is ${off.toFixed(2)} % from ${expected}`);
}

const cores = ['m0', 'm4', 'm55'] as const;

/** Head, used bytes and minimum arena measured on compiled binaries, by family of cores: ../shared/reference/tflm-arenas.json. */
const measured: Readonly<Record<string, readonly (readonly [head: number, used: number, minimum: number])[]>> = {
  'mlperf-ic-resnet8-float': [
    [49728, 54980, 54992],
    [49728, 54996, 55008],
    [49728, 55028, 55040],
  ],
  'mlperf-ic-resnet8-qdq': [
    [49728, 54980, 54992],
    [49728, 54996, 55008],
    [49728, 55028, 55040],
  ],
  'mlperf-vww-mobilenetv1-float': [
    [73728, 100708, 100720],
    [73728, 100708, 100720],
    [73728, 100772, 100784],
  ],
  'mlperf-vww-mobilenetv1-qdq': [
    [73728, 100708, 100720],
    [73728, 100708, 100720],
    [73728, 100772, 100784],
  ],
  'mlperf-ad-autoencoder-qdq': [
    [768, 2580, 3024],
    [768, 2580, 3024],
    [768, 9268, 9712],
  ],
};

/** The folder of models is no part of the project: without it there is nothing to list here. */
function describeModels(title: string, cases: () => void): void {
  if (existsSync(models)) describe(title, cases);
}

describeModels('TensorFlow Lite Micro on the twins of MLPerf Tiny', () => {
  for (const [name, rows] of Object.entries(measured)) {
    cores.forEach((core, index) => {
      it(`${name} needs on ${core} what the compiled binary needs, to the byte`, async () => {
        const footprint = await asInt8(name, `tflm-cmsis-nn-${core}`);
        assert.deepEqual(ram(footprint), rows[index]);
        assert.equal(footprint.memory.kind, 'exact');
        assert.deepEqual(footprint.cannotRun, []);
      });
    });
  }

  it('mlperf-kws-dscnn-qdq differs by its Reshape of the flat input, which the .tflite file does not have', async () => {
    // One operator (32 + 36 bytes) and two tensors (2 x 12), rounded up to 16.
    const reshape = 96;
    const rows = { m0: [16000, 22820], m4: [16000, 22820], m55: [20464, 27344] } as const;
    for (const core of cores) {
      const footprint = await asInt8('mlperf-kws-dscnn-qdq', `tflm-cmsis-nn-${core}`);
      assert.equal(footprint.layers[0]?.kind, 'Reshape');
      assert.equal(footprint.memory.arenaBytes, rows[core][0]);
      near(footprint.memory.usedBytes, rows[core][1], 2, core);
      if (core !== 'm55') assert.equal(footprint.memory.usedBytes - reshape, rows[core][1]);
    }
    const m4 = await asInt8('mlperf-kws-dscnn-qdq', 'tflm-cmsis-nn-m4');
    near(m4.memory.minimumArenaBytes, 22832, 2, 'minimum on m4');
    const m55 = await asInt8('mlperf-kws-dscnn-qdq', 'tflm-cmsis-nn-m55');
    assert.equal(m55.memory.minimumArenaBytes - reshape, 27360);
  });

  it('keeps float32 inputs and outputs on request, as the full-integer ToyCar file has them', async () => {
    const m4 = await asInt8('mlperf-ad-autoencoder-qdq', 'tflm-cmsis-nn-m4', { floatInputsAndOutputs: true });
    assert.deepEqual(ram(m4), [3200, 5136, 5136]);
    const m55 = await asInt8('mlperf-ad-autoencoder-qdq', 'tflm-cmsis-nn-m55', { floatInputsAndOutputs: true });
    assert.deepEqual(ram(m55), [3200, 11824, 11824]);
  });

  it('keeps in float32 what the float twin of the same operators was measured to keep', async () => {
    const { model, shapes } = await analysed('mlperf-ic-resnet8-float');
    const runtime = findRuntime('tflm-cmsis-nn-m4');
    assert.ok(runtime);
    const { memory } = measureOnRuntime(model, shapes, runtime, 'float32');
    // pretrainedResnet_large_float.tflite: wider, but with the same operators and tensors.
    assert.equal(memory.persistentBytes, 2512);
  });

  it('estimates the size of the .tflite file within 5 %', async () => {
    const sizes = {
      'mlperf-ic-resnet8-float': 98_496,
      'mlperf-kws-dscnn-qdq': 53_936,
      'mlperf-ad-autoencoder-qdq': 276_976,
      'mlperf-vww-mobilenetv1-float': 333_288,
    };
    for (const [name, bytes] of Object.entries(sizes)) {
      const { flash } = await asInt8(name, 'tflm-cmsis-nn-m4');
      const file = flash.parts.filter(({ part }) => part !== 'runtime code');
      near(
        file.reduce((sum, part) => sum + part.bytes, 0),
        bytes,
        5,
        name,
      );
      assert.ok(file.some(({ kind }) => kind === 'estimated'));
    }
  });

  it('names the published code size where the operators are the published ones', async () => {
    const code = async (name: string, runtime: string) =>
      (await asInt8(name, runtime)).flash.parts.find(({ part }) => part === 'runtime code');
    assert.deepEqual(
      [
        await code('mlperf-ad-autoencoder-qdq', 'tflm-cmsis-nn-m4'),
        await code('mlperf-ic-resnet8-qdq', 'tflm-cmsis-nn-m4'),
        await code('mlperf-vww-mobilenetv1-qdq', 'tflm-cmsis-nn-m4'),
        await code('mlperf-vww-mobilenetv1-qdq', 'tflm-cmsis-nn-m0'),
      ].map((part) => [part?.bytes, part?.kind]),
      [
        [28_200, 'published'],
        [51_100, 'published'],
        [53_300, 'published'],
        [53_300, 'estimated'],
      ],
    );
  });
});

describeModels('ST Edge AI', () => {
  it('has the published weights of the models at hand, to 0.01 KiB', async () => {
    const published = {
      'stm-yamnet-256': 135.91,
      'stm-mobilenetv2-035-128': 406.86,
      'mlperf-ic-resnet8-float': 76.9,
    };
    for (const [name, kibibytes] of Object.entries(published)) {
      const { flash } = await asInt8(name, 'st-edge-ai');
      assert.equal(flash.totalBytes / 1024 - kibibytes < 0.01, true, name);
      assert.equal(Math.round((flash.totalBytes / 1024) * 100) / 100, kibibytes, name);
      assert.ok(flash.parts.every(({ kind }) => kind === 'exact'));
    }
  });
});

describeModels('every runtime on every model', () => {
  const names = readdirSync(models)
    .filter((file) => file.endsWith('.onnx') && !file.startsWith('invalid'))
    .map((file) => file.slice(0, -'.onnx'.length));
  for (const name of names) {
    it(`${name}: plans hold, and every node that runs is traced`, async () => {
      const { model, shapes } = await analysed(name);
      for (const runtime of allRuntimes()) {
        for (const precision of runtime.precisions) {
          const what = `${runtime.id} ${precision}`;
          const footprint = measureOnRuntime(model, shapes, runtime, precision);
          const { memory, flash } = footprint;
          const offsets = memory.tensors.map(({ offset }) => offset);
          const { planner, alignment, arenaBytes } = memory;
          assert.equal(
            checkPlan(memory.tensors, { planner, alignment, arenaBytes, offsets }, memory.inPlace),
            undefined,
            what,
          );
          assert.ok(memory.lowerBoundBytes <= arenaBytes, what);
          assert.ok(memory.usedBytes <= memory.minimumArenaBytes, what);
          assert.equal(
            flash.totalBytes,
            flash.parts.reduce((sum, { bytes }) => sum + bytes, 0),
          );
          const traced = new Set(footprint.layers.flatMap(({ from }) => from));
          const computed = model.graph.nodes.filter(
            ({ outputs }) =>
              outputs.some((output) => output !== '') &&
              !outputs.every((output) => output === '' || shapes.graph.values.get(output)?.constant || isKnown(output)),
          );
          if (footprint.layers.length > 0) {
            const lost = computed
              .filter(({ index }) => !traced.has(index))
              .map(({ opType, index }) => `${opType} ${index}`);
            assert.deepEqual(lost, [], what);
          }
        }
      }

      function isKnown(value: string): boolean {
        const elements = shapes.graph.values.get(value)?.elements?.elements;
        return elements?.every((element) => element !== null) ?? false;
      }
    }).timeout(60_000);
  }
});
