import { strict as assert } from 'node:assert';
import { onnx } from 'onnx-proto';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { rewriteModel } from '../../../extension/onnx/edit';
import { readModel } from '../../../extension/onnx/read-model';
import { readTensor, toFloat64 } from '../../../extension/onnx/tensor-data';
import { defaultOptions, type QuantizationOptions } from '../../../extension/quantize/options';
import { QuantizationRefused } from '../../../extension/quantize/plan';
import type { Ranges, StaticSchemeId } from '../../../extension/quantize/static/activation-type';
import { planStatic } from '../../../extension/quantize/static/plan-static';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import {
  buildModel,
  type GraphSpec,
  type ModelSpec,
  type NodeSpec,
  type TensorSpec,
} from '../../fixtures/model-builder';
import { engine, open } from './upgraded-model';

interface Settings {
  readonly scheme?: StaticSchemeId;
  readonly options?: Partial<QuantizationOptions>;
  readonly ranges?: Readonly<Record<string, readonly [number, number]>>;
}

/** Quantizes with ranges of -1 to 1 where none are given, runs the result once, and decodes it. */
async function quantize(spec: ModelSpec, { scheme = 'int8', options = {}, ranges = {} }: Settings = {}) {
  const source = await open(buildModel(spec));
  const all: QuantizationOptions = { ...defaultOptions, ...options };
  const { activations, ...unranged } = planStatic(source, scheme, all);
  const known: Ranges = new Map(
    activations.map((name) => [name, { minimum: ranges[name]?.[0] ?? -1, maximum: ranges[name]?.[1] ?? 1 }]),
  );
  const plan = planStatic(source, scheme, all, known);
  const { model: file } = await rewriteModel(source.model, source.bytes.source, plan.edits, { kind: 'inline' });
  const estimate = await rewriteModel(source.model, source.bytes.source, unranged.edits, { kind: 'inline' });
  assert.equal(estimate.model.size, file.size, 'the size does not depend on ranges');
  const bytes = await file.read(0, file.size);
  const proto = onnx.ModelProto.decode(bytes);
  const graph = proto.graph ?? {};
  return { ...plan, bytes, graph, proto, estimate: estimate.model };
}

/** `Op(inputs) -> outputs` of every node. */
function lines(graph: onnx.IGraphProto): string[] {
  return (graph.node ?? []).map((node) => `${node.opType}(${node.input?.join()}) -> ${node.output?.join()}`);
}

async function numbers(bytes: Uint8Array, name: string): Promise<number[]> {
  const model = await readModel(new MemoryByteSource(bytes), { fileName: 'm.onnx' });

  const tensor = model.graph.constants.get(name);
  assert.ok(tensor?.dataType, name);
  const elements = await readTensor(tensor, { source: new MemoryByteSource(bytes) });
  return [...toFloat64(tensor.dataType, elements, tensor.elementCount)];
}

function graph(nodes: readonly NodeSpec[], initializers: readonly TensorSpec[] = [], more: Partial<GraphSpec> = {}) {
  return {
    inputs: [{ name: 'x', dims: [1, 2, 4, 4] }],
    outputs: [{ name: 'y', dims: [null, null, null, null] }],
    nodes,
    initializers,
    ...more,
  };
}

const conv: NodeSpec = { op: 'Conv', name: 'conv', inputs: ['x', 'w', 'b'], outputs: ['c'] };
const relu: NodeSpec = { op: 'Relu', inputs: ['c'], outputs: ['y'] };
const weights: TensorSpec[] = [
  { name: 'w', type: 'FLOAT', dims: [2, 2, 1, 1], values: [1, -0.5, 127, 63.5] },
  { name: 'b', type: 'FLOAT', dims: [2], values: [0.25, -3] },
];

