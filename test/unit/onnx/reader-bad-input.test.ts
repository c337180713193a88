import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type ByteSource, MemoryByteSource, UnreadableModel } from '../../../extension/onnx/byte-source';
import { readModel } from '../../../extension/onnx/read-model';
import { buildModel, type ModelSpec } from '../../fixtures/model-builder';

const small: ModelSpec = {
  opsets: { '': 17, custom: 1 },
  graph: {
    inputs: [
      { name: 'x', dims: ['batch', 4] },
      { name: 'condition', type: 'BOOL', dims: [] },
    ],
    outputs: [{ name: 'y' }],
    initializers: [
      { name: 'w', type: 'FLOAT', dims: [4, 2] },
      { name: 'typed', type: 'INT64', dims: [3], values: [-1, 2, 300], typed: true },
    ],
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['a'], name: 'first' },
      {
        op: 'If',
        inputs: ['condition'],
        outputs: ['b'],
        attributes: {
          then_branch: { graph: { outputs: [{ name: 't' }], nodes: [{ op: 'Relu', inputs: ['a'], outputs: ['t'] }] } },
          else_branch: { graph: { outputs: [{ name: 'e' }], nodes: [{ op: 'Neg', inputs: ['a'], outputs: ['e'] }] } },
        },
      },
      {
        op: 'Twice',
        domain: 'custom',
        inputs: ['b'],
        outputs: ['y'],
        attributes: { axes: [0, -1], alpha: { float: 0.5 } },
      },
    ],
  },
  functions: [
    {
      name: 'Twice',
      domain: 'custom',
      inputs: ['i'],
      outputs: ['o'],
      nodes: [{ op: 'Add', inputs: ['i', 'i'], outputs: ['o'] }],
    },
  ],
};

function read(bytes: Uint8Array) {
  return readModel(new MemoryByteSource(bytes), { fileName: 'bad.onnx' });
}

/** A model, or one clear error; never anything else. */
async function readsOrRefuses(bytes: Uint8Array): Promise<void> {
  try {
    assert.ok((await read(bytes)).graph);
  } catch (error) {
    assert.ok(error instanceof UnreadableModel, String(error));
    assert.match(error.message, /^bad\.onnx: \S/);
  }
}

function refuses(bytes: Uint8Array, message: RegExp): Promise<void> {
  return assert.rejects(read(bytes), (error) => {
    assert.ok(error instanceof UnreadableModel);
    assert.match(error.message, message);
    return true;
  });
}

const text = (content: string) => new TextEncoder().encode(content);

describe('unreadable files', () => {
  it('are refused or read, wherever a valid file is cut', async () => {
    const bytes = buildModel(small);
    for (let length = 0; length < bytes.length; length++) await readsOrRefuses(bytes.subarray(0, length));
  });

  it('are refused or read, whichever byte is changed', async () => {
    const bytes = buildModel(small);
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const changed = bytes.slice();
        for (const [at, value] of changes) changed[at] = value;
        await readsOrRefuses(changed);
      }),
      { numRuns: 3000 },
    );
  });

  it('are refused or read, whatever bytes they have', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), readsOrRefuses), { numRuns: 1000 });
  });

  it('are recognised by what they look like', async () => {
    await refuses(new Uint8Array(0), /empty/);
    await refuses(
      text('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n'),
      /Git LFS pointer.*git lfs pull/,
    );
    await refuses(text('<!DOCTYPE html>\n<html><body>404</body></html>'), /web page/);
    await refuses(text('{"format": "other"}'), /JSON/);
    await refuses(text('no model at all'), /text file/);
    await refuses(text('PK\u0003\u0004 archive/data.pkl'), /PyTorch/);
    await refuses(text('PK\u0003\u0004 something'), /zip archive/);
    await refuses(Uint8Array.from([0x1c, 0, 0, 0, 0x54, 0x46, 0x4c, 0x33, 0, 0]), /TensorFlow Lite/);
    await refuses(Uint8Array.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]), /HDF5/);
  });

  it('say where a length lies', async () => {
    const bytes = buildModel({ graph: { nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }] } });
    const at = bytes.indexOf('R'.charCodeAt(0)) - 1;
    bytes[at] = 0x7f;
    await refuses(bytes, /byte \d+: a length of 127 bytes where the enclosing message has \d+ left/);
  });

  it('say that the file was cut off', async () => {
    const bytes = buildModel(small);
    await refuses(bytes.subarray(0, bytes.length - 3), /ends too early/);
  });

  it('are refused when there is no graph', () => refuses(Uint8Array.from([0x08, 0x08]), /no graph/));

  it('name the nodes of a cycle', async () => {
    const bytes = buildModel({
      graph: {
        nodes: [
          { op: 'Add', name: 'one', inputs: ['b', 'b'], outputs: ['a'] },
          { op: 'Relu', name: 'two', inputs: ['a'], outputs: ['b'] },
        ],
      },
    });
    await refuses(bytes, /cycle: .*"one".*"two"|cycle: .*"two".*"one"/);
  });

  it('are read when functions call each other in a circle, with an error at the call', async () => {
    const call = (op: string) => ({ op, domain: 'd', name: `to ${op}`, inputs: ['i'], outputs: ['o'] });
    const calling = (name: string, op: string) => ({
      name,
      domain: 'd',
      inputs: ['i'],
      outputs: ['o'],
      nodes: [call(op)],
    });
    const bytes = buildModel({
      opsets: { '': 17, d: 1 },
      graph: { inputs: [{ name: 'i' }], nodes: [call('F')] },
      functions: [calling('F', 'G'), calling('G', 'H'), calling('H', 'G')],
    });
    const [fault, ...others] = (await read(bytes)).diagnostics;
    assert.deepEqual(others, []);
    assert.equal(fault?.code, 'recursive-function');
    assert.equal(fault?.severity, 'error');
    assert.match(fault?.message ?? '', /circle \(G -> H -> G\)/);
    assert.deepEqual([fault?.place?.scope, fault?.place?.node], [['d::H'], 'to G']);
  });

  it('are refused when nested without end', async () => {
    // Graph in attribute in node in graph, a thousand times: each level adds its tags around the one before.
    let level: number[] = [];
    const wrap = (field: number, content: number[]) => [field * 8 + 2, ...varint(content.length), ...content];
    for (let depth = 0; depth < 1000; depth++) level = wrap(1, wrap(5, wrap(6, level)));
    await refuses(Uint8Array.from(wrap(7, level)), /nested more than 100 deep/);
  });

  it('are refused beyond the most nodes that are read, which the sentence tells', async () => {
    const nodes = new Uint8Array(2 * 500_001).map((_, index) => (index % 2 === 0 ? 0x0a : 0));
    const head = Uint8Array.from([0x3a, ...varint(nodes.length)]);
    await refuses(Buffer.concat([head, nodes]), /at most 500,000 nodes, or 2,000,000 tensors, are read/);
  });

  it('never make it read more than their structure', async () => {
    const { source, counted } = largeModel(60, 32 << 20);
    const model = await readModel(source, { fileName: 'large.onnx' });
    assert.ok(source.size > 1.9e9);
    assert.equal(model.graph.constants.size, 60);
    assert.equal(model.graph.nodes.length, 60);
    assert.deepEqual(model.diagnostics, []);
    assert.ok(counted() < source.size / 1000, `${counted()} bytes were read`);
  });
});

