import assert from 'node:assert/strict';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { rareSchemes, usualSchemes } from '../../../extension/quantize/what-if-scheme';
import { type ModelSession, startSession } from '../../../extension/worker/model-sessions';
import { measureSession } from '../../../extension/worker/runtime-figures';
import { whatIfFigures } from '../../../extension/worker/what-if-figures';
import { buildModel } from '../../fixtures/model-builder';

const scope = { signal: new AbortController().signal };

function session(rows = 64): Promise<ModelSession> {
  const bytes = buildModel({
    opset: 17,
    graph: {
      inputs: [{ name: 'x', dims: [1, rows] }],
      outputs: [{ name: 'y', dims: [1, 32] }],
      nodes: [
        { op: 'Gemm', inputs: ['x', 'w'], outputs: ['a'] },
        { op: 'Relu', inputs: ['a'], outputs: ['y'] },
      ],
      initializers:
        rows === 0
          ? []
          : [
              {
                name: 'w',
                type: 'FLOAT',
                dims: [rows, 32],
                values: Array.from({ length: rows * 32 }, (_, i) => i / 7),
              },
            ],
    },
  });
  return startSession({ fileName: 'net.onnx', source: new MemoryByteSource(bytes), close: async () => {} }, []);
}

describe('the figures of a scheme', () => {
  it('are those of its planned file on each runtime, or of the file itself', async () => {
    const model = await session();
    const runtimes = ['tflm', 'onnx2c'];
    for (const scheme of [undefined, ...usualSchemes, ...rareSchemes]) {
      const found = await whatIfFigures(model, { runtimes, ...(scheme && { scheme }) }, scope);
      assert.ok(found.kind === 'ready', scheme);
      assert.deepEqual(Object.keys(found.onRuntimes), runtimes);
      const alone = await measureSession(model, {
        runtime: 'tflm',
        precision: 'as-in-file',
        ...(scheme && { scheme }),
      });
      const onTflm = found.onRuntimes['tflm'];
      assert.ok(onTflm?.kind === 'ready');
      assert.equal(onTflm.figures.flash.totalBytes, alone.flash.totalBytes);
      assert.equal(onTflm.figures.memory.minimumArenaBytes, alone.memory.minimumArenaBytes);
    }
  });

  it('take integers for inputs and outputs where activations are integers', async () => {
    const found = await whatIfFigures(await session(), { scheme: 'int8', runtimes: ['tflm'] }, scope);
    assert.ok(found.kind === 'ready');
    const onTflm = found.onRuntimes['tflm'];
    assert.ok(onTflm?.kind === 'ready');
    assert.match(onTflm.figures.notes.join(' '), /inputs and outputs are integers/);
    // 64 and 32 bytes of int8, each rounded up to 16 at most.
    assert.ok(onTflm.figures.memory.arenaBytes < 64 * 4);
  });

  it('say what codes take in the file and packed', async () => {
    const found = await whatIfFigures(await session(), { scheme: 'binary', runtimes: [] }, scope);
    assert.ok(found.kind === 'ready');
    const { before, inFile, packed } = found.convertedBytes;
    assert.equal(before, 64 * 32 * 4);
    assert.ok(packed < inFile / 4, `${packed} of ${inFile}`);
  });

  it('are refused with a reason where nothing would change', async () => {
    const bytes = buildModel({
      opset: 17,
      graph: {
        inputs: [{ name: 'x', dims: [1, 8] }],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
      },
    });
    const file = { fileName: 'net.onnx', source: new MemoryByteSource(bytes), close: async () => {} };
    const found = await whatIfFigures(await startSession(file, []), { scheme: 'ternary', runtimes: ['tflm'] }, scope);
    assert.ok(found.kind === 'refused');
    assert.match(found.reason, /no weight that would change/);
  });

  it('say which runtime has none, and end when cancelled', async () => {
    const model = await session();
    const found = await whatIfFigures(model, { scheme: 'int8', runtimes: ['nothing'] }, scope);
    assert.ok(found.kind === 'ready');
    assert.deepEqual(found.onRuntimes['nothing'], { kind: 'refused', reason: 'There is no runtime "nothing".' });
    const controller = new AbortController();
    controller.abort();
    const cancelled = whatIfFigures(model, { scheme: 'int8', runtimes: ['tflm'] }, { signal: controller.signal });
    await assert.rejects(cancelled, { name: 'AbortError' });
  });
});
