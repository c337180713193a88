import assert from 'node:assert/strict';
import { onnx } from 'onnx-proto';
import type { Model } from '../../../extension/model/model';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { bytesField, stringField, varintField } from '../../../extension/onnx/encode';
import { readModel } from '../../../extension/onnx/read-model';
import { buildModel, type GraphSpec, type ModelSpec } from '../../fixtures/model-builder';

function read(bytes: Uint8Array): Promise<Model> {
  return readModel(new MemoryByteSource(bytes), { fileName: 'model.onnx' });
}

function codes(model: Model): string[] {
  return model.diagnostics.map((diagnostic) => diagnostic.code);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const chain: GraphSpec = {
  inputs: [{ name: 'x', dims: [1, 'rows*2', null] }],
  outputs: [{ name: 'y' }],
  values: [{ name: 'a', type: 'FLOAT16', dims: [] }],
  nodes: [
    { op: 'Relu', name: 'first', inputs: ['x'], outputs: ['a'] },
    { op: 'Relu', inputs: ['a'], outputs: ['y'] },
  ],
};

describe('the structure of a model', () => {
  it('is read with names, types and places', async () => {
    const bytes = buildModel({ ir: 9, opsets: { '': 21, 'ai.onnx.ml': 3 }, graph: chain });
    const model = await read(bytes);
    assert.deepEqual(model.diagnostics, []);
    assert.equal(model.irVersion, 9);
    assert.deepEqual(
      [...model.opsets],
      [
        ['ai.onnx', 21],
        ['ai.onnx.ml', 3],
      ],
    );
    assert.equal(model.producerName, 'thimble tests');
    assert.deepEqual(
      model.graph.nodes.map((node) => [node.index, node.name, node.opType, node.domain]),
      [
        [0, 'first', 'Relu', 'ai.onnx'],
        [1, '', 'Relu', 'ai.onnx'],
      ],
    );
    const type = model.graph.inputs[0]?.type;
    assert.ok(type?.kind === 'tensor' && type.shape);
    assert.equal(type.shape[0], 1);
    assert.deepEqual(type.shape[1] && typeof type.shape[1] === 'object' && type.shape[1].text, 'rows*2');
    assert.equal(type.shape[2], null);
    assert.deepEqual(model.graph.values.get('a')?.type, { kind: 'tensor', dataType: 'FLOAT16', shape: [] });
    assert.deepEqual(model.graph.outputs[0]?.type, { kind: 'tensor', dataType: 'FLOAT', shape: undefined });
    const first = model.graph.nodes[0];
    assert.ok(first);
    assert.equal(onnx.NodeProto.decode(bytes.slice(first.range.start, first.range.end)).name, 'first');
    const { start, end } = model.graph.range;
    assert.equal(onnx.GraphProto.decode(bytes.slice(start, end)).node.length, 2);
  });

  it('keeps attributes exactly, int64 included', async () => {
    const proto = onnx.AttributeProto.encode({ name: 'big', type: 2 }).finish();
    const big = join(proto, varintField(3, 9_007_199_254_740_993n));
    const negative = join(onnx.AttributeProto.encode({ name: 'low', type: 7 }).finish(), varintField(8, -(2n ** 63n)));
    const node = join(stringField(4, 'Op'), bytesField(5, big), bytesField(5, negative));
    const attributes = (await read(modelOf(node))).graph.nodes[0]?.attributes;
    assert.deepEqual(attributes?.get('big'), { kind: 'int', value: 9_007_199_254_740_993n });
    assert.deepEqual(attributes?.get('low'), { kind: 'ints', value: [-(2n ** 63n)] });
  });

  it('takes the type of an attribute from its value where the file leaves the type out', async () => {
    const attribute = join(stringField(1, 'axes'), varintField(8, 1n), varintField(8, 2n));
    const model = await read(modelOf(join(stringField(4, 'Op'), bytesField(5, attribute))));
    assert.deepEqual(model.graph.nodes[0]?.attributes.get('axes'), { kind: 'ints', value: [1n, 2n] });
  });

  it('reads fields that onnx-proto does not know', async () => {
    const entry = bytesField(9, join(stringField(1, 'key'), stringField(2, 'value')));
    const model = await read(modelOf(join(stringField(4, 'Op'), entry, stringField(8, 'special'))));
    assert.deepEqual([...(model.graph.nodes[0]?.metadata ?? [])], [['key', 'value']]);
    assert.equal(model.graph.nodes[0]?.overload, 'special');
  });

  it('reads functions with their defaults, types and overload', async () => {
    const value = onnx.ValueInfoProto.encode({ name: 'mid', type: { tensorType: { elemType: 10 } } }).finish();
    const alpha = onnx.AttributeProto.encode({ name: 'alpha', type: 1, f: 0.5 }).finish();
    const body = onnx.NodeProto.encode({ opType: 'Relu', input: ['i'], output: ['o'] }).finish();
    const definition = join(
      stringField(1, 'F'),
      stringField(4, 'i'),
      stringField(5, 'o'),
      bytesField(7, body),
      stringField(10, 'local'),
      bytesField(11, alpha),
      bytesField(12, value),
      stringField(13, 'over'),
    );
    const [found] = (await read(join(buildModel({ graph: chain }), bytesField(25, definition)))).functions;
    assert.ok(found);
    assert.deepEqual([found.domain, found.name, found.overload], ['local', 'F', 'over']);
    assert.deepEqual(found.attributeDefaults.get('alpha'), { kind: 'float', value: 0.5 });
    assert.deepEqual(found.body.values.get('mid')?.type, { kind: 'tensor', dataType: 'FLOAT16', shape: undefined });
    assert.equal(found.body.nodes[0]?.opType, 'Relu');
  });

  it('steps over fields of the wrong wire type and unknown fields', async () => {
    const model = await read(
      modelOf(join(stringField(4, 'Op'), varintField(1, 5n), bytesField(1000, new Uint8Array(9)))),
    );
    assert.deepEqual(model.graph.nodes[0]?.inputs, []);
  });

  it('leaves a huge attribute in the file and says so', async () => {
    const attribute = join(stringField(1, 'cache'), varintField(20, 3n), bytesField(4, new Uint8Array(100_000)));
    const model = await read(modelOf(join(stringField(4, 'EPContext'), bytesField(5, attribute))));
    assert.deepEqual(model.graph.nodes[0]?.attributes.get('cache'), { kind: 'unknown', typeCode: 3 });
    assert.deepEqual(codes(model), ['attribute-not-read']);
  });

  it('gives tensors of one type and shape what they have in common, and each its own elements and place', async () => {
    const bytes = buildModel({
      graph: {
        nodes: [],
        initializers: [
          ...[1, 2, 3].map((value) => ({ name: `f${value}`, type: 'FLOAT' as const, dims: [1], values: [value] })),
          { name: 'i', type: 'INT32', dims: [1], values: [4] },
          { name: 'typed', type: 'INT32', dims: [1], values: [5], typed: true },
        ],
      },
    });
    const { constants } = (await read(bytes)).graph;
    const [one, two, three, integer, typed] = [...constants.values()];
    assert.ok(one && two && three && integer && typed);
    assert.equal(one.dims, three.dims);
    assert.equal(integer.valueType, typed.valueType);
    assert.deepEqual(one.valueType, { kind: 'tensor', dataType: 'FLOAT', shape: [1] });
    assert.deepEqual(
      [...constants.values()].map(({ dataType, inline }) => {
        const view = new DataView(Uint8Array.from(inline ?? []).buffer);
        return dataType === 'FLOAT' ? view.getFloat32(0, true) : view.getInt32(0, true);
      }),
      [1, 2, 3, 4, 5],
    );
    for (const { location, range, inline } of [one, two, three, integer]) {
      assert.ok(location.kind === 'raw' && range && location.offset > range.start && range.end <= bytes.length);
      assert.deepEqual([...bytes.slice(location.offset, location.offset + location.length)], [...(inline ?? [])]);
    }
  });

  it('reads 10,000 nodes', async () => {
    const nodes = Array.from({ length: 10_000 }, (_, index) => ({
      op: 'Conv',
      name: `conv${index}`,
      inputs: [`v${index}`],
      outputs: [`v${index + 1}`],
      attributes: { kernel_shape: [3, 3], group: 1 },
    }));
    const model = await read(buildModel({ graph: { inputs: [{ name: 'v0' }], nodes } }));
    assert.equal(model.graph.nodes.length, 10_000);
    assert.deepEqual(model.diagnostics, []);
  });
});

describe('faults of a model', () => {
  const faults = async (spec: ModelSpec) => (await read(buildModel(spec))).diagnostics;

  it('an input that nobody produces, with its node', async () => {
    const graph = { ...chain, nodes: [{ op: 'Add', name: 'sum', inputs: ['x', 'gone'], outputs: ['y'] }] };
    const [fault, ...others] = await faults({ graph });
    assert.equal(others.length, 0);
    assert.equal(fault?.severity, 'error');
    assert.equal(fault?.code, 'missing-input');
    assert.deepEqual([fault?.place?.nodeIndex, fault?.place?.node, fault?.place?.value], [0, 'sum', 'gone']);
  });

  it('an output that nobody produces', async () => {
    const model = await read(buildModel({ graph: { ...chain, outputs: [{ name: 'none' }] } }));
    assert.deepEqual(codes(model), ['missing-output']);
  });

  it('a name that is defined twice', async () => {
    const twice = (graph: Partial<GraphSpec>) => read(buildModel({ graph: { ...chain, ...graph } })).then(codes);
    // The last definition counts, as in onnxruntime, so the user of the first one now stands before its input.
    assert.deepEqual(await twice({ nodes: [...chain.nodes, { op: 'Neg', inputs: ['x'], outputs: ['a'] }] }), [
      'nodes-out-of-order',
      'duplicate-name',
    ]);
    assert.deepEqual(await twice({ inputs: [{ name: 'x' }, { name: 'x' }] }), ['duplicate-name']);
    const w = { name: 'w', type: 'FLOAT', dims: [1] } as const;
    assert.deepEqual(await twice({ initializers: [w, w] }), ['duplicate-name']);
    assert.deepEqual(await twice({ initializers: [{ ...w, name: 'x' }] }), [], 'the default of an input');
    assert.deepEqual(await twice({ initializers: [{ ...w, name: 'a' }] }), ['duplicate-name']);
  });

  it('subgraphs see outer names, and may use names that come later outside', async () => {
    const branch = (input: string, output: string) => ({
      graph: { outputs: [{ name: output }], nodes: [{ op: 'Relu', inputs: [input], outputs: [output] }] },
    });
    const withBranches = (input: string, output: string): GraphSpec => ({
      inputs: [{ name: 'x' }, { name: 'c', type: 'BOOL', dims: [] }],
      outputs: [{ name: 'y' }],
      nodes: [
        { op: 'Neg', inputs: ['x'], outputs: ['a'] },
        { op: 'If', name: 'choice', inputs: ['c'], outputs: ['y'], attributes: { then_branch: branch(input, output) } },
      ],
    });
    assert.deepEqual(await faults({ graph: withBranches('a', 'y') }), []);
    assert.deepEqual(
      (await faults({ graph: withBranches('x', 'a') })).map((fault) => fault.code),
      ['duplicate-name'],
    );
    const [fault] = await faults({ graph: withBranches('gone', 'z') });
    assert.equal(fault?.code, 'missing-input');
    assert.deepEqual(fault?.place?.scope, ['choice.then_branch']);
  });

  it('nodes out of order are a warning', async () => {
    const [fault] = await faults({ graph: { ...chain, nodes: chain.nodes.toReversed() } });
    assert.deepEqual([fault?.code, fault?.severity], ['nodes-out-of-order', 'warning']);
  });

  it('no IR version, no operator set', async () => {
    const model = await read(bytesField(7, new Uint8Array(0)));
    assert.deepEqual(codes(model), ['no-ir-version', 'no-opset']);
    assert.equal(model.irVersion, undefined);
    assert.deepEqual([...model.opsets], [['ai.onnx', 1]]);
    const old = await faults({ ir: 1, opsets: {}, graph: chain });
    assert.deepEqual(
      old.map(({ code, severity }) => [code, severity]),
      [['no-opset', 'note']],
      'IR 1 had no operator sets',
    );
  });

  it('an unknown element type', async () => {
    const value = onnx.ValueInfoProto.encode({ name: 'v', type: { tensorType: { elemType: 99 } } }).finish();
    const tensor = onnx.TensorProto.encode({ name: 't', dataType: 77, dims: [2] }).finish();
    const graph = join(bytesField(11, value), bytesField(5, tensor));
    const model = await read(join(varintField(1, 8n), bytesField(8, varintField(2, 17n)), bytesField(7, graph)));
    assert.deepEqual(codes(model), ['unknown-data-type', 'unknown-data-type']);
    assert.equal(model.graph.constants.get('t')?.dataType, undefined);
    assert.equal(model.graph.constants.get('t')?.dataTypeCode, 77);
  });

  it('two graphs', async () => {
    const bytes = buildModel({ graph: chain });
    assert.deepEqual(codes(await read(join(bytes, bytesField(7, new Uint8Array(0))))), ['duplicate-graph']);
  });
});

/** A model with one node, given as the bytes of its NodeProto. */
function modelOf(node: Uint8Array): Uint8Array {
  return join(varintField(1, 8n), bytesField(8, varintField(2, 17n)), bytesField(7, bytesField(1, node)));
}
