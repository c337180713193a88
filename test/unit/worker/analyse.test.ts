import assert from 'node:assert/strict';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { type AnalysedModel, analyseModel } from '../../../extension/worker/analyse';
import { describeLayer } from '../../../extension/worker/layer-details';
import { buildModel, type ModelSpec, type NodeSpec } from '../../fixtures/model-builder';

async function analyse(spec: ModelSpec): Promise<AnalysedModel & { readonly source: MemoryByteSource }> {
  const source = new MemoryByteSource(buildModel(spec));
  return { ...(await analyseModel({ fileName: 'test.onnx', source })), source };
}

/** One node on an image, with its weights. */
function single(node: NodeSpec, weights: readonly (readonly number[])[] = [], inputDims = [1, 8, 16, 16]): ModelSpec {
  return {
    graph: {
      inputs: [{ name: 'x', dims: inputDims }],
      outputs: [{ name: 'y' }],
      nodes: [node],
      initializers: weights.map((dims, index) => ({ name: `w${index}`, type: 'FLOAT', dims })),
    },
  };
}

async function operatorOf(spec: ModelSpec): Promise<string | undefined> {
  return (await analyse(spec)).analysis.layers[0]?.operator;
}

describe('operator texts', () => {
  const conv = (attributes: NodeSpec['attributes'] = {}, op = 'Conv'): NodeSpec => ({
    op,
    inputs: ['x', 'w0'],
    outputs: ['y'],
    attributes,
  });

  it('name kernel and kind', async () => {
    assert.equal(await operatorOf(single(conv(), [[4, 8, 3, 3]])), 'Conv 3×3');
    assert.equal(await operatorOf(single(conv({ kernel_shape: [1, 1] }), [[4, 8, 1, 1]])), 'Conv 1×1');
    assert.equal(await operatorOf(single(conv({ group: 8 }), [[8, 1, 3, 3]])), 'Depthwise 3×3');
    assert.equal(await operatorOf(single(conv({ group: 2 }), [[4, 4, 5, 1]])), 'Conv 5×1, 2 groups');
    assert.equal(await operatorOf(single(conv({}, 'ConvTranspose'), [[8, 4, 2, 2]])), 'ConvTranspose 2×2');
    assert.equal(
      await operatorOf(single({ op: 'MaxPool', inputs: ['x'], outputs: ['y'], attributes: { kernel_shape: [2, 2] } })),
      'MaxPool 2×2',
    );
    assert.equal(await operatorOf(single({ op: 'Relu', inputs: ['x'], outputs: ['y'] })), 'Relu');
  });

  it('fall back to the operator where the kernel is not known', async () => {
    assert.equal(await operatorOf(single({ op: 'Conv', inputs: ['x', 'nobody'], outputs: ['y'] })), 'Conv');
  });
});

describe('analysis', () => {
  it('is plain data', async () => {
    const { analysis } = await analyse(single({ op: 'Relu', inputs: ['x'], outputs: ['y'] }));
    assert.deepEqual(structuredClone(analysis), analysis);
  });

  it('names precision, operators and constants by what they take most', async () => {
    const { analysis } = await analyse({
      graph: {
        inputs: [{ name: 'x', dims: [1, 64] }],
        outputs: [{ name: 'y', dims: [1, 64] }],
        nodes: [
          { op: 'DequantizeLinear', inputs: ['w', 's'], outputs: ['d'] },
          { op: 'MatMul', inputs: ['x', 'd'], outputs: ['a'] },
          { op: 'Add', inputs: ['a', 'b'], outputs: ['c'] },
          { op: 'Add', inputs: ['c', 'b'], outputs: ['y'] },
        ],
        initializers: [
          { name: 'w', type: 'INT8', dims: [64, 64], raw: new Uint8Array(4096) },
          { name: 's', type: 'FLOAT', dims: [] },
          { name: 'b', type: 'FLOAT', dims: [64] },
        ],
      },
    });
    assert.equal(analysis.precision, 'int8 + float32');
    assert.deepEqual(analysis.operators[0], { name: 'Add', count: 2 });
    assert.deepEqual(analysis.constants, [
      { dataType: 'INT8', elements: 4096, bytes: 4096 },
      { dataType: 'FLOAT', elements: 65, bytes: 260 },
    ]);
    assert.deepEqual(
      analysis.layers.map(({ precision }) => precision),
      ['int8', 'float32', 'float32', 'float32'],
    );
    assert.deepEqual(
      analysis.layers.map(({ outputShape }) => outputShape),
      [
        [64, 64],
        [1, 64],
        [1, 64],
        [1, 64],
      ],
    );
  });

  it('lists inputs without those that have an initializer, with the bytes they take', async () => {
    const { analysis } = await analyse({
      graph: {
        inputs: [
          { name: 'x', dims: ['n', 4] },
          { name: 'w', dims: [4] },
        ],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
        initializers: [{ name: 'w', type: 'FLOAT', dims: [4] }],
      },
    });
    assert.deepEqual(analysis.model.inputs, [{ name: 'x', dataType: 'FLOAT', shape: ['n', 4], bytes: 16 }]);
    assert.deepEqual(analysis.model.outputs, [{ name: 'y', dataType: 'FLOAT', shape: ['n', 4], bytes: 16 }]);
    assert.deepEqual(
      analysis.bindables.map(({ key }) => key),
      ['n'],
    );
  });

  it('gives figures that depend on an unbound dimension as formulas beside the numbers', async () => {
    const { analysis } = await analyse({
      graph: {
        inputs: [{ name: 'x', dims: ['batch', 1024] }],
        outputs: [{ name: 'z' }],
        initializers: [{ name: 'w', type: 'FLOAT', dims: [1024, 512] }],
        nodes: [
          { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] },
          { op: 'ReduceSum', inputs: ['y'], outputs: ['z'], attributes: { keepdims: 0 } },
        ],
      },
    });
    const [product, sum] = analysis.layers;
    assert.deepEqual([product?.macs, product?.activationBytes, product?.liveBytes], [524_288, 2048, 6144]);
    assert.deepEqual(product?.formulas, {
      macs: { terms: [{ coefficient: 524_288, factors: ['batch'] }] },
      activationBytes: { terms: [{ coefficient: 2048, factors: ['batch'] }] },
      liveBytes: { terms: [{ coefficient: 6144, factors: ['batch'] }] },
    });
    assert.deepEqual(sum?.formulas, {
      liveBytes: {
        terms: [
          { coefficient: 2048, factors: ['batch'] },
          { coefficient: 4, factors: [] },
        ],
      },
    });
  });

  it('joins the remarks of reader, shapes and footprint', async () => {
    const { analysis } = await analyse({
      opsets: { '': 17, custom: 1 },
      graph: {
        inputs: [{ name: 'x', dims: ['n'] }],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'Mystery', domain: 'custom', inputs: ['x', 'nobody'], outputs: ['y'] }],
      },
    });
    const severities = new Set(analysis.diagnostics.map(({ severity }) => severity));
    assert.deepEqual([...severities].sort(), ['error', 'note', 'warning']);
  });
});

