import { strict as assert } from 'node:assert';
import { mkdirSync } from 'node:fs';
import { link, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePlannedFiles } from '../../../extension/onnx/node-write';
import { SegmentFile, Segments } from '../../../extension/onnx/segments';

const model = new SegmentFile(new Segments().bytes(Buffer.from('the model')));
const data = new SegmentFile(new Segments().bytes(Buffer.from('the data')));

describe('writing a planned model', () => {
  let folder = '';
  const at = (name: string) => join(folder, name);
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'thimble-write-'));
    await writeFile(at('source.onnx'), 'source');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const write = (options: Partial<Parameters<typeof writePlannedFiles>[0]>) =>
    writePlannedFiles({
      model,
      modelPath: at('out.onnx'),
      forbidden: [at('source.onnx')],
      overwrite: false,
      ...options,
    });

  it('writes model and data and tells how far it is', async () => {
    const progress: [number, number][] = [];
    const written = await write({
      data,
      dataPath: at('out.onnx.data'),
      progress: (done, total) => progress.push([done, total]),
    });
    assert.deepEqual(written, { modelBytes: 9, dataBytes: 8 });
    assert.equal(await readFile(at('out.onnx'), 'utf8'), 'the model');
    assert.equal(await readFile(at('out.onnx.data'), 'utf8'), 'the data');
    assert.deepEqual(progress, [
      [8, 17],
      [17, 17],
    ]);
    assert.deepEqual((await readdir(folder)).sort(), ['out.onnx', 'out.onnx.data', 'source.onnx']);
  });

  it('refuses the source by its name, a symbolic link or a hard link', async () => {
    await symlink(at('source.onnx'), at('symbolic.onnx'));
    await link(at('source.onnx'), at('hard.onnx'));
    await symlink(folder, at('folder'));
    for (const name of ['source.onnx', 'symbolic.onnx', 'hard.onnx', 'folder/source.onnx']) {
      await assert.rejects(
        write({ modelPath: at(name), overwrite: true }),
        /source model or one of its data files/,
        name,
      );
    }
    await assert.rejects(
      write({ data, dataPath: at('hard.onnx'), overwrite: true }),
      /source model or one of its data files/,
    );
    assert.equal(await readFile(at('source.onnx'), 'utf8'), 'source');
  });

  it('refuses one place for model and data', async () => {
    await assert.rejects(write({ data, dataPath: at('out.onnx') }), /both the model and its data file/);
  });

  it('replaces an existing file only when told to', async () => {
    await writeFile(at('out.onnx'), 'old');
    await assert.rejects(write({}), /is there already/);
    assert.equal(await readFile(at('out.onnx'), 'utf8'), 'old');
    await write({ overwrite: true });
    assert.equal(await readFile(at('out.onnx'), 'utf8'), 'the model');
  });

  it('leaves nothing behind when producing fails or is cancelled', async () => {
    const failing = new SegmentFile(
      new Segments().payload({
        byteLength: 4,
        // biome-ignore lint/correctness/useYield: it fails before the first piece
        async *produce() {
          throw new Error('the source is gone');
        },
      }),
    );
    await writeFile(at('out.onnx.data'), 'old data');
    const dataPath = at('out.onnx.data');
    await assert.rejects(write({ model: failing, data, dataPath, overwrite: true }), /the source is gone/);
    const cancel = new AbortController();
    const cancelled = write({ data, dataPath, overwrite: true, signal: cancel.signal, progress: () => cancel.abort() });
    await assert.rejects(cancelled, { name: 'AbortError' });
    assert.deepEqual((await readdir(folder)).sort(), ['out.onnx.data', 'source.onnx']);
    assert.equal(await readFile(dataPath, 'utf8'), 'old data');
  });

  it('puts the old data back, or takes the new away, when the model cannot be put in its place', async () => {
    const modelPath = at('out.onnx');
    const dataPath = at('out.onnx.data');
    for (const before of [
      ['out.onnx', 'source.onnx'],
      ['out.onnx', 'out.onnx.data', 'source.onnx'],
    ]) {
      if (before.includes('out.onnx.data')) await writeFile(dataPath, 'old data');
      // A folder takes the model's place once everything is written.
      const progress = (done: number, total: number) => {
        if (done === total) mkdirSync(modelPath);
      };
      await assert.rejects(write({ data, dataPath, overwrite: true, progress }), /out\.onnx cannot be written/);
      assert.deepEqual((await readdir(folder)).sort(), before);
      await rm(modelPath, { recursive: true });
    }
    assert.equal(await readFile(dataPath, 'utf8'), 'old data');
    await write({ data, dataPath, overwrite: true });
    assert.equal(await readFile(dataPath, 'utf8'), 'the data');
    assert.deepEqual((await readdir(folder)).sort(), ['out.onnx', 'out.onnx.data', 'source.onnx']);
  });
});
