import assert from 'node:assert/strict';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { type ModelSession, startSession } from '../../../extension/worker/model-sessions';
import { improvementsOn, measureSession } from '../../../extension/worker/runtime-figures';
import { buildModel } from '../../fixtures/model-builder';

function session(): Promise<ModelSession> {
  const bytes = buildModel({
    graph: {
      inputs: [{ name: 'x', dims: ['batch', 64] }],
      outputs: [{ name: 'y' }],
      nodes: [
        { op: 'Gemm', inputs: ['x', 'w'], outputs: ['a'] },
        { op: 'Relu', inputs: ['a'], outputs: ['y'] },
      ],
      initializers: [{ name: 'w', type: 'FLOAT', dims: [64, 32], values: Array.from({ length: 2048 }, (_, i) => i) }],
    },
  });
  return startSession({ fileName: 'net.onnx', source: new MemoryByteSource(bytes), close: async () => {} }, [
    ['batch', 1],
  ]);
}

describe("the worker's figures on a runtime", () => {
  it('are of the file, or of the file that a scheme would write', async () => {
    const model = await session();
    const request = { runtime: 'onnx2c', precision: 'as-in-file' } as const;
    const file = await measureSession(model, request);
    assert.equal(file.flash.parts.find(({ part }) => part === 'weights')?.bytes, 8192);
    const half = await measureSession(model, { ...request, scheme: 'float16' });
    assert.equal(half.flash.parts.find(({ part }) => part === 'weights')?.bytes, 4096);
  });

  it('hold the reserve of flash as a part', async () => {
    const request = { runtime: 'tflm', precision: 'int8', flashReserveBytes: 500 } as const;
    const { flash } = await measureSession(await session(), request);
    assert.deepEqual(flash.parts.find(({ part }) => part === 'reserve')?.bytes, 500);
  });

  it('refuse a runtime that is not there', async () => {
    const model = await session();
    await assert.rejects(measureSession(model, { runtime: 'nothing', precision: 'int8' }), /no runtime "nothing"/);
  });

  it('come with improvements, and progress in parts', async () => {
    const parts: number[] = [];
    const found = await improvementsOn(
      await session(),
      { runtime: 'tflm', precision: 'as-in-file', others: ['onnx2c'] },
      { signal: new AbortController().signal, progress: (done) => parts.push(done) },
    );
    assert.ok(found.some(({ kind }) => kind === 'precision'));
    assert.deepEqual(
      parts,
      parts.map((_, index) => index),
    );
  });

  it('stop searching when cancelled', async () => {
    const controller = new AbortController();
    const request = { runtime: 'tflm', precision: 'as-in-file', others: [] } as const;
    const searching = improvementsOn(await session(), request, {
      signal: controller.signal,
      progress: () => controller.abort(),
    });
    await assert.rejects(searching, { name: 'AbortError' });
  });
});