describe('layer details', () => {
  it('measure the largest weight', async () => {
    const model = await analyse({
      graph: {
        inputs: [{ name: 'x', dims: [1, 2] }],
        outputs: [{ name: 'y' }],
        nodes: [
          {
            op: 'Gemm',
            name: 'g',
            inputs: ['x', 'w', 'b'],
            outputs: ['y'],
            attributes: { transB: 1, alpha: { float: 0.1 } },
          },
        ],
        initializers: [
          {
            name: 'w',
            type: 'FLOAT',
            dims: [4, 2],
            values: [-1, -1, 0, 1, 1, 3, Number.NaN, Number.POSITIVE_INFINITY],
          },
          { name: 'b', type: 'FLOAT', dims: [4] },
        ],
      },
    });
    const details = await describeLayer(model, model, 0);
    const { histogram, ...numbers } = details.weights ?? { histogram: [] };
    const deviation = Math.sqrt((1.5 ** 2 * 2 + 0.5 ** 2 + 0.5 ** 2 * 2 + 2.5 ** 2) / 6);
    assert.deepEqual(numbers, { name: 'w', elements: 8, minimum: -1, maximum: 3, mean: 0.5, deviation });
    assert.equal(histogram.length, 32);
    assert.deepEqual([histogram[0], histogram[8], histogram[16], histogram[31]], [2, 1, 2, 1]);
    assert.deepEqual(details.attributes, [
      { name: 'transB', text: '1' },
      { name: 'alpha', text: '0.1' },
    ]);
    assert.deepEqual(
      details.inputs.map(({ name, constant, shape }) => [name, constant, shape]),
      [
        ['x', false, [1, 2]],
        ['w', true, [4, 2]],
        ['b', true, [4]],
      ],
    );
    assert.deepEqual(
      details.outputs.map(({ name, shape }) => [name, shape]),
      [['y', [1, 4]]],
    );
  });

  it('find weights in Constant nodes, and cope with constant ones', async () => {
    const model = await analyse({
      graph: {
        inputs: [{ name: 'x', dims: [4] }],
        outputs: [{ name: 'y' }],
        nodes: [
          {
            op: 'Constant',
            inputs: [],
            outputs: ['w'],
            attributes: { value: { tensor: { type: 'INT8', dims: [4], raw: new Uint8Array([255, 255, 255, 255]) } } },
          },
          { op: 'Cast', inputs: ['w'], outputs: ['f'], attributes: { to: 1 } },
          { op: 'Add', inputs: ['x', 'f'], outputs: ['y'] },
        ],
      },
    });
    const { weights } = await describeLayer(model, model, 1);
    assert.deepEqual([weights?.minimum, weights?.maximum, weights?.deviation, weights?.histogram[0]], [-1, -1, 0, 4]);
    assert.equal((await describeLayer(model, model, 2)).weights, undefined);
  });

  it('shorten long attributes and refuse a node that is not there', async () => {
    const model = await analyse(
      single({
        op: 'Foo',
        domain: 'custom',
        inputs: ['x'],
        outputs: ['y'],
        attributes: { many: new Array(100).fill(7), text: 'z'.repeat(500) },
      }),
    );
    const { attributes } = await describeLayer(model, model, 0);
    assert.match(attributes[0]?.text ?? '', /^7, .*… \(100 in all\)$/);
    assert.ok((attributes[1]?.text.length ?? 0) < 250);
    await assert.rejects(describeLayer(model, model, 5), RangeError);
  });
});
