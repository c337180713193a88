import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { handleCalls } from '../../../extension/worker/handle-calls';
import { buildModel } from '../../fixtures/model-builder';

const scope = { signal: new AbortController().signal, progress: () => {} };

/** A product with weights in `weights.bin`. */
function modelWithData(rows: number): Uint8Array {
  return buildModel({
    graph: {
      inputs: [{ name: 'x', dims: [1, rows] }],
      outputs: [{ name: 'y' }],
      nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
      initializers: [{ name: 'w', type: 'FLOAT', dims: [rows, 32], external: { location: 'weights.bin' } }],
    },
  });
}

describe('planning and writing in the worker', () => {
  const calls = handleCalls();
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'thimble-'));
    path = join(folder, 'net.onnx');
    await writeFile(path, modelWithData(64));
    await writeFile(join(folder, 'weights.bin'), new Uint8Array(64 * 32 * 4).fill(1));
  });

  afterEach(() => rm(folder, { recursive: true }));

  async function plan(outputName?: string) {
    const { session, analysis } = await calls.open({ origin: { kind: 'file', path }, bindings: [] }, scope);
    try {
      assert.deepEqual(analysis.file.externalFiles, ['weights.bin']);
      const names = outputName === undefined ? {} : { outputName };
      const planned = await calls.plan({ session, scheme: 'float16', ...names }, scope);
      assert.ok(planned.kind === 'ready');
      return planned;
    } finally {
      await calls.close({ session }, scope);
    }
  }

  it('sizes the file for its name, and names its data file', async () => {
    const usual = await plan();
    const longer = await plan('a-name-that-is-longer-than-the-usual-one.onnx');
    assert.equal(usual.dataFileName, 'net.float16.onnx.data');
    assert.equal(longer.dataFileName, 'a-name-that-is-longer-than-the-usual-one.onnx.data');
    assert.ok(longer.fileBytes > usual.fileBytes);
    assert.equal(longer.externalBytes, usual.externalBytes);
  });

  it('writes what was reviewed, to the byte', async () => {
    const reviewed = await plan('other.onnx');
    const outputPath = join(folder, 'other.onnx');
    await calls.quantize({ path, scheme: 'float16', outputPath, overwrite: false, reviewed }, scope);
    assert.equal((await readFile(outputPath)).length, reviewed.fileBytes);
    assert.equal((await readFile(`${outputPath}.data`)).length, reviewed.externalBytes);
  });

  it('writes nothing when the file changed since the review', async () => {
    const reviewed = await plan('other.onnx');
    await writeFile(path, modelWithData(48));
    const outputPath = join(folder, 'other.onnx');
    await assert.rejects(
      calls.quantize({ path, scheme: 'float16', outputPath, overwrite: false, reviewed }, scope),
      /^Error: net\.onnx changed since the review, so nothing was written/,
    );
    assert.deepEqual((await readdir(folder)).sort(), ['net.onnx', 'weights.bin']);
  });

  it('ends opening when it is cancelled', async () => {
    const controller = new AbortController();
    const opening = calls.open(
      { origin: { kind: 'file', path }, bindings: [] },
      { ...scope, signal: controller.signal },
    );
    controller.abort();
    await assert.rejects(opening, { name: 'AbortError' });
  });
});
