import assert from 'node:assert/strict';
import fc from 'fast-check';
import { footprintOf } from '../../../extension/budget/footprint';
import type { Graph, Model, Tensor } from '../../../extension/model/model';
import { subgraphsOf } from '../../../extension/model/order';
import { type ByteSource, UnreadableModel } from '../../../extension/onnx/byte-source';
import { readModel } from '../../../extension/onnx/read-model';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import { buildModel, type GraphSpec, type ModelSpec } from '../../fixtures/model-builder';

/** Every kind of payload and of body, since each is a way of its own through the reader. */
const graphs: readonly GraphSpec[] = [
  {
    inputs: [
      { name: 'x', dims: ['batch', 3, 8, 8] },
      { name: 'condition', type: 'BOOL', dims: [] },
    ],
    outputs: [{ name: 'y', dims: ['batch', 4] }],
    values: [{ name: 'c', dims: ['batch', 4, 6, 6] }],
    initializers: [
      { name: 'w', type: 'FLOAT', dims: [4, 3, 3, 3] },
      { name: 'bias', type: 'FLOAT', dims: [4], typed: true },
      { name: 'shape', type: 'INT64', dims: [2], values: [0, -1], typed: true },
      { name: 'codes', type: 'INT8', dims: [4], values: [-128, 127, 0, 1], typed: true },
      { name: 'outside', type: 'FLOAT', dims: [144, 4], external: { location: 'data.bin', offset: 64, length: 2304 } },
    ],
    nodes: [
      { op: 'Conv', name: 'conv', inputs: ['x', 'w', 'bias'], outputs: ['c'], attributes: { kernel_shape: [3, 3] } },
      { op: 'Reshape', inputs: ['c', 'shape'], outputs: ['flat'] },
      { op: 'MatMul', inputs: ['flat', 'outside'], outputs: ['m'] },
      {
        op: 'If',
        inputs: ['condition'],
        outputs: ['y'],
        attributes: {
          then_branch: { graph: { outputs: [{ name: 't' }], nodes: [{ op: 'Relu', inputs: ['m'], outputs: ['t'] }] } },
          else_branch: { graph: { outputs: [{ name: 'e' }], nodes: [{ op: 'Neg', inputs: ['m'], outputs: ['e'] }] } },
        },
      },
    ],
  },
  {
    inputs: [{ name: 'x', dims: [1, 4] }],
    outputs: [{ name: 'y' }],
    nodes: [
      {
        op: 'Constant',
        inputs: [],
        outputs: ['k'],
        attributes: { value: { tensor: { type: 'DOUBLE', dims: [2, 2], typed: true } } },
      },
      { op: 'Twice', domain: 'custom', inputs: ['x'], outputs: ['d'], attributes: { alpha: { floats: [0.5, 2] } } },
      { op: 'Resize', inputs: ['d', '', 'k'], outputs: ['y'], attributes: { mode: 'nearest', names: ['a', 'b'] } },
    ],
  },
];

const models = graphs.map(
  (graph): ModelSpec => ({
    opsets: { '': 17, custom: 1 },
    graph,
    functions: [
      {
        name: 'Twice',
        domain: 'custom',
        inputs: ['i'],
        outputs: ['o'],
        attributes: ['alpha'],
        nodes: [{ op: 'Add', inputs: ['i', 'i'], outputs: ['o'], attributes: { axes: { reference: 'alpha' } } }],
      },
    ],
  }),
);
const files = models.map(buildModel);

/** Bytes in memory that count what is asked of them, and refuse what is outside of them. */
class CountedSource implements ByteSource {
  bytesRead = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.length;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    assert.ok(
      offset >= 0 && length >= 0 && offset + length <= this.size,
      `${length} bytes from ${offset} were asked for`,
    );
    this.bytesRead += length;
    return this.bytes.slice(offset, offset + length);
  }
}

/** Once for the structure, once for typed data, and the head again to tell what the file is. */
const mostPasses = 3;

