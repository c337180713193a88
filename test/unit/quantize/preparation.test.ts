import { strict as assert } from 'node:assert';
import { onnx } from 'onnx-proto';
import { compareModels } from '../../../extension/inference/compare-models';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { type PreparedSource, prepare } from '../../../extension/quantize/preparation/prepare';
import {
  buildModel,
  fillValues,
  type GraphSpec,
  type ModelSpec,
  type NodeSpec,
  type TensorSpec,
} from '../../fixtures/model-builder';
import { engine, open } from './upgraded-model';

/** Prepares a model, holds that it computes what it computed, and gives what is left of it. */
async function prepared(spec: ModelSpec, skipped?: ReadonlySet<string>) {
  const bytes = buildModel(spec);
  const result = await prepare(await open(bytes), skipped ? { skipped } : {});
  const changed = result.source.bytes.source;
  const comparison = await compareModels(new MemoryByteSource(bytes), changed, { engine });
  assert.ok(comparison.compared && comparison.equal, JSON.stringify(comparison));
  const proto = onnx.ModelProto.decode(await changed.read(0, changed.size));
  return { ...result, graph: proto.graph ?? {}, ir: Number(proto.irVersion) };
}

function operators({ graph }: { readonly graph: onnx.IGraphProto }): (string | null | undefined)[] {
  return (graph.node ?? []).map((node) => node.opType);
}

function folds(result: PreparedSource): boolean {
  return result.passes.some(({ pass }) => pass === 'batch-norm folding');
}

function positive(name: string, count: number): TensorSpec {
  const values = Array.from({ length: count }, (_, index) => 0.3 + index / 7);
  return { name, type: 'FLOAT', dims: [count], values };
}

function normalization(count: number, prefix = 'bn'): TensorSpec[] {
  return [
    { name: `${prefix}_gamma`, type: 'FLOAT', dims: [count] },
    { name: `${prefix}_beta`, type: 'FLOAT', dims: [count] },
    { name: `${prefix}_mean`, type: 'FLOAT', dims: [count] },
    positive(`${prefix}_variance`, count),
  ];
}

const bnInputs = ['bn_gamma', 'bn_beta', 'bn_mean', 'bn_variance'];

function graph(nodes: readonly NodeSpec[], initializers: readonly TensorSpec[], more: Partial<GraphSpec> = {}) {
  return {
    inputs: [{ name: 'x', dims: [1, 4, 5, 5] }],
    outputs: [{ name: 'y', dims: [null, null, null, null] }],
    nodes,
    initializers,
    ...more,
  };
}

const bn: NodeSpec = { op: 'BatchNormalization', inputs: ['c', ...bnInputs], outputs: ['y'] };

