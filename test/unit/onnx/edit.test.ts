import { strict as assert } from 'node:assert';
import { onnx } from 'onnx-proto';
import { type DataType, dataTypeCode, storedBytes } from '../../../extension/model/data-type';
import { symbol } from '../../../extension/model/dimension';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import {
  type DataPlacement,
  type ModelEdits,
  type PlannedFile,
  rewriteModel,
  type TensorData,
} from '../../../extension/onnx/edit';
import { readModel } from '../../../extension/onnx/read-model';
import { buildModel, type ModelSpec, rawBytes } from '../../fixtures/model-builder';

const inline: DataPlacement = { kind: 'inline' };

async function contentOf(file: PlannedFile): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of file.stream()) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function rewriteBytes(
  bytes: Uint8Array,
  edits: ModelEdits,
  placement = inline,
  dataFiles: Readonly<Record<string, Uint8Array>> = {},
) {
  const source = new MemoryByteSource(bytes);
  const externalFiles = { open: async (name: string) => new MemoryByteSource(dataFiles[name] ?? new Uint8Array(0)) };
  const model = await readModel(source, { fileName: 'm.onnx', externalFiles });
  const { model: file, data } = await rewriteModel(model, source, edits, placement, externalFiles);
  const written = await contentOf(file);
  assert.equal(file.size, written.length);
  return { file, written, proto: onnx.ModelProto.decode(written), data: data && (await contentOf(data)) };
}

function rewriteSpec(spec: ModelSpec, edits: ModelEdits) {
  return rewriteBytes(buildModel(spec), edits);
}

function tensor(name: string, dataType: DataType, dims: readonly number[], bytes?: Uint8Array): TensorData {
  const byteLength = storedBytes(
    dataType,
    dims.reduce((product, dim) => product * dim, 1),
  );
  return {
    name,
    dataType,
    dims,
    byteLength,
    async *produce() {
      yield bytes ?? new Uint8Array(byteLength).fill(7);
    },
  };
}

const relu = { op: 'Relu', name: 'r', inputs: ['x'], outputs: ['y'] };
const x = { name: 'x', dims: ['N', 4] };
const y = { name: 'y', dims: ['N', 4] };
const small: ModelSpec = { graph: { inputs: [x], outputs: [y], nodes: [relu] } };

/** A model whose messages carry fields that no schema has: in the model, the graph, a node and an initializer. */
function modelWithUnknownFields(): Uint8Array {
  const unknown = (text: string) => [(99 << 3) | 2, text] as const;
  const bytes = (writer: ReturnType<typeof onnx.NodeProto.encode>, text: string) => {
    const [tag, content] = unknown(text);
    return writer.uint32(tag).string(content).finish();
  };
  const node = bytes(
    onnx.NodeProto.encode({ opType: 'Add', name: 'a', input: ['x', 'w'], output: ['y'], docString: 'why' }),
    'node field',
  );
  const weight = bytes(
    onnx.TensorProto.encode({
      name: 'w',
      dims: [4],
      dataType: 1,
      rawData: rawBytes('FLOAT', [1, 2, 3, 4]),
      docString: 'weight text',
    }),
    'tensor field',
  );
  const graph = onnx.GraphProto.encode({ name: 'g', input: [{ name: 'x' }], output: [{ name: 'y' }] });
  graph.uint32((1 << 3) | 2).bytes(node);
  graph.uint32((5 << 3) | 2).bytes(weight);
  const model = onnx.ModelProto.encode({ irVersion: 8, opsetImport: [{ domain: '', version: 17 }] });
  model.uint32((7 << 3) | 2).bytes(bytes(graph, 'graph field'));
  return bytes(model, 'model field');
}