/**
 * Reads and measures what may be a damaged model: nothing is thrown but the reader's own error, no byte is read more than a few
 * times, and what is kept is in proportion to the file.
 */
async function takesBoundedWork(bytes: Uint8Array): Promise<void> {
  const source = new CountedSource(bytes);
  let model: Model | undefined;
  try {
    model = await readModel(source, { fileName: 'damaged.onnx' });
  } catch (error) {
    assert.ok(error instanceof UnreadableModel, String(error));
    assert.match(error.message, /^damaged\.onnx: \S/);
  }
  assert.ok(source.bytesRead <= mostPasses * source.size, `${source.bytesRead} bytes were read of ${source.size}`);
  if (!model) return;
  // The encodings that take least: two bytes for a node, and one of a packed number for up to eight in memory.
  assert.ok(keptBytes(model) <= 16 * source.size, `${keptBytes(model)} bytes are kept of ${source.size}`);
  assert.ok(model.diagnostics.length <= source.size);
  assert.ok(footprintOf(model, inferShapes(model)).layers.length === model.graph.nodes.length);
}

/** Numbers and elements that the model holds in memory, 8 bytes for each dimension. */
function keptBytes(model: Model): number {
  const inGraph = (graph: Graph): number => {
    let bytes = 0;
    const add = (tensor: Tensor) => {
      bytes += (tensor.inline?.length ?? 0) + 8 * tensor.dims.length;
    };
    for (const tensor of graph.constants.values()) add(tensor);
    for (const node of graph.nodes) {
      for (const attribute of node.attributes.values()) {
        if (attribute.kind === 'tensor') add(attribute.value);
        if (attribute.kind === 'ints' || attribute.kind === 'floats') bytes += 8 * attribute.value.length;
      }
      for (const subgraph of subgraphsOf(node)) bytes += inGraph(subgraph);
    }
    return bytes;
  };
  return [model.graph, ...model.functions.map(({ body }) => body)].reduce((sum, graph) => sum + inGraph(graph), 0);
}

const anyFile = fc.constantFrom(...files);
/** What lengths, counts and tags are most often mistaken for. */
const byte = fc.oneof(fc.constantFrom(0x00, 0x7f, 0x80, 0xff), fc.nat(255));

describe('the work of reading', () => {
  it('is bounded for whole models', async () => {
    for (const bytes of files) await takesBoundedWork(bytes);
  });

  it('is bounded wherever a model is cut off', async () => {
    const cut = fc.tuple(anyFile, fc.double({ min: 0, max: 1, noNaN: true }));
    await fc.assert(
      fc.asyncProperty(cut, ([bytes, part]) => takesBoundedWork(bytes.subarray(0, Math.floor(part * bytes.length)))),
      { numRuns: 500, seed: 1 },
    );
  });

  it('is bounded whichever bits are flipped', async () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 7 })), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(anyFile, flips, async (bytes, changes) => {
        const changed = bytes.slice();
        for (const [at, bit] of changes) changed[at % bytes.length] = (changed[at % bytes.length] ?? 0) ^ (1 << bit);
        await takesBoundedWork(changed);
      }),
      { numRuns: 2000, seed: 2 },
    );
  });

  it('is bounded whichever bytes are exchanged, put in or taken out', async () => {
    const edit = fc.tuple(fc.nat(), fc.nat(4), fc.array(byte, { maxLength: 12 }));
    await fc.assert(
      fc.asyncProperty(anyFile, fc.array(edit, { minLength: 1, maxLength: 4 }), async (bytes, edits) => {
        let changed = [...bytes];
        for (const [at, taken, put] of edits) {
          const start = at % (changed.length + 1);
          changed = [...changed.slice(0, start), ...put, ...changed.slice(start + taken)];
        }
        await takesBoundedWork(Uint8Array.from(changed));
      }),
      { numRuns: 2000, seed: 3 },
    );
  });
});
