import { strict as assert } from 'node:assert';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { type PlannedFile, rewriteModel, type TensorData } from '../../../extension/onnx/edit';
import { readModel } from '../../../extension/onnx/read-model';
import { readTensor } from '../../../extension/onnx/tensor-data';
import { buildModel } from '../../fixtures/model-builder';

const floats = (count: number) =>
  new Uint8Array(Float32Array.from({ length: count }, (_, index) => index + 1).buffer.slice(0));

/** A tensor that counts how often it is produced. */
function counted(name: string, elements: number, deferred: boolean) {
  const tensor = {
    name,
    dataType: 'FLOAT',
    dims: [elements],
    byteLength: elements * 4,
    deferred,
    started: 0,
    async *produce() {
      tensor.started++;
      yield floats(elements);
    },
  } satisfies TensorData & { started: number };
  return tensor;
}

async function planned(tensors: readonly TensorData[]): Promise<PlannedFile> {
  const source = new MemoryByteSource(
    buildModel({
      graph: {
        inputs: [{ name: 'x' }],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'Sum', name: 'sum', inputs: ['x', 'long', 'short'], outputs: ['y'] }],
        initializers: [
          { name: 'long', type: 'FLOAT', dims: [4] },
          { name: 'short', type: 'FLOAT', dims: [4] },
        ],
      },
    }),
  );
  const model = await readModel(source, { fileName: 'm.onnx' });
  const initializers = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return (await rewriteModel(model, source, { graph: { initializers } }, { kind: 'inline' })).model;
}

describe('rewriting a file that is planned but not written', () => {
  it('produces nothing before the result is written, and then everything once', async () => {
    const long = counted('long', 100_000, false);
    const short = counted('short', 4, true);
    const first = await planned([long, short]);
    const model = await readModel(first.structure, { fileName: 'm.onnx' });
    const edits = { graph: { nodes: [{ source: 0, inputs: ['x', 'short', 'long'] }] } };
    for (const placement of [{ kind: 'inline' }, { kind: 'external', path: 'm.data' }] as const) {
      long.started = 0;
      short.started = 0;
      const second = await rewriteModel(model, first, edits, placement);
      await readModel(second.model.structure, { fileName: 'm.onnx' });
      assert.deepEqual([long.started, short.started], [0, 0]);
      const pieces: Uint8Array[] = [];
      for await (const piece of second.model.stream()) pieces.push(piece);
      const data: Uint8Array[] = [];
      for await (const piece of second.data?.stream() ?? []) data.push(piece);
      assert.deepEqual([long.started, short.started], [1, 1]);
      const files = { open: async () => new MemoryByteSource(Buffer.concat(data)) };
      const file = new MemoryByteSource(Buffer.concat(pieces));
      const written = await readModel(file, { fileName: 'm.onnx', externalFiles: files });
      const tensor = written.graph.constants.get('long');
      assert.equal(tensor?.location.kind, placement.kind === 'inline' ? 'raw' : 'external');
      const elements = tensor && (await readTensor(tensor, { source: file, externalFiles: files }));
      assert.ok(Buffer.from(elements ?? []).equals(Buffer.from(floats(100_000))));
      assert.deepEqual(written.graph.nodes[0]?.inputs, ['x', 'short', 'long']);
    }
  });

  it('does not take zeros that stand for a short deferred tensor for its elements', async () => {
    const first = await planned([counted('long', 8, false), counted('short', 4, true)]);
    const model = await readModel(first.structure, { fileName: 'm.onnx' });
    const [long, short] = ['long', 'short'].map((name) => model.graph.constants.get(name));
    assert.ok(long && short);
    assert.deepEqual(long.inline, floats(8));
    assert.equal(short.inline, undefined);
    assert.deepEqual(Buffer.from(await readTensor(short, { source: first })), Buffer.from(floats(4)));
  });
});