describe('rewriting a model', () => {
  it('copies everything byte for byte when nothing is edited', async () => {
    const bytes = modelWithUnknownFields();
    const { written } = await rewriteBytes(bytes, {});
    assert.deepEqual(written, Buffer.from(bytes));
  });

  it('keeps unknown fields and documentation of what it edits', async () => {
    const { written, proto } = await rewriteBytes(modelWithUnknownFields(), {
      irVersion: 9,
      graph: {
        nodes: [{ source: 0, opType: 'Sub', inputs: ['x', 'half'] }],
        initializers: new Map([['w', tensor('half', 'FLOAT16', [4])]]),
      },
    });
    for (const text of ['model field', 'graph field', 'node field', 'tensor field']) {
      assert.ok(written.includes(text), text);
    }
    const node = proto.graph?.node?.[0];
    assert.equal(proto.irVersion?.toString(), '9');
    assert.deepEqual([node?.opType, node?.input, node?.output, node?.docString], ['Sub', ['x', 'half'], ['y'], 'why']);
    const weight = proto.graph?.initializer?.[0];
    assert.deepEqual([weight?.name, weight?.dataType, weight?.docString], ['half', 10, 'weight text']);
    assert.deepEqual(Buffer.from(weight?.rawData ?? []), Buffer.alloc(8, 7));
  });

  it('writes the node list in the order asked for, with new nodes in between', async () => {
    const spec: ModelSpec = {
      graph: {
        inputs: [x],
        outputs: [y],
        nodes: [
          { op: 'Sigmoid', inputs: ['m'], outputs: ['y'] },
          { op: 'Tanh', inputs: ['x'], outputs: ['t'] },
        ],
      },
    };
    const { proto } = await rewriteSpec(spec, {
      graph: {
        nodes: [
          { source: 1 },
          {
            opType: 'Clip',
            name: 'new',
            domain: 'com.example',
            inputs: ['t', ''],
            outputs: ['m'],
            attributes: new Map([
              ['f', { kind: 'float', value: 0.5 } as const],
              ['i', { kind: 'int', value: -3n } as const],
              ['s', { kind: 'string', value: Buffer.from('text') } as const],
              ['many', { kind: 'ints', value: [1n, -1n, 2n ** 40n] } as const],
            ]),
          },
          { source: 0 },
        ],
      },
    });
    const nodes = proto.graph?.node ?? [];
    assert.deepEqual(
      nodes.map((node) => node.opType),
      ['Tanh', 'Clip', 'Sigmoid'],
    );
    const added = nodes[1];
    assert.deepEqual([added?.name, added?.domain, added?.input], ['new', 'com.example', ['t', '']]);
    const attributes = added?.attribute ?? [];
    assert.deepEqual(
      attributes.map((attribute) => attribute.type),
      [1, 2, 3, 7],
    );
    assert.equal(attributes[0]?.f, 0.5);
    assert.equal(attributes[1]?.i?.toString(), '-3');
    assert.deepEqual(
      attributes[3]?.ints?.map((value) => value.toString()),
      ['1', '-1', '1099511627776'],
    );
  });

  it('sets and removes attributes and leaves the others', async () => {
    const attributes = { alpha: { float: 2 }, axis: 1, mode: 'constant' };
    const node = { op: 'Example', inputs: ['x'], outputs: ['y'], attributes };
    const { proto } = await rewriteSpec(
      { graph: { ...small.graph, nodes: [node] } },
      {
        graph: {
          nodes: [
            {
              source: 0,
              attributes: new Map([
                ['axis', { kind: 'int', value: 7n } as const],
                ['mode', null],
                ['value', { kind: 'tensor-data', value: tensor('', 'INT8', [3]) } as const],
              ]),
            },
          ],
        },
      },
    );
    const written = proto.graph?.node?.[0]?.attribute ?? [];
    assert.deepEqual(
      written.map((attribute) => attribute.name),
      ['alpha', 'axis', 'value'],
    );
    assert.equal(written[1]?.i?.toString(), '7');
    assert.deepEqual(Buffer.from(written[2]?.t?.rawData ?? []), Buffer.alloc(3, 7));
  });

  it('replaces initializers where they stand, removes and adds others', async () => {
    const initializers = ['a', 'b', 'c'].map((name) => ({ name, type: 'FLOAT' as const, dims: [2] }));
    const { proto } = await rewriteSpec(
      { graph: { ...small.graph, initializers } },
      {
        graph: {
          initializers: new Map([
            ['a', null],
            ['b', tensor('b8', 'INT8', [2])],
          ]),
          addedInitializers: [tensor('scale', 'FLOAT', [])],
        },
      },
    );
    assert.deepEqual(
      proto.graph?.initializer?.map((entry) => [entry.name, entry.dataType]),
      [
        ['b8', 3],
        ['c', 1],
        ['scale', 1],
      ],
    );
  });

  it('removes and replaces sparse initializers', async () => {
    const sparse = (name: string): onnx.ISparseTensorProto => ({
      values: { name, dims: [1], dataType: 1, rawData: rawBytes('FLOAT', [3]) },
      indices: { dims: [1], dataType: 7, rawData: rawBytes('INT64', [2]) },
      dims: [4],
    });
    const bytes = onnx.ModelProto.encode({
      irVersion: 8,
      opsetImport: [{ domain: '', version: 17 }],
      graph: { name: 'g', sparseInitializer: [sparse('s'), sparse('t'), sparse('u')] },
    }).finish();
    const { proto } = await rewriteBytes(bytes, {
      graph: {
        initializers: new Map([
          ['s', null],
          ['t', tensor('t', 'FLOAT16', [4])],
        ]),
      },
    });
    assert.deepEqual(
      proto.graph?.sparseInitializer?.map((entry) => entry.values?.name),
      ['u'],
    );
    assert.deepEqual(
      proto.graph?.initializer?.map((entry) => entry.name),
      ['t'],
    );
  });

  it('adds value_info entries with sizes, names of sizes and open sizes, after those that are there', async () => {
    const old = { name: 'old', dims: [1] };
    const { written } = await rewriteSpec(
      { graph: { inputs: [x], outputs: [y], nodes: [relu], values: [old] } },
      { graph: { addedValues: new Map([['new', { dataType: 'INT8', shape: [0, 'N', null, 3] }]]) } },
    );
    const { graph } = await readModel(new MemoryByteSource(written), { fileName: 'm.onnx' });
    assert.deepEqual([...graph.values.keys()], ['old', 'new']);
    assert.deepEqual(graph.values.get('new')?.type, {
      kind: 'tensor',
      dataType: 'INT8',
      shape: [0, symbol('N'), null, 3],
    });
  });

  it('gives values another element type, inside sequence and optional types too, and removes them', async () => {
    const float: onnx.ITypeProto = {
      tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'N' }] } },
      denotation: 'D',
    };
    const bytes = onnx.ModelProto.encode({
      irVersion: 8,
      opsetImport: [{ domain: '', version: 17 }],
      graph: {
        name: 'g',
        input: [
          { name: 'plain', type: float, docString: 'doc' },
          { name: 'gone', type: float },
        ],
        output: [{ name: 'list', type: { sequenceType: { elemType: { optionalType: { elemType: float } } } } }],
        valueInfo: [
          { name: 'sparse', type: { sparseTensorType: { elemType: 1 } } },
          { name: 'untouched', type: float },
        ],
      },
    }).finish();
    const half = { dataType: 'FLOAT16' } as const;
    const { proto } = await rewriteBytes(bytes, {
      graph: {
        inputs: new Map([
          ['plain', half],
          ['gone', null],
        ]),
        outputs: new Map([['list', half]]),
        values: new Map([['sparse', half]]),
      },
    });
    const { input, output, valueInfo } = proto.graph ?? {};
    assert.equal(input?.length, 1);
    assert.equal(input?.[0]?.type?.tensorType?.elemType, 10);
    assert.equal(input?.[0]?.type?.tensorType?.shape?.dim?.[0]?.dimParam, 'N');
    assert.deepEqual([input?.[0]?.docString, input?.[0]?.type?.denotation], ['doc', 'D']);
    assert.equal(output?.[0]?.type?.sequenceType?.elemType?.optionalType?.elemType?.tensorType?.elemType, 10);
    assert.deepEqual(
      [valueInfo?.[0]?.type?.sparseTensorType?.elemType, valueInfo?.[1]?.type?.tensorType?.elemType],
      [10, 1],
    );
  });

  it('reaches graphs inside nodes', async () => {
    const branch = (op: string) => ({
      graph: { name: op, nodes: [{ op, inputs: ['x'], outputs: ['o'] }], outputs: [{ name: 'o' }] },
    });
    const attributes = { then_branch: branch('Relu'), else_branch: branch('Tanh') };
    const node = { op: 'If', inputs: ['c'], outputs: ['y'], attributes };
    const inputs = [x, { name: 'c', type: 'BOOL' as const, dims: [] }];
    const { proto } = await rewriteSpec(
      { graph: { inputs, outputs: [y], nodes: [node] } },
      {
        graph: {
          nodes: [{ source: 0, subgraphs: new Map([['else_branch', { nodes: [{ source: 0, opType: 'Sigmoid' }] }]]) }],
        },
      },
    );
    assert.deepEqual(
      proto.graph?.node?.[0]?.attribute?.map((attribute) => attribute.g?.node?.[0]?.opType),
      ['Relu', 'Sigmoid'],
    );
  });

  it('edits function bodies and opset imports, adding an import that is not there', async () => {
    const nodes = [{ op: 'Relu', inputs: ['p'], outputs: ['q'] }];
    const body = { inputs: ['p'], outputs: ['q'], opsets: { '': 10 }, nodes };
    const { proto } = await rewriteSpec(
      {
        opsets: { 'ai.onnx': 10, own: 1 },
        graph: { ...small.graph, nodes: [{ op: 'F', domain: 'own', inputs: ['x'], outputs: ['y'] }] },
        functions: [
          { name: 'E', domain: 'own', ...body },
          { name: 'F', domain: 'own', ...body },
        ],
      },
      {
        opsets: new Map([
          ['ai.onnx', 13],
          ['ai.onnx.ml', 3],
        ]),
        functions: new Map([
          [1, { graph: { nodes: [{ source: 0, opType: 'Tanh' }] }, opsets: new Map([['ai.onnx', 13]]) }],
        ]),
      },
    );
    const imports = (entries: readonly onnx.IOperatorSetIdProto[] | null | undefined) =>
      entries?.map((entry) => `${entry.domain} ${entry.version}`);
    assert.deepEqual(imports(proto.opsetImport), ['ai.onnx 13', 'own 1', 'ai.onnx.ml 3']);
    assert.deepEqual(
      proto.functions?.map((definition) => definition.node?.[0]?.opType),
      ['Relu', 'Tanh'],
    );
    assert.deepEqual(
      proto.functions?.map((definition) => imports(definition.opsetImport)),
      [[' 10'], [' 13']],
    );
  });

  it('refuses edits that meet nothing', async () => {
    await assert.rejects(
      rewriteSpec(small, { graph: { initializers: new Map([['w', null]]) } }),
      /initializer named w/,
    );
    await assert.rejects(rewriteSpec(small, { graph: { nodes: [{ source: 3 }] } }), /no node at position 3/);
    await assert.rejects(rewriteSpec(small, { functions: new Map([[0, { graph: {} }]]) }), /no function at position 0/);
  });

  it('refuses an inline result above 2,147,483,647 bytes without producing it', async () => {
    const source = new MemoryByteSource(buildModel(small));
    const model = await readModel(source, { fileName: 'm.onnx' });
    let produced = 0;
    const addedInitializers = [1, 2].map((part) => ({
      ...tensor(`w${part}`, 'INT8', [2 ** 30]),
      async *produce() {
        produced++;
        yield new Uint8Array(1);
      },
    }));
    await assert.rejects(rewriteModel(model, source, { graph: { addedInitializers } }, inline), /2,147,483,647/);
    assert.equal(produced, 0);
  });
});