describe('files beyond 4 GiB', () => {
  it('have their tensors at exact places', async () => {
    const { source } = largeModel(5, 2 ** 31 - 1024 * 4);
    const model = await readModel(source, { fileName: 'huge.onnx' });
    assert.ok(source.size > 2 ** 33);
    assert.deepEqual(model.diagnostics, []);
    const ends = [...model.graph.constants.values()].map(({ location, range }) => {
      assert.ok(location.kind === 'raw' && range);
      assert.equal(location.offset + location.length, range.end);
      return range.end;
    });
    assert.equal(ends.length, 5);
    assert.ok((ends.at(-1) ?? 0) > 2 ** 33 && (ends.at(-1) ?? 0) < source.size);
  });
});

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

/** A file of MatMul nodes with weights of zeros that are made up when they are read. */
function largeModel(layers: number, weightBytes: number): { source: ByteSource; counted: () => number } {
  const field = (number: number, content: readonly number[]) => [
    ...varint(number * 8 + 2),
    ...varint(content.length),
    ...content,
  ];
  const string = (number: number, content: string) => field(number, [...text(content)]);
  const pieces: { bytes: Uint8Array; zeros: number }[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const node = [
      ...string(1, `v${layer}`),
      ...string(1, `w${layer}`),
      ...string(2, `v${layer + 1}`),
      ...string(4, 'MatMul'),
    ];
    const rows = weightBytes / 4 / 1024;
    const head = [
      0x08,
      ...varint(rows),
      0x08,
      ...varint(1024),
      0x10,
      1,
      ...string(8, `w${layer}`),
      0x4a,
      ...varint(weightBytes),
    ];
    const tensor = [0x2a, ...varint(head.length + weightBytes), ...head];
    pieces.push({ bytes: Uint8Array.from([...field(1, node), ...tensor]), zeros: weightBytes });
  }
  pieces.push({
    bytes: Uint8Array.from([...field(11, string(1, 'v0')), ...field(12, string(1, `v${layers}`))]),
    zeros: 0,
  });
  const graphBytes = pieces.reduce((sum, piece) => sum + piece.bytes.length + piece.zeros, 0);
  const opset = field(8, [0x10, 17]);
  pieces.unshift({ bytes: Uint8Array.from([0x08, 8, ...opset, 0x3a, ...varint(graphBytes)]), zeros: 0 });
  let read = 0;
  const source: ByteSource = {
    size: pieces.reduce((sum, piece) => sum + piece.bytes.length + piece.zeros, 0),
    async read(offset, length) {
      read += length;
      const result = new Uint8Array(length);
      let start = 0;
      for (const { bytes, zeros } of pieces) {
        const from = Math.max(offset, start);
        const to = Math.min(offset + length, start + bytes.length);
        if (from < to) result.set(bytes.subarray(from - start, to - start), from - offset);
        start += bytes.length + zeros;
      }
      return result;
    },
  };
  return { source, counted: () => read };
}