describe('batch-norm folding', () => {
  it('takes it into a Conv, which gets a bias', async () => {
    const conv = { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'] };
    const w: TensorSpec = { name: 'w', type: 'FLOAT', dims: [6, 4, 3, 3] };
    const result = await prepared({ graph: graph([conv, bn], [w, ...normalization(6)]) });
    assert.deepEqual(operators(result), ['Conv']);
    assert.deepEqual(
      result.graph.initializer?.map(({ name }) => name),
      ['w', 'c_bias'],
    );
    assert.deepEqual(result.passes, [
      { pass: 'batch-norm folding', changes: ['BatchNormalization y was folded into Conv c.'] },
    ]);
    assert.equal(result.statistics.get('y')?.gamma.name, 'bn_gamma');
  });

  it('takes it into grouped ConvTranspose, Gemm and MatMul', async () => {
    const cases: {
      readonly node: NodeSpec;
      readonly tensors: TensorSpec[];
      readonly flat: boolean;
      readonly op: string;
    }[] = [
      {
        node: { op: 'ConvTranspose', inputs: ['x', 'w', 'b'], outputs: ['c'], attributes: { group: 2 } },
        tensors: [
          { name: 'w', type: 'FLOAT', dims: [4, 3, 3, 3] },
          { name: 'b', type: 'FLOAT', dims: [6] },
        ],
        flat: false,
        op: 'ConvTranspose',
      },
      {
        node: {
          op: 'Gemm',
          inputs: ['x', 'w', 'b'],
          outputs: ['c'],
          attributes: { transB: 1, beta: { float: 0.5 }, alpha: { float: 2 } },
        },
        tensors: [
          { name: 'w', type: 'FLOAT', dims: [6, 10] },
          { name: 'b', type: 'FLOAT', dims: [1, 6] },
        ],
        flat: true,
        op: 'Gemm',
      },
      {
        node: { op: 'MatMul', inputs: ['x', 'w'], outputs: ['c'] },
        tensors: [{ name: 'w', type: 'FLOAT', dims: [10, 6] }],
        flat: true,
        op: 'Gemm',
      },
    ];
    for (const { node, tensors, flat, op } of cases) {
      const more = flat ? { inputs: [{ name: 'x', dims: [3, 10] }], outputs: [{ name: 'y', dims: [3, 6] }] } : {};
      const result = await prepared({ graph: graph([node, bn], [...tensors, ...normalization(6)], more) });
      assert.deepEqual(operators(result), [op]);
    }
  });

  it('takes in scales and summands, and several in a row', async () => {
    const nodes: NodeSpec[] = [
      { op: 'Conv', inputs: ['x', 'w', 'b'], outputs: ['c'] },
      { op: 'Mul', inputs: ['factor', 'c'], outputs: ['m'] },
      { op: 'Sub', inputs: ['m', 'one'], outputs: ['s'] },
      { op: 'Div', inputs: ['s', 'factor'], outputs: ['d'] },
      { op: 'BatchNormalization', inputs: ['d', ...bnInputs], outputs: ['y'] },
    ];
    const tensors: TensorSpec[] = [
      { name: 'w', type: 'FLOAT', dims: [6, 4, 3, 3] },
      { name: 'b', type: 'FLOAT', dims: [6] },
      { ...positive('factor', 6), dims: [6, 1, 1] },
      { name: 'one', type: 'FLOAT', dims: [], values: [0.7] },
    ];
    const result = await prepared({ graph: graph(nodes, [...tensors, ...normalization(6)]) });
    assert.deepEqual(operators(result), ['Conv']);
  });

  it('makes a Gemm of MatMul and Add in two dimensions only', async () => {
    const nodes: NodeSpec[] = [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['c'] },
      { op: 'Add', inputs: ['c', 'b'], outputs: ['y'] },
    ];
    const tensors: TensorSpec[] = [
      { name: 'w', type: 'FLOAT', dims: [10, 6] },
      { name: 'b', type: 'FLOAT', dims: [6] },
    ];
    const outputs = [{ name: 'y' }];
    const flat = { inputs: [{ name: 'x', dims: [3, 10] }], outputs };
    assert.deepEqual(operators(await prepared({ graph: graph(nodes, tensors, flat) })), ['Gemm']);
    const deep = { inputs: [{ name: 'x', dims: [2, 3, 10] }], outputs };
    assert.deepEqual(operators(await prepared({ graph: graph(nodes, tensors, deep) })), ['MatMul', 'Add']);
  });

  it('works where initializers are graph inputs, and drops the inputs that go', async () => {
    const conv = { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'] };
    const tensors: TensorSpec[] = [{ name: 'w', type: 'FLOAT', dims: [6, 4, 3, 3] }, ...normalization(6)];
    const inputs = [
      { name: 'x', dims: [1, 4, 5, 5] },
      ...tensors.map(({ name, dims }) => ({ name: name ?? '', dims: [...dims] })),
    ];
    const spec = { ir: 3, opset: 9, graph: graph([conv, bn], tensors, { inputs }) };
    const result = await prepared(spec);
    assert.deepEqual(operators(result), ['Conv']);
    assert.deepEqual(
      result.graph.input?.map(({ name }) => name),
      ['x', 'w'],
    );
    assert.equal(result.ir, 4);
    // From IR 4 on the caller could replace them.
    const newer = await prepared({ ...spec, ir: 8 });
    assert.deepEqual(operators(newer), ['Conv']);
    assert.deepEqual(
      newer.graph.input?.map(({ name }) => name),
      ['x'],
    );
    const kept = await prepared({ ...spec, ir: 8 }, new Set(['weights out of the graph inputs']));
    assert.deepEqual(operators(kept), ['Conv', 'BatchNormalization']);
  });

  it('leaves a shared weight to its other user', async () => {
    const nodes: NodeSpec[] = [
      { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'] },
      bn,
      { op: 'Conv', inputs: ['x', 'w'], outputs: ['z'] },
    ];
    const outputs = [{ name: 'y' }, { name: 'z' }];
    const w: TensorSpec = { name: 'w', type: 'FLOAT', dims: [6, 4, 3, 3] };
    const result = await prepared({ graph: graph(nodes, [w, ...normalization(6)], { outputs }) });
    assert.deepEqual(operators(result), ['Conv', 'Conv']);
    assert.ok(result.graph.initializer?.some(({ name }) => name === 'w_folded'));
  });

  it('leaves what has another user, what trains, and what varies along other axes', async () => {
    const conv = { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'] };
    const w: TensorSpec = { name: 'w', type: 'FLOAT', dims: [6, 4, 3, 3] };
    const two = graph([conv, bn], [w, ...normalization(6)], { outputs: [{ name: 'y' }, { name: 'c' }] });
    assert.ok(!folds(await prepared({ graph: two })));
    const training = { ...bn, attributes: { training_mode: 1 }, outputs: ['y', 'm', 'v'] };
    const source = await open(buildModel({ graph: graph([conv, training], [w, ...normalization(6)]) }));
    assert.ok(!folds(await prepare(source)));
    const add = { op: 'Add', inputs: ['c', 'row'], outputs: ['y'] };
    const row: TensorSpec = { name: 'row', type: 'FLOAT', dims: [1, 1, 3] };
    assert.ok(!folds(await prepared({ graph: graph([conv, add], [w, row]) })));
  });
});

describe('weights among the graph inputs', () => {
  it('become constants unless they do something else as well', async () => {
    const nodes: NodeSpec[] = [
      { op: 'Conv', inputs: ['x', 'w', 'b'], outputs: ['c'] },
      { op: 'Mul', inputs: ['c', 'threshold'], outputs: ['y'] },
    ];
    const tensors: TensorSpec[] = [
      { name: 'w', type: 'FLOAT', dims: [1, 4, 3, 3] },
      { name: 'b', type: 'FLOAT', dims: [1] },
      { name: 'threshold', type: 'FLOAT', dims: [1], values: [0.25] },
    ];
    const inputs = [{ name: 'x', dims: [1, 4, 5, 5] }, ...tensors.map(({ name = '', dims }) => ({ name, dims }))];
    const result = await prepared({ graph: graph(nodes, tensors, { inputs }) });
    assert.deepEqual(
      result.graph.input?.map(({ name }) => name),
      ['x', 'threshold'],
    );
    assert.deepEqual(operators(result), ['Conv', 'Mul']);
  });
});

describe('identity removal', () => {
  it('removes Identity and Dropout, and keeps the names of the interface', async () => {
    const nodes: NodeSpec[] = [
      { op: 'Identity', inputs: ['x'], outputs: ['a'] },
      { op: 'Relu', inputs: ['a'], outputs: ['b'] },
      { op: 'Dropout', inputs: ['b'], outputs: ['c', 'mask'] },
      { op: 'Identity', inputs: ['c'], outputs: ['d'] },
      { op: 'Identity', inputs: ['d'], outputs: ['y'] },
      { op: 'Neg', inputs: ['d'], outputs: ['z'] },
    ];
    const outputs = [{ name: 'y' }, { name: 'z' }];
    const result = await prepared({ graph: graph(nodes, [], { outputs, values: [{ name: 'b' }, { name: 'd' }] }) });
    assert.deepEqual(
      result.graph.node?.map((node) => [node.opType, node.input, node.output]),
      [
        ['Relu', ['x'], ['y']],
        ['Neg', ['y'], ['z']],
      ],
    );
    assert.deepEqual(result.graph.valueInfo, []);
  });

  it('keeps those between an input and an output, and a second one to another output', async () => {
    const nodes: NodeSpec[] = [
      { op: 'Identity', inputs: ['x'], outputs: ['y'] },
      { op: 'Relu', inputs: ['x'], outputs: ['r'] },
      { op: 'Identity', inputs: ['r'], outputs: ['u'] },
      { op: 'Identity', inputs: ['r'], outputs: ['v'] },
    ];
    const outputs = [{ name: 'y' }, { name: 'u' }, { name: 'v' }];
    const result = await prepared({ graph: graph(nodes, [], { outputs }) });
    assert.deepEqual(operators(result), ['Identity', 'Relu', 'Identity']);
  });

  it('keeps a value that a subgraph takes', async () => {
    const branch = (op: string): GraphSpec => ({
      nodes: [{ op, inputs: ['a'], outputs: [`${op}_out`] }],
      outputs: [{ name: `${op}_out` }],
    });
    const nodes: NodeSpec[] = [
      { op: 'Identity', inputs: ['x'], outputs: ['a'] },
      {
        op: 'If',
        inputs: ['condition'],
        outputs: ['y'],
        attributes: { then_branch: { graph: branch('Relu') }, else_branch: { graph: branch('Neg') } },
      },
    ];
    const condition: TensorSpec = { name: 'condition', type: 'BOOL', dims: [], values: [1] };
    assert.deepEqual(operators(await prepared({ graph: graph(nodes, [condition]) })), ['Identity', 'If']);
  });
});

describe('duplicate initializers', () => {
  it('are merged where every element is the same', async () => {
    const values = fillValues(400);
    const other = [...values.slice(0, -1), 9];
    const nodes: NodeSpec[] = ['a', 'b', 'c', 'd'].map((name, index) => ({
      op: 'Mul',
      inputs: [index === 0 ? 'x' : `m${index - 1}`, name],
      outputs: [index === 3 ? 'y' : `m${index}`],
    }));
    const tensor = (name: string, elements: readonly number[]): TensorSpec => ({
      name,
      type: 'FLOAT',
      dims: [4, 4, 5, 5],
      values: elements,
    });
    const initializers = [tensor('a', values), tensor('b', other), tensor('c', values), tensor('d', other)];
    const result = await prepared({ graph: graph(nodes, initializers) });
    assert.deepEqual(
      result.graph.initializer?.map(({ name }) => name),
      ['a', 'b'],
    );
    assert.equal(result.passes[0]?.changes.length, 2);
  });
});

describe('preparation', () => {
  it('can leave passes out', async () => {
    const nodes = [
      { op: 'Identity', inputs: ['x'], outputs: ['a'] },
      { op: 'Relu', inputs: ['a'], outputs: ['y'] },
    ];
    const result = await prepared({ graph: graph(nodes, []) }, new Set(['identity removal']));
    assert.deepEqual(operators(result), ['Identity', 'Relu']);
  });
});
