import { strict as assert } from 'node:assert';
import { onnx } from 'onnx-proto';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { rewriteModel } from '../../../extension/onnx/edit';
import { readModel } from '../../../extension/onnx/read-model';
import { toFloat64 } from '../../../extension/onnx/tensor-data';
import { planDynamic } from '../../../extension/quantize/dynamic/plan-dynamic';
import { defaultOptions, type QuantizationOptions } from '../../../extension/quantize/options';
import { QuantizationRefused } from '../../../extension/quantize/plan';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import { buildModel, fillValues, type ModelSpec, type NodeSpec, type TensorSpec } from '../../fixtures/model-builder';
import { engine, open } from './upgraded-model';

async function quantize(spec: ModelSpec, options: Partial<QuantizationOptions> = {}) {
  const source = await open(buildModel(spec));
  const plan = planDynamic(source, { ...defaultOptions, ...options });
  const { model: file } = await rewriteModel(source.model, source.bytes.source, plan.edits, { kind: 'inline' });
  const bytes = await file.read(0, file.size);
  const graph = onnx.ModelProto.decode(bytes).graph ?? {};
  return { ...plan, bytes, graph, operators: (graph.node ?? []).map(({ opType }) => opType) };
}

async function run(bytes: Uint8Array, dims: readonly number[]): Promise<Float64Array> {
  const session = await engine.open(bytes);
  const count = dims.reduce((product, dim) => product * dim, 1);
  const data = new Uint8Array(Float32Array.from(fillValues(count)).buffer);
  const output = (await session.run(new Map([['x', { dataType: 'FLOAT' as const, dims, data }]]))).get('y');
  await session.release();
  assert.ok(output);
  return toFloat64('FLOAT', output.data, output.data.length / 4);
}

function spec(dims: readonly number[], node: NodeSpec, tensors: readonly TensorSpec[]): ModelSpec {
  return { graph: { inputs: [{ name: 'x', dims }], outputs: [{ name: 'y' }], nodes: [node], initializers: tensors } };
}

const bias: TensorSpec = { name: 'b', type: 'FLOAT', dims: [6], values: [1, 2, 3, 4, 5, 6] };
const cases: readonly { readonly name: string; readonly model: ModelSpec; readonly dims: readonly number[] }[] = [
  {
    name: 'Conv with a bias, groups and strides',
    dims: [1, 4, 7, 7],
    model: spec(
      [1, 4, 7, 7],
      {
        op: 'Conv',
        inputs: ['x', 'w', 'b'],
        outputs: ['y'],
        attributes: { group: 2, strides: [2, 2], pads: [1, 1, 1, 1] },
      },
      [{ name: 'w', type: 'FLOAT', dims: [6, 2, 3, 3] }, bias],
    ),
  },
  {
    name: 'Gemm with transposed weights',
    dims: [3, 10],
    model: spec([3, 10], { op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['y'], attributes: { transB: 1 } }, [
      { name: 'w', type: 'FLOAT', dims: [6, 10] },
      bias,
    ]),
  },
  {
    name: 'MatMul of three dimensions',
    dims: [2, 3, 10],
    model: spec([2, 3, 10], { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }, [
      { name: 'w', type: 'FLOAT', dims: [10, 6] },
    ]),
  },
];

