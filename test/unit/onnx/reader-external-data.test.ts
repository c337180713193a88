import assert from 'node:assert/strict';
import { link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Model } from '../../../extension/model/model';
import { type ExternalFiles, MemoryByteSource } from '../../../extension/onnx/byte-source';
import { forbiddenLocation } from '../../../extension/onnx/external-data';
import { externalFilesBeside, openFile } from '../../../extension/onnx/node-files';
import { readModel } from '../../../extension/onnx/read-model';
import { readTensor } from '../../../extension/onnx/tensor-data';
import { buildModel, type TensorSpec } from '../../fixtures/model-builder';

type External = NonNullable<TensorSpec['external']>;

function modelWith(external: External, dims: readonly number[] = [4]): MemoryByteSource {
  return new MemoryByteSource(
    buildModel({ graph: { nodes: [], initializers: [{ name: 'w', type: 'UINT8', dims, external }] } }),
  );
}

function codes(model: Model): string[] {
  return model.diagnostics.map((diagnostic) => diagnostic.code);
}

describe('external data locations', () => {
  it('that the rules forbid are never opened', async () => {
    const opened: string[] = [];
    const externalFiles: ExternalFiles = {
      async open(location) {
        opened.push(location);
        return new MemoryByteSource(new Uint8Array(4));
      },
    };
    const forbidden = [
      '',
      '/etc/passwd',
      '../w',
      'a/../../w',
      'a\\..\\w',
      'C:\\w',
      'c:w',
      '\\\\host\\w',
      'a\0b',
      '*/_ORT_MEM_ADDR_/*',
    ];
    for (const location of forbidden) {
      const model = await readModel(modelWith({ location }), { fileName: 'm.onnx', externalFiles });
      assert.deepEqual(codes(model), ['external-data-refused'], location);
      assert.equal(model.graph.constants.get('w')?.location.kind, 'missing');
    }
    assert.deepEqual(opened, []);
  });

  it('inside the folder are allowed', () => {
    for (const location of ['w', 'data/w.bin', './w', 'a..b', '...'])
      assert.equal(forbiddenLocation(location), undefined);
  });
});

describe('external data', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'thimble-'));
    await mkdir(join(folder, 'parts'));
    await writeFile(
      join(folder, 'w.bin'),
      Uint8Array.from({ length: 5000 }, (_, index) => index % 256),
    );
    await writeFile(join(folder, 'parts', 'w.bin'), Uint8Array.of(9, 8, 7, 6));
    await writeFile(join(folder, 'linked.bin'), new Uint8Array(4));
    await link(join(folder, 'linked.bin'), join(folder, 'second-name.bin'));
    await symlink(join(folder, 'w.bin'), join(folder, 'symbolic.bin'));
    await symlink(join(folder, 'parts'), join(folder, 'symbolic-folder'));
  });
  after(() => rm(folder, { recursive: true }));

  async function read(external: External, dims?: readonly number[]) {
    const externalFiles = externalFilesBeside(join(folder, 'm.onnx'));
    const source = modelWith(external, dims);
    const model = await readModel(source, { fileName: 'm.onnx', externalFiles });
    const tensor = model.graph.constants.get('w');
    assert.ok(tensor);
    return { model, tensor, bytes: { source, externalFiles }, close: () => externalFiles.close() };
  }

  it('is located, checked, and kept in memory when it is small', async () => {
    const { model, tensor, close } = await read({ location: 'w.bin', offset: 256, length: 4 });
    assert.deepEqual(codes(model), []);
    assert.deepEqual(tensor.location, { kind: 'external', path: 'w.bin', offset: 256, length: 4 });
    assert.deepEqual([...(tensor.inline ?? [])], [0, 1, 2, 3]);
    assert.deepEqual(model.source.externalFiles, [{ path: 'w.bin', byteLength: 5000 }]);
    await close();
  });

  it('is read when it is large, and from folders below', async () => {
    const large = await read({ location: 'w.bin', offset: 1 }, [4000]);
    assert.equal(large.tensor.inline, undefined);
    const elements = await readTensor(large.tensor, large.bytes);
    assert.deepEqual([elements.length, elements[0], elements[3999]], [4000, 1, 4000 % 256]);
    await large.close();
    const below = await read({ location: 'parts/w.bin' });
    assert.deepEqual([...(await readTensor(below.tensor, below.bytes))], [9, 8, 7, 6]);
    await below.close();
  });

  it('behind symbolic links, hard links and folders is refused', async () => {
    for (const location of ['symbolic.bin', 'symbolic-folder/w.bin', 'linked.bin', 'second-name.bin', 'parts', '.']) {
      const { model, tensor, bytes, close } = await read({ location });
      assert.deepEqual(codes(model), ['external-data-refused'], location);
      await assert.rejects(readTensor(tensor, bytes), /has no data/);
      assert.deepEqual(model.source.externalFiles, [{ path: location, byteLength: undefined }]);
      await close();
    }
  });

  it('that is not there is missing', async () => {
    for (const location of ['none.bin', 'none/w.bin', 'w.bin/w.bin']) {
      const { model, close } = await read({ location });
      assert.deepEqual(codes(model), ['external-data-missing'], location);
      await close();
    }
    const alone = await readModel(modelWith({ location: 'w.bin' }), { fileName: 'm.onnx' });
    assert.deepEqual(codes(alone), ['external-data-missing']);
  });

  it('that is too short, or of another length, is a fault', async () => {
    const faults: [External, string][] = [
      [{ location: 'w.bin', offset: 4997 }, 'external-data-too-short'],
      [{ location: 'w.bin', offset: 9_007_199_254_740_000 }, 'external-data-too-short'],
      [{ location: 'w.bin', length: 5 }, 'tensor-size-mismatch'],
      [{ location: 'w.bin', offset: -1 }, 'external-data-refused'],
      [{ location: 'w.bin', offset: 1e30 }, 'external-data-refused'],
      [{ location: 'w.bin', length: 0.5 }, 'external-data-refused'],
    ];
    for (const [external, code] of faults) {
      const { model, tensor, close } = await read(external);
      assert.deepEqual(codes(model), [code], JSON.stringify(external));
      assert.equal(tensor.location.kind, 'missing');
      await close();
    }
  });

  it('file sources read exactly what is asked, and only inside the file', async () => {
    const file = await openFile(join(folder, 'parts', 'w.bin'));
    assert.deepEqual([...(await file.read(1, 2))], [8, 7]);
    await assert.rejects(file.read(3, 2), RangeError);
    await assert.rejects(file.read(-1, 1), RangeError);
    await file.close();
    await assert.rejects(openFile(folder), /cannot be opened/);
    await assert.rejects(openFile(join(folder, 'none')), /there is no such file/);
  });
});
