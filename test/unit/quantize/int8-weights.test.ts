import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { onnx } from 'onnx-proto';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { type PlannedFile, rewriteModel } from '../../../extension/onnx/edit';
import { readModel } from '../../../extension/onnx/read-model';
import { planInt8Weights } from '../../../extension/quantize/int8-weights';
import { QuantizationRefused } from '../../../extension/quantize/plan';
import { combineErrors } from '../../../extension/quantize/weight-error';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import {
  buildModel,
  type GraphSpec,
  type ModelSpec,
  type NodeSpec,
  rawBytes,
  type TensorSpec,
} from '../../fixtures/model-builder';

async function streamed(file: PlannedFile): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of file.stream()) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function quantize(spec: ModelSpec) {
  const source = new MemoryByteSource(buildModel(spec));
  const model = await readModel(source, { fileName: 'm.onnx' });
  const plan = await planInt8Weights({ model, shapes: inferShapes(model), bytes: { source } });
  const { model: file } = await rewriteModel(model, source, plan.edits, { kind: 'inline' });
  const written = await streamed(file);
  assert.equal(file.size, written.length);
  return { ...plan, file, written, proto: onnx.ModelProto.decode(written), sourceBytes: source.size };
}

/** A model in which `w` is the only initializer, and the nodes use it. */
function model(
  w: Partial<TensorSpec> & { dims: readonly number[] },
  nodes: readonly NodeSpec[],
  more: GraphSpec = { nodes: [] },
): ModelSpec {
  return {
    graph: {
      inputs: [{ name: 'x' }],
      outputs: [{ name: 'y' }],
      ...more,
      nodes,
      initializers: [{ name: 'w', type: 'FLOAT', ...w }, ...(more.initializers ?? [])],
    },
  };
}

const conv: NodeSpec = { op: 'Conv', name: 'conv', inputs: ['x', 'w'], outputs: ['y'] };
const convDims = [16, 8, 3, 3];

/** The axis of the one DequantizeLinear; 'tensor' where it has none. */
async function axisFor(dims: readonly number[], node: NodeSpec): Promise<number | 'tensor'> {
  const { proto, converted } = await quantize(model({ dims }, [node]));
  assert.equal(converted.length, 1);
  const dequantize = proto.graph?.node?.find((candidate) => candidate.opType === 'DequantizeLinear');
  const axis = dequantize?.attribute?.find((attribute) => attribute.name === 'axis');
  const scale = proto.graph?.initializer?.find((candidate) => candidate.name === 'w_scale');
  const index = axis ? Number(axis.i) : undefined;
  assert.deepEqual(scale?.dims?.map(Number), index === undefined ? [] : [dims[index]]);
  return index ?? 'tensor';
}