describe('dynamic int8', () => {
  for (const { name, model, dims } of cases) {
    it(`computes ${name} with whole numbers, close to what it was`, async () => {
      const exact = await run(buildModel(model), dims);
      for (const granularity of ['per-channel', 'per-tensor'] as const) {
        const { bytes, operators, converted } = await quantize(model, { granularity });
        assert.equal(operators[0], 'DynamicQuantizeLinear');
        assert.ok(operators[1] === 'ConvInteger' || operators[1] === 'MatMulInteger');
        const error = Math.max(
          ...(await run(bytes, dims)).map((value, index) => Math.abs(value - (exact[index] ?? 0))),
        );
        assert.ok(error < 0.06, `${granularity}: ${error}`);
        assert.equal(converted.length, 1);
        const read = await readModel(new MemoryByteSource(bytes), { fileName: 'm.onnx' });
        assert.deepEqual([...read.diagnostics, ...inferShapes(read).diagnostics], []);
      }
    });
  }

  it('quantizes a value once for all that take it, and shares weights', async () => {
    const nodes: NodeSpec[] = [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['a'] },
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['b'] },
      { op: 'Add', inputs: ['a', 'b'], outputs: ['y'] },
    ];
    const w: TensorSpec = { name: 'w', type: 'FLOAT', dims: [4, 4] };
    const { operators, graph } = await quantize({
      graph: { inputs: [{ name: 'x', dims: [2, 4] }], outputs: [{ name: 'y' }], nodes, initializers: [w] },
    });
    assert.equal(operators.filter((type) => type === 'DynamicQuantizeLinear').length, 1);
    assert.deepEqual(
      graph.initializer?.map(({ name }) => name),
      ['w_quantized', 'w_scale'],
    );
  });

  it('picks from int8 tables', async () => {
    const nodes: NodeSpec[] = [{ op: 'Gather', inputs: ['table', 'x'], outputs: ['y'] }];
    const table: TensorSpec = { name: 'table', type: 'FLOAT', dims: [40, 8] };
    const { operators } = await quantize({
      graph: {
        inputs: [{ name: 'x', type: 'INT64', dims: [3] }],
        outputs: [{ name: 'y' }],
        nodes,
        initializers: [table],
      },
    });
    assert.deepEqual(operators, ['Gather', 'Gather', 'Cast', 'Mul']);
  });

  it('gives each row of a table its own scale, so that a large one takes nothing from the others', async () => {
    const values = Array.from({ length: 32 }, (_, index) => (index < 8 ? 1000 * (index + 1) : (index % 8) + 1));
    const table: TensorSpec = { name: 'table', type: 'FLOAT', dims: [4, 8], values };
    const indices: TensorSpec = { name: 'i', type: 'INT64', dims: [2], values: [-1, 1] };
    const model: ModelSpec = {
      graph: {
        inputs: [{ name: 'x', dims: [1] }],
        outputs: [{ name: 'y' }],
        nodes: [
          { op: 'Gather', inputs: ['table', 'i'], outputs: ['rows'] },
          { op: 'Add', inputs: ['rows', 'x'], outputs: ['y'] },
        ],
        initializers: [table, indices],
      },
    };
    const exact = await run(buildModel(model), [1]);
    const largestError = async (granularity: QuantizationOptions['granularity']) => {
      const { bytes } = await quantize(model, { granularity });
      return Math.max(...(await run(bytes, [1])).map((value, index) => Math.abs(value - (exact[index] ?? 0))));
    };
    assert.ok((await largestError('per-channel')) < 0.05);
    assert.ok((await largestError('per-tensor')) > 1);
  });

  for (const direction of ['forward', 'bidirectional'] as const) {
    it(`lets a ${direction} LSTM compute with int8 weights`, async () => {
      const directions = direction === 'forward' ? 1 : 2;
      const node: NodeSpec = {
        op: 'LSTM',
        name: 'lstm',
        inputs: ['x', 'w', 'r', 'b'],
        outputs: ['y'],
        attributes: { hidden_size: 3, direction },
      };
      const model = spec([5, 2, 6], node, [
        { name: 'w', type: 'FLOAT', dims: [directions, 12, 6] },
        { name: 'r', type: 'FLOAT', dims: [directions, 12, 3] },
        { name: 'b', type: 'FLOAT', dims: [directions, 24] },
      ]);
      const exact = await run(buildModel(model), [5, 2, 6]);
      for (const granularity of ['per-channel', 'per-tensor'] as const) {
        const { bytes, operators, converted, left, graph } = await quantize(model, { granularity });
        assert.deepEqual(operators, ['DynamicQuantizeLSTM']);
        assert.deepEqual(
          converted.map(({ name }) => name),
          ['w', 'r'],
        );
        assert.deepEqual(left, []);
        const scale = graph.initializer?.find(({ name }) => name === 'w_scale');
        assert.deepEqual(scale?.dims?.map(Number), granularity === 'per-channel' ? [directions, 12] : [directions]);
        const values = await run(bytes, [5, 2, 6]);
        assert.equal(values.length, exact.length);
        const error = Math.max(...values.map((value, index) => Math.abs(value - (exact[index] ?? 0))));
        assert.ok(error > 0 && error < 0.03, `${granularity}: ${error}`);
        const read = await readModel(new MemoryByteSource(bytes), { fileName: 'm.onnx' });
        assert.deepEqual([...read.diagnostics, ...inferShapes(read).diagnostics], []);
      }
    });
  }

  it('leaves other recurrent operators and the bodies of control flow in float, and says so by name', async () => {
    const gru: NodeSpec = {
      op: 'GRU',
      name: 'gru',
      inputs: ['x', 'w', 'r'],
      outputs: ['y'],
      attributes: { hidden_size: 3 },
    };
    const branch = {
      nodes: [{ op: 'MatMul', inputs: ['x', 'inner'], outputs: ['z'] }],
      initializers: [{ name: 'inner', type: 'FLOAT', dims: [6, 2] } as const],
      outputs: [{ name: 'z' }],
    };
    const choice: NodeSpec = {
      op: 'If',
      name: 'choice',
      inputs: ['c'],
      outputs: ['v'],
      attributes: { then_branch: { graph: branch }, else_branch: { graph: branch } },
    };
    const { operators, left } = await quantize({
      graph: {
        inputs: [
          { name: 'x', dims: [5, 2, 6] },
          { name: 'c', type: 'BOOL', dims: [] },
        ],
        outputs: [{ name: 'y' }, { name: 'v' }],
        nodes: [gru, choice],
        initializers: [
          { name: 'w', type: 'FLOAT', dims: [1, 9, 6] },
          { name: 'r', type: 'FLOAT', dims: [1, 9, 3] },
        ],
      },
    });
    assert.deepEqual(operators, ['GRU', 'If']);
    const inFloat = 'GRU gru computes in float; int8-dynamic has no form of it.';
    const inBody = 'It stands in choice, whose nodes int8-dynamic leaves in float.';
    assert.deepEqual(left, [
      { name: 'w', reason: inFloat },
      { name: 'r', reason: inFloat },
      { name: 'inner', reason: inBody },
      { name: 'inner', reason: inBody },
    ]);
  });

  it('leaves weights that something else takes, other factors, and excluded nodes', async () => {
    const w: TensorSpec = { name: 'w', type: 'FLOAT', dims: [4, 4] };
    const inputs = [{ name: 'x', dims: [4, 4] }];
    const two: NodeSpec[] = [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['a'] },
      { op: 'Mul', inputs: ['a', 'w'], outputs: ['y'] },
    ];
    const shared = await quantize({ graph: { inputs, outputs: [{ name: 'y' }], nodes: two, initializers: [w] } });
    assert.deepEqual(shared.operators, ['MatMul', 'Mul']);
    assert.deepEqual(shared.left, [{ name: 'w', reason: 'It is also used in another way.' }]);
    const gemm: NodeSpec = {
      op: 'Gemm',
      name: 'g',
      inputs: ['x', 'w'],
      outputs: ['y'],
      attributes: { alpha: { float: 2 } },
    };
    assert.deepEqual((await quantize(spec([4, 4], gemm, [w]))).operators, ['Gemm']);
    const plain: NodeSpec = { ...gemm, attributes: {} };
    assert.deepEqual((await quantize(spec([4, 4], plain, [w]), { excludedNodes: ['g'] })).operators, ['Gemm']);
  });

  it('refuses opsets without DynamicQuantizeLinear', async () => {
    const node: NodeSpec = { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] };
    const source = await open(buildModel({ ...spec([2, 6], node, [{ ...bias, name: 'w' }]), opset: 10 }));
    assert.throws(() => planDynamic(source, defaultOptions), QuantizationRefused);
  });
});