describe('static quantization', () => {
  it('puts pairs around a Conv, stores weight and bias as whole numbers, and lets the range do the Relu', async () => {
    const result = await quantize({ graph: graph([conv, relu], weights) }, { ranges: { x: [-1, 1], y: [0, 2] } });
    assert.deepEqual(lines(result.graph), [
      'QuantizeLinear(x,x_scale,x_zero_point) -> x_quantized',
      'DequantizeLinear(x_quantized,x_scale,x_zero_point) -> x_dequantized',
      'DequantizeLinear(w_quantized,w_scale,w_zero_point) -> w_dequantized',
      'DequantizeLinear(b_quantized,b_scale) -> b_dequantized',
      'Conv(x_dequantized,w_dequantized,b_dequantized) -> y_float',
      'QuantizeLinear(y_float,y_scale,y_zero_point) -> y_quantized',
      'DequantizeLinear(y_quantized,y_scale,y_zero_point) -> y',
    ]);
    assert.deepEqual(result.activations, ['x', 'y']);
    const { bytes } = result;
    const xScale = Math.fround(2 / 255);
    assert.deepEqual(await numbers(bytes, 'x_scale'), [xScale]);
    // -128 + 127.5, the nearest even number
    assert.deepEqual(await numbers(bytes, 'x_zero_point'), [0]);
    assert.deepEqual(await numbers(bytes, 'y_zero_point'), [-128]);
    assert.deepEqual(await numbers(bytes, 'w_quantized'), [127, -64, 127, 64]);
    assert.deepEqual(await numbers(bytes, 'w_scale'), [Math.fround(1 / 127), 1]);
    const biasScales = [Math.fround(xScale * Math.fround(1 / 127)), xScale];
    assert.deepEqual(await numbers(bytes, 'b_scale'), biasScales);
    assert.deepEqual(
      await numbers(bytes, 'b_quantized'),
      [0.25, -3].map((value, index) => Math.round(value / (biasScales[index] ?? 1))),
    );
    assert.deepEqual(
      result.converted.map(({ name, bytesBefore, bytesAfter }) => ({ name, bytesBefore, bytesAfter })),
      [{ name: 'w', bytesBefore: 16, bytesAfter: 4 + 8 + 2 }],
    );
  });

  it('computes what it should, to within the steps of its numbers', async () => {
    const spec = { graph: graph([conv, relu], weights) };
    const feeds = new Map([
      [
        'x',
        { dataType: 'FLOAT' as const, dims: [1, 2, 4, 4], data: new Uint8Array(new Float32Array(32).fill(0.5).buffer) },
      ],
    ]);
    const run = async (bytes: Uint8Array) => {
      const session = await engine.open(bytes);
      const output = (await session.run(feeds)).get('y');
      await session.release();
      return [...new Float32Array(output?.data.slice().buffer ?? new ArrayBuffer(0))];
    };
    const exact = await run(buildModel(spec));
    for (const scheme of ['int8', 'uint8', 'int16', 'int16x8'] as const) {
      for (const granularity of ['per-channel', 'per-tensor'] as const) {
        for (const activations of ['asymmetric', 'symmetric'] as const) {
          const ranges = { x: [-1, 1], c: [-100, 100], y: [0, 100] } as const;
          const { bytes } = await quantize(spec, { scheme, options: { granularity, activations }, ranges });
          const error = Math.max(...(await run(bytes)).map((value, index) => Math.abs(value - (exact[index] ?? 0))));
          assert.ok(error < 1.5, `${scheme} ${granularity} ${activations}: ${error}`);
        }
      }
    }
  });

  it('keeps Relu where activations are symmetric, and where something else takes what comes before', async () => {
    const spec = { graph: graph([conv, relu], weights) };
    const symmetric = await quantize(spec, { options: { activations: 'symmetric' } });
    assert.ok(lines(symmetric.graph).some((line) => line.startsWith('Relu')));
    // What comes before a Relu needs no range beyond what it lets through.
    assert.deepEqual(symmetric.activations, ['x', 'y']);
    const shared = graph([conv, relu], weights, { outputs: [{ name: 'y' }, { name: 'c' }] });
    assert.ok(lines((await quantize({ graph: shared })).graph).some((line) => line.startsWith('Relu')));
  });

  it('removes a Clip around zero only, and rows of clipping nodes', async () => {
    const clip = (minimum: number, maximum: number): TensorSpec[] => [
      { name: 'low', type: 'FLOAT', dims: [], values: [minimum] },
      { name: 'high', type: 'FLOAT', dims: [], values: [maximum] },
    ];
    const nodes: NodeSpec[] = [
      conv,
      { ...relu, outputs: ['r'] },
      { op: 'Clip', inputs: ['r', 'low', 'high'], outputs: ['y'] },
    ];
    const removed = await quantize({ graph: graph(nodes, [...weights, ...clip(0, 6)]) });
    assert.deepEqual(
      removed.graph.node?.map(({ opType }) => opType).filter((type) => !type?.endsWith('Linear')),
      ['Conv'],
    );
    assert.deepEqual(removed.activations, ['x', 'y']);
    assert.ok(!removed.graph.initializer?.some(({ name }) => name === 'low'));
    const kept = await quantize({ graph: graph(nodes, [...weights, ...clip(0.5, 6)]) });
    assert.ok(lines(kept.graph).some((line) => line.startsWith('Clip')));
  });

  it('gives what an operator passes on the scale of its input', async () => {
    const nodes: NodeSpec[] = [
      { ...conv, outputs: ['c'] },
      { op: 'MaxPool', inputs: ['c'], outputs: ['m'], attributes: { kernel_shape: [2, 2] } },
      { op: 'Transpose', inputs: ['m'], outputs: ['y'] },
    ];
    const result = await quantize({ graph: graph(nodes, weights) });
    const scales = result.graph.node
      ?.filter(({ opType }) => opType === 'QuantizeLinear')
      .map(({ input }) => input?.[1]);
    assert.deepEqual(scales, ['x_scale', 'c_scale', 'c_scale', 'c_scale']);
    assert.deepEqual(result.activations, ['x', 'c']);
  });

  it('takes 0 to 1 for Softmax, and does not ask for its range', async () => {
    const nodes: NodeSpec[] = [{ op: 'Softmax', inputs: ['x'], outputs: ['y'] }];
    const { bytes, activations } = await quantize({ graph: graph(nodes) });
    assert.deepEqual(activations, ['x']);
    assert.deepEqual(await numbers(bytes, 'y_scale'), [Math.fround(1 / 255)]);
    assert.deepEqual(await numbers(bytes, 'y_zero_point'), [-128]);
  });

  it('quantizes a constant summand like an activation, by its own range', async () => {
    const nodes: NodeSpec[] = [{ op: 'Add', inputs: ['x', 'k'], outputs: ['y'] }];
    const k: TensorSpec = { name: 'k', type: 'FLOAT', dims: [4], values: [0, 1, 2, 2.55] };
    const { bytes, activations } = await quantize({ graph: graph(nodes, [k]) });
    assert.deepEqual(activations, ['x', 'y']);
    assert.deepEqual(await numbers(bytes, 'k_quantized'), [-128, -28, 72, 127]);
    assert.deepEqual(await numbers(bytes, 'k_zero_point'), [-128]);
  });

  it('raises the scale of a weight so that its bias fits into int32', async () => {
    const nodes: NodeSpec[] = [{ ...conv, outputs: ['y'] }];
    const tensors: TensorSpec[] = [
      { name: 'w', type: 'FLOAT', dims: [2, 2, 1, 1], values: [1e-9, 1e-9, 1, 1] },
      { name: 'b', type: 'FLOAT', dims: [2], values: [1000, 1] },
    ];
    const { bytes } = await quantize({ graph: graph(nodes, tensors) });
    const [raised = 0, same = 0] = await numbers(bytes, 'w_scale');
    const input = Math.fround(2 / 255);
    assert.ok(Math.abs((raised * input) / ((1.0001 * 2 * 1000) / (2 ** 32 - 2)) - 1) < 1e-6);
    assert.equal(same, Math.fround(1 / 127));
    const [bias = 0] = await numbers(bytes, 'b_quantized');
    assert.ok(bias > 2.14e9 && bias < 2 ** 31);
  });

  it('takes the factor of a Gemm into its bias, and gives each node a bias of its own', async () => {
    const gemm = (inputs: string[], output: string): NodeSpec => ({
      op: 'Gemm',
      inputs,
      outputs: [output],
      attributes: { beta: { float: 0.5 } },
    });
    const tensors: TensorSpec[] = [
      { name: 'w', type: 'FLOAT', dims: [4, 4] },
      { name: 'b', type: 'FLOAT', dims: [4], values: [1, 2, 3, 4] },
    ];
    const flat = { inputs: [{ name: 'x', dims: [1, 4] }], outputs: [{ name: 'y', dims: [1, 4] }] };
    const nodes = [gemm(['x', 'w', 'b'], 'h'), gemm(['h', 'w', 'b'], 'y')];
    const { bytes, graph: written } = await quantize({ graph: graph(nodes, tensors, flat) });
    const gemms = written.node?.filter(({ opType }) => opType === 'Gemm') ?? [];
    assert.deepEqual(
      gemms.map(({ input }) => input?.[2]),
      ['b_dequantized', 'b_dequantized_1'],
    );
    assert.ok(gemms.every(({ attribute }) => attribute?.some(({ name, f }) => name === 'beta' && f === 1)));
    const scales = await numbers(bytes, 'b_scale');
    const codes = await numbers(bytes, 'b_quantized');
    for (const [index, code] of codes.entries()) {
      assert.ok(Math.abs(code * (scales[index] ?? 0) - (index + 1)) < 0.01, 'the factor is in the scale');
    }
  });

  it('leaves excluded nodes and unknown operators alone', async () => {
    const nodes: NodeSpec[] = [
      { ...conv, outputs: ['c'] },
      { op: 'Erf', inputs: ['c'], outputs: ['e'] },
      { op: 'Conv', name: 'second', inputs: ['e', 'w'], outputs: ['y'] },
    ];
    const result = await quantize({ graph: graph(nodes, weights) }, { options: { excludedNodes: ['conv'] } });
    assert.deepEqual(
      lines(result.graph).filter((line) => !line.includes('Linear')),
      ['Conv(x,w_dequantized,b) -> c', 'Erf(c) -> e', 'Conv(e_dequantized,w_dequantized) -> y_float'],
    );
  });

  it('takes 16-bit operators from com.microsoft below opset 21', async () => {
    const spec = { graph: graph([{ ...conv, outputs: ['y'] }], weights) };
    const older = await quantize(spec, { scheme: 'int16x8' });
    const domains = (model: onnx.IModelProto) =>
      model.graph?.node?.filter(({ opType }) => opType?.endsWith('Linear')).map(({ domain }) => domain ?? '');
    assert.deepEqual(domains(older.proto), [
      'com.microsoft',
      'com.microsoft',
      '',
      '',
      'com.microsoft',
      'com.microsoft',
    ]);
    assert.ok(older.proto.opsetImport?.some(({ domain }) => domain === 'com.microsoft'));
    const newer = await quantize({ ...spec, opset: 21 }, { scheme: 'int16x8' });
    assert.ok(domains(newer.proto)?.every((domain) => domain === ''));
  });

  it('can be planned without ranges, but not written', async () => {
    const { estimate, converted } = await quantize({ graph: graph([conv, relu], weights) });
    const error = await converted[0]?.measure();
    assert.ok(error && error.signal > 0 && error.noise > 0);
    await assert.rejects(estimate.read(0, estimate.size), /calibrate the model first/);
    const read = await readModel(estimate.structure, { fileName: 'planned.onnx' });
    assert.deepEqual(read.diagnostics, []);
    assert.deepEqual(inferShapes(read).diagnostics, []);
  });

  it('refuses ranges that are none, old opsets, quantized models and models without anything to quantize', async () => {
    const source = await open(buildModel({ graph: graph([conv, relu], weights) }));
    const refusal = async (ranges: Ranges) => {
      const plan = planStatic(source, 'int8', defaultOptions, ranges);
      const { model: file } = await rewriteModel(source.model, source.bytes.source, plan.edits, { kind: 'inline' });
      return file.read(0, file.size);
    };
    const fine = { minimum: 0, maximum: 1 };
    await assert.rejects(refusal(new Map([['x', fine]])), /no range for y/);
    const infinite = { minimum: 0, maximum: Number.POSITIVE_INFINITY };
    await assert.rejects(
      refusal(
        new Map([
          ['x', infinite],
          ['y', fine],
        ]),
      ),
      /x goes from 0 to Infinity/,
    );
    const refuses = async (spec: ModelSpec, message: RegExp) => {
      const other = await open(buildModel(spec));
      assert.throws(
        () => planStatic(other, 'int8', defaultOptions),
        (error) => error instanceof QuantizationRefused && message.test(error.message),
      );
    };
    await refuses({ opset: 12, graph: graph([conv, relu], weights) }, /needs opset 13/);
    await refuses({ graph: graph([{ op: 'Erf', inputs: ['x'], outputs: ['y'] }]) }, /no operators/);
    const scale: TensorSpec = { name: 's', type: 'FLOAT', dims: [], values: [1] };
    const already = graph([{ op: 'QuantizeLinear', name: 'q', inputs: ['x', 's'], outputs: ['y'] }], [scale]);
    await refuses({ graph: already }, /quantized already: it has QuantizeLinear q/);
  });

  it('passes scales along a chain of 20,000 nodes', async () => {
    const length = 20_000;
    const nodes: NodeSpec[] = Array.from({ length }, (_, index) => ({
      op: 'Transpose',
      inputs: [index === 0 ? 's' : `t${index}`],
      outputs: [index + 1 === length ? 'y' : `t${index + 1}`],
    }));
    const first: NodeSpec = { op: 'Sigmoid', inputs: ['x'], outputs: ['s'] };
    const source = await open(buildModel({ graph: graph([first, ...nodes]) }));
    const plan = planStatic(source, 'int8', defaultOptions);
    assert.deepEqual(plan.activations, ['x', 's']);
    assert.equal(plan.edits.graph?.nodes?.length, 3 * length + 1 + 4);
  }).timeout(20_000);

  it('leaves the weights of bodies in float, and says so by name', async () => {
    const branch = {
      nodes: [{ op: 'MatMul', inputs: ['x', 'inner'], outputs: ['z'] }],
      initializers: [{ name: 'inner', type: 'FLOAT', dims: [4, 2] } as const],
      outputs: [{ name: 'z' }],
    };
    const spec: ModelSpec = {
      graph: {
        inputs: [
          { name: 'x', dims: [3, 4] },
          { name: 'c', type: 'BOOL', dims: [] },
        ],
        outputs: [{ name: 'y' }, { name: 'v' }],
        nodes: [
          { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] },
          {
            op: 'If',
            name: 'choice',
            inputs: ['c'],
            outputs: ['v'],
            attributes: { then_branch: { graph: branch }, else_branch: { graph: branch } },
          },
        ],
        initializers: [{ name: 'w', type: 'FLOAT', dims: [4, 4] }],
      },
    };
    const { left } = planStatic(await open(buildModel(spec)), 'int8', defaultOptions);
    const reason = 'It stands in choice, whose nodes int8 leaves in float.';
    assert.deepEqual(left, [
      { name: 'inner', reason },
      { name: 'inner', reason },
    ]);
  });
});