describe('rewriting a model with a data file', () => {
  const floats = (count: number, first: number) =>
    rawBytes(
      'FLOAT',
      Array.from({ length: count }, (_, index) => first + index),
    );
  const dataFile = Buffer.concat([floats(300, 0), floats(4, 1000)]);
  const bytes = buildModel({
    graph: {
      ...small.graph,
      nodes: [
        relu,
        {
          op: 'Constant',
          inputs: [],
          outputs: ['c'],
          attributes: {
            value: { tensor: { type: 'FLOAT', dims: [300], external: { location: 'old.data', offset: 0 } } },
          },
        },
      ],
      initializers: [
        { name: 'big', type: 'FLOAT', dims: [300], external: { location: 'old.data', offset: 0, length: 1200 } },
        { name: 'little', type: 'FLOAT', dims: [4], external: { location: 'old.data', offset: 1200 } },
        { name: 'inside', type: 'FLOAT', dims: [2] },
      ],
    },
  });

  it('gathers external tensors and large new ones at aligned places, shared data once', async () => {
    const added = [tensor('large', 'INT8', [1024]), tensor('small', 'INT8', [1023])];
    const { proto, data } = await rewriteBytes(
      bytes,
      { graph: { addedInitializers: added } },
      { kind: 'external', path: 'new.onnx.data' },
      { 'old.data': dataFile },
    );
    const places = [...(proto.graph?.initializer ?? []), proto.graph?.node?.[1]?.attribute?.[0]?.t].map((entry) =>
      entry?.dataLocation === 1 ? entry.externalData?.map((item) => item.value) : 'inline',
    );
    assert.deepEqual(places, [
      ['new.onnx.data', '0', '1200'],
      ['new.onnx.data', '4096', '16'],
      'inline',
      ['new.onnx.data', '8192', '1024'],
      'inline',
      ['new.onnx.data', '0', '1200'],
    ]);
    assert.equal(data?.length, 8192 + 1024);
    assert.deepEqual(data?.subarray(0, 1200), dataFile.subarray(0, 1200));
    assert.deepEqual(data?.subarray(4096, 4112), dataFile.subarray(1200));
    assert.ok(data?.subarray(1200, 4096).every((byte) => byte === 0));
  });

  it('leaves external tensors of the source where they are when placed inline', async () => {
    const { written } = await rewriteBytes(bytes, {}, inline, { 'old.data': dataFile });
    assert.deepEqual(written, Buffer.from(bytes));
  });

  it('names a data file that is too short', async () => {
    const files = { 'old.data': dataFile.subarray(0, 100) };
    await assert.rejects(
      rewriteBytes(bytes, {}, { kind: 'external', path: 'new.onnx.data' }, files),
      /old\.data has 100 bytes/,
    );
  });

  it('gives element types their codes', async () => {
    const { proto } = await rewriteSpec(small, {
      graph: { addedInitializers: [tensor('t', 'UINT4', [3])] },
    });
    assert.equal(proto.graph?.initializer?.[0]?.dataType, dataTypeCode('UINT4'));
  });
});