describe('int8-weights', () => {
  it('puts the weight behind a DequantizeLinear that keeps its name', async () => {
    const { proto, written, sourceBytes, converted } = await quantize(model({ dims: convDims }, [conv]));
    const nodes = proto.graph?.node ?? [];
    assert.deepEqual(
      nodes.map((node) => [node.opType, node.input, node.output]),
      [
        ['DequantizeLinear', ['w_quantized', 'w_scale'], ['w']],
        ['Conv', ['x', 'w'], ['y']],
      ],
    );
    assert.deepEqual(
      proto.graph?.initializer?.map((tensor) => [tensor.name, tensor.dataType, tensor.dims?.map(Number)]),
      [
        ['w_quantized', 3, convDims],
        ['w_scale', 1, [16]],
      ],
    );
    assert.ok(written.length < sourceBytes / 3);
    assert.deepEqual(
      converted.map(({ name, elements, bytesBefore, bytesAfter }) => ({ name, elements, bytesBefore, bytesAfter })),
      [{ name: 'w', elements: 1152, bytesBefore: 4608, bytesAfter: 1152 + 64 }],
    );
  });

  it('has one scale per output channel of each operator', async () => {
    const node = (op: string, inputs: string[], attributes: NodeSpec['attributes'] = {}): NodeSpec => ({
      op,
      inputs,
      outputs: ['y'],
      attributes,
    });
    assert.equal(await axisFor(convDims, conv), 0);
    assert.equal(await axisFor(convDims, node('ConvTranspose', ['x', 'w'])), 1);
    assert.equal(await axisFor(convDims, node('ConvTranspose', ['x', 'w'], { group: 2 })), 'tensor');
    assert.equal(await axisFor([32, 40], node('Gemm', ['x', 'w'])), 1);
    assert.equal(await axisFor([32, 40], node('Gemm', ['x', 'w'], { transB: 1 })), 0);
    assert.equal(await axisFor([32, 40], node('Gemm', ['w', 'x'])), 0);
    assert.equal(await axisFor([32, 40], node('MatMul', ['x', 'w'])), 1);
    assert.equal(await axisFor([2, 32, 40], node('MatMul', ['x', 'w'])), 2);
    assert.equal(await axisFor([32, 40], node('MatMul', ['w', 'x'])), 0);
    assert.equal(await axisFor([400], node('MatMul', ['x', 'w'])), 'tensor');
    assert.equal(await axisFor([32, 40], node('Gather', ['w', 'x'])), 0);
    for (const op of ['LSTM', 'GRU', 'RNN']) {
      const attributes = { hidden_size: 16 };
      assert.equal(await axisFor([1, 64, 40], node(op, ['x', 'w', 'x'], attributes)), 1, op);
      assert.equal(await axisFor([1, 64, 40], node(op, ['x', 'x', 'w'], attributes)), 1, op);
    }
  });

  it('leaves biases and other operands alone', async () => {
    const bias = { op: 'Conv', inputs: ['x', 'x', 'w'], outputs: ['y'] };
    for (const node of [bias, { op: 'Mul', inputs: ['x', 'w'], outputs: ['y'] }]) {
      const { converted, left, written } = await quantize(model({ dims: [4000] }, [node]));
      assert.deepEqual([converted.length, left.length], [0, 0]);
      assert.deepEqual(written, Buffer.from(buildModel(model({ dims: [4000] }, [node]))));
    }
  });

  it('follows Identity, Transpose and calls of functions to the weight operand', async () => {
    const { proto, converted } = await quantize({
      opsets: { '': 17, own: 1 },
      graph: {
        inputs: [{ name: 'x' }],
        outputs: [{ name: 'y' }],
        nodes: [
          { op: 'Transpose', inputs: ['w'], outputs: ['t'], attributes: { perm: [1, 0] } },
          { op: 'Identity', inputs: ['t'], outputs: ['i'] },
          { op: 'Dense', domain: 'own', inputs: ['x', 'i'], outputs: ['y'] },
        ],
        initializers: [{ name: 'w', type: 'FLOAT', dims: [32, 40] }],
      },
      functions: [
        {
          name: 'Dense',
          domain: 'own',
          inputs: ['a', 'b'],
          outputs: ['c'],
          nodes: [{ op: 'MatMul', inputs: ['a', 'b'], outputs: ['c'] }],
        },
      ],
    });
    assert.equal(converted.length, 1);
    // The last axis of the transposed weight is the first of the weight itself.
    assert.equal(Number(proto.graph?.node?.[0]?.attribute?.[0]?.i), 0);
  });

  it('gives a shared weight one DequantizeLinear, per tensor where the axes differ', async () => {
    const matMul = { op: 'MatMul', inputs: ['x', 'w'], outputs: ['a'] };
    const again = { op: 'MatMul', inputs: ['a', 'w'], outputs: ['y'] };
    const gather = { op: 'Gather', inputs: ['w', 'x'], outputs: ['y'] };
    const same = await quantize(model({ dims: [40, 40] }, [matMul, again]));
    assert.equal(same.proto.graph?.node?.length, 3);
    assert.equal(Number(same.proto.graph?.node?.[0]?.attribute?.[0]?.i), 1);
    const different = await quantize(model({ dims: [40, 40] }, [matMul, gather]));
    assert.equal(different.proto.graph?.node?.length, 3);
    assert.deepEqual(different.proto.graph?.node?.[0]?.attribute, []);
  });

  it('reports weights that stay, with the reason', async () => {
    const reasons = async (spec: ModelSpec) => (await quantize(spec)).left.map((weight) => weight.reason);
    const add = { op: 'Add', name: 'sum', inputs: ['y', 'w'], outputs: ['z'] };
    assert.match((await reasons(model({ dims: convDims }, [conv, add])))[0] ?? '', /also used by Add sum/);
    assert.match((await reasons(model({ dims: [2, 1, 1, 1] }, [conv])))[0] ?? '', /would take \d+ bytes/);
    assert.match((await reasons(model({ dims: convDims, type: 'DOUBLE' }, [conv])))[0] ?? '', /DOUBLE/);
    const overridable = model({ dims: convDims }, [conv], { nodes: [], inputs: [{ name: 'x' }, { name: 'w' }] });
    assert.match((await reasons(overridable))[0] ?? '', /also a graph input/);
    const output = model({ dims: convDims }, [conv], { nodes: [], outputs: [{ name: 'y' }, { name: 'w' }] });
    assert.match((await reasons(output))[0] ?? '', /a graph output/);
    for (const op of ['FusedMatMul', 'FusedGemm']) {
      const fused = { op, domain: 'com.microsoft', name: 'f', inputs: ['x', 'w'], outputs: ['y'] };
      assert.match((await reasons(model({ dims: [64, 64] }, [fused])))[0] ?? '', new RegExp(`taken by ${op} f`));
      assert.deepEqual(await reasons(model({ dims: [1, 64, 1, 1] }, [fused])), []);
    }
  });

  it('raises an IR version below 4 and takes replaced weights out of the graph inputs', async () => {
    const spec = model({ dims: convDims }, [{ ...conv, inputs: ['x', 'w', 'b'] }], {
      nodes: [],
      inputs: [{ name: 'x' }, { name: 'w' }, { name: 'b' }],
      initializers: [{ name: 'b', type: 'FLOAT', dims: [16] }],
    });
    const { proto, passes } = await quantize({ ...spec, ir: 3 });
    assert.equal(Number(proto.irVersion), 4);
    assert.deepEqual(
      proto.graph?.input?.map((input) => input.name),
      ['x', 'b'],
    );
    assert.deepEqual(passes.at(-1)?.changes, [
      'The IR version went from 3 to 4, and the weight w left the graph inputs.',
    ]);
    const free = await quantize({ ...model({ dims: convDims }, [conv]), ir: 3 });
    assert.deepEqual(free.passes.at(-1)?.changes, ['The IR version went from 3 to 4.']);
  });

  it('stands before the first user, a node with a subgraph that takes the weight included', async () => {
    const branch: GraphSpec = { nodes: [{ ...conv, outputs: ['o'] }], outputs: [{ name: 'o' }] };
    const { proto } = await quantize(
      model(
        { dims: convDims },
        [
          { op: 'Relu', inputs: ['x'], outputs: ['r'] },
          {
            op: 'If',
            inputs: ['c'],
            outputs: ['y'],
            attributes: { then_branch: { graph: branch }, else_branch: { graph: branch } },
          },
          { ...conv, inputs: ['r', 'w'], outputs: ['z'] },
        ],
        { nodes: [], inputs: [{ name: 'x' }, { name: 'c', type: 'BOOL', dims: [] }] },
      ),
    );
    assert.deepEqual(
      proto.graph?.node?.map((node) => node.opType),
      ['Relu', 'DequantizeLinear', 'If', 'Conv'],
    );
  });

  it('converts initializers of subgraphs and Constant nodes, in function bodies too', async () => {
    const constant: NodeSpec = {
      op: 'Constant',
      inputs: [],
      outputs: ['k'],
      attributes: { value: { tensor: { type: 'FLOAT', dims: [40, 40] } } },
    };
    const multiply: NodeSpec = { op: 'MatMul', inputs: ['x', 'k'], outputs: ['o'] };
    const inner: GraphSpec = {
      nodes: [{ ...multiply, inputs: ['x', 'v'] }],
      initializers: [{ name: 'v', type: 'FLOAT', dims: [40, 40] }],
      outputs: [{ name: 'o' }],
    };
    const { proto, converted } = await quantize({
      opsets: { '': 17, own: 1 },
      graph: {
        inputs: [{ name: 'x' }, { name: 'c', type: 'BOOL', dims: [] }],
        outputs: [{ name: 'y' }, { name: 'z' }],
        nodes: [
          {
            op: 'If',
            inputs: ['c'],
            outputs: ['y'],
            attributes: {
              then_branch: { graph: inner },
              else_branch: { graph: { ...inner, nodes: [constant, multiply] } },
            },
          },
          { op: 'F', domain: 'own', inputs: ['x'], outputs: ['z'] },
        ],
      },
      functions: [{ name: 'F', domain: 'own', inputs: ['x'], outputs: ['o'], nodes: [constant, multiply] }],
    });
    assert.equal(converted.length, 3);
    const [thenBranch, elseBranch] = proto.graph?.node?.[0]?.attribute ?? [];
    const types = (nodes: readonly onnx.INodeProto[] | null | undefined) => nodes?.map((node) => node.opType);
    assert.deepEqual(types(thenBranch?.g?.node), ['DequantizeLinear', 'MatMul']);
    assert.deepEqual(types(elseBranch?.g?.node), ['Constant', 'Constant', 'DequantizeLinear', 'MatMul']);
    assert.deepEqual(types(proto.functions?.[0]?.node), ['Constant', 'Constant', 'DequantizeLinear', 'MatMul']);
    // `k` is named in two graphs; the new names differ all the same.
    const names = [elseBranch?.g?.node?.[0]?.output?.[0], proto.functions?.[0]?.node?.[0]?.output?.[0]];
    assert.deepEqual(names, ['k_quantized', 'k_quantized_1']);
  });

  it('keeps new names apart from those the model has', async () => {
    const taken = { op: 'Relu', name: 'w_DequantizeLinear', inputs: ['x'], outputs: ['w_quantized'] };
    const { proto } = await quantize(model({ dims: convDims }, [taken, conv]));
    const dequantize = proto.graph?.node?.[1];
    assert.deepEqual([dequantize?.name, dequantize?.input], ['w_DequantizeLinear_1', ['w_quantized_1', 'w_scale']]);
  });

  it('sorts nodes that are out of order and reports it', async () => {
    const { proto, passes } = await quantize(
      model({ dims: convDims }, [
        { op: 'Relu', inputs: ['m'], outputs: ['y'] },
        { ...conv, outputs: ['m'] },
      ]),
    );
    assert.deepEqual(
      proto.graph?.node?.map((node) => node.opType),
      ['DequantizeLinear', 'Conv', 'Relu'],
    );
    assert.equal(passes[0]?.pass, 'topological order');
  });

  it('refuses a model whose opset has no DequantizeLinear with an axis', async () => {
    await assert.rejects(quantize({ opset: 12, ...model({ dims: convDims }, [conv]) }), QuantizationRefused);
  });

  it('rounds half to even within -127 to 127 and gives a channel of zeros scale 1', async () => {
    const channels = [
      [127, 0.5, 1.5, 2.5, -0.5, -1.5, -127, 0],
      [0, 0, 0, 0, 0, 0, 0, 0],
      [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 254, 3, 5, 1, 0],
      Array.from({ length: 8 }, () => 1e-40),
    ];
    const padding = Array.from({ length: 60 }, () => channels[0] ?? []);
    const values = [...channels, ...padding].flat();
    const { proto, converted } = await quantize(
      model({ dims: [64, 8], values }, [{ op: 'Gather', inputs: ['w', 'x'], outputs: ['y'] }]),
    );
    const [elements, scales] = proto.graph?.initializer ?? [];
    const bytes = Buffer.from(elements?.rawData ?? []);
    assert.deepEqual(
      [...new Int8Array(bytes.buffer, bytes.byteOffset, 32)],
      [127, 0, 2, 2, 0, -2, -127, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 127, -127, 127, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    );
    const expected = rawBytes('FLOAT', [1, 1, 2, 1]);
    assert.deepEqual(Buffer.from(scales?.rawData ?? []).subarray(0, 16), Buffer.from(expected));
    const error = await converted[0]?.measure();
    assert.equal(error?.overflows, 3);
    assert.equal(error?.maxAbsoluteError, 1);
  });

  it('has a size that depends on the graph only, and writes what it predicts', async () => {
    const nodes = [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['h'] },
      { op: 'MatMul', inputs: ['h', 'small'], outputs: ['y'] },
    ];
    const specWith = (w: readonly number[], small: readonly number[]) =>
      model({ dims: [20, 30], values: w }, nodes, {
        nodes: [],
        initializers: [{ name: 'small', type: 'FLOAT', dims: [30, 2], values: small }],
      });
    const zeros = (count: number) => Array.from({ length: count }, () => 0);
    const reference = await quantize(specWith(zeros(600), zeros(60)));
    const any = (count: number) => fc.array(fc.float(), { minLength: count, maxLength: count });
    await fc.assert(
      fc.asyncProperty(any(600), any(60), async (w, small) => {
        const { written, file } = await quantize(specWith(w, small));
        assert.equal(file.size, reference.file.size);
        assert.equal(written.length, reference.written.length);
      }),
      { numRuns: 20 },
    );
  });

  it('measures the error over all weights in decibels', async () => {
    const { converted } = await quantize(model({ dims: convDims }, [conv]));
    const progress: number[] = [];
    const error = await combineErrors(converted, { progress: (done) => progress.push(done) });
    assert.ok(error.sqnrDb !== undefined && error.sqnrDb > 35 && error.sqnrDb < 60);
    assert.deepEqual([error.tensors, error.overflows, progress], [1, 0, [1152]]);
    const nothing = await combineErrors([]);
    assert.deepEqual(nothing, { sqnrDb: undefined, tensors: 0, overflows: 0, underflows: 0 });
  });

  it('stops measuring when cancelled, and measures again afterwards', async () => {
    const { converted } = await quantize(model({ dims: convDims }, [conv]));
    await assert.rejects(combineErrors(converted, { signal: AbortSignal.abort() }), { name: 'AbortError' });
    assert.notEqual((await combineErrors(converted)).sqnrDb, undefined);
  });
});
