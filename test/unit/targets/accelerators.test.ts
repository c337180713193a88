import assert from 'node:assert/strict';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { readModel } from '../../../extension/onnx/read-model';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import { type AcceleratorLayer, acceleratorLayers } from '../../../extension/targets/accelerator-layers';
import { acceleratorRules } from '../../../extension/targets/accelerator-rules';
import { checkAccelerator } from '../../../extension/targets/accelerators';
import { allTargets } from '../../../extension/targets/catalogue';
import { buildModel, type GraphSpec, type NodeSpec } from '../../fixtures/model-builder';

function check(layers: readonly AcceleratorLayer[], id: string, precision = 'int8') {
  const target = allTargets().find((one) => one.id === id);
  assert.ok(target, id);
  const result = checkAccelerator(layers, target, precision);
  assert.ok(result, id);
  return result;
}

const conv: AcceleratorLayer = {
  name: 'conv',
  opType: 'Conv',
  inputShape: [1, 16, 32, 32],
  outputShape: [1, 32, 32, 32],
  window: { kernel: [3, 3], strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], groups: 1 },
  weights: 4608,
};
const withWindow = (change: Partial<NonNullable<AcceleratorLayer['window']>>): AcceleratorLayer => ({
  ...conv,
  ...(conv.window && { window: { ...conv.window, ...change } }),
});
const depthwise = { ...withWindow({ groups: 16 }), name: 'depthwise', outputShape: [1, 16, 32, 32] };
const dense = (inputs: number, outputs: number): AcceleratorLayer => ({
  name: 'dense',
  opType: 'Gemm',
  inputShape: [1, inputs],
  outputShape: [1, outputs],
  weights: inputs * outputs,
});
const plain = (opType: string): AcceleratorLayer => ({ name: opType, opType });

async function layersOf(graph: GraphSpec): Promise<readonly AcceleratorLayer[]> {
  const model = await readModel(new MemoryByteSource(buildModel({ graph })), { fileName: 'test.onnx' });
  return acceleratorLayers(
    inferShapes(model),
    graph.nodes.map(({ name = '' }, index) => ({ index, name })),
  );
}

describe('accelerators', () => {
  it('have nothing to say about a target without one', () => {
    assert.equal(checkAccelerator([conv], {}, 'int8'), undefined);
  });

  it('say that their limits are not known rather than guess', () => {
    const result = check([conv, plain('NoSuchOperator')], 'hailo8l');
    assert.equal(result.outcome, 'unknown');
    assert.deepEqual(result.problems, []);
    assert.match(result.notChecked.join(), /Hailo-8L/);
  });

  it('of the catalogue match one set of rules each where rules are known, with a source', () => {
    for (const { pattern, source } of acceleratorRules) {
      assert.ok(source.length > 0);
      const matching = allTargets().filter(({ accelerator }) => accelerator !== undefined && pattern.test(accelerator));
      assert.ok(matching.length > 0, String(pattern));
    }
  });

  it('take what they are made for', () => {
    const network = [conv, plain('Relu'), withWindow({ kernel: [1, 1], pads: [0, 0, 0, 0] }), dense(64, 12)];
    for (const id of [
      'max78000',
      'max78002',
      'coral_edgetpu',
      'alif_e7',
      'imx93',
      'k210',
      'stm32n657x0',
      'nrf54lm20b',
      'f28p55x',
      'gap9',
    ]) {
      const { outcome, problems } = check(network, id);
      assert.deepEqual([id, outcome, problems], [id, 'all', []]);
    }
  });

  it('leave out conversions and folded layers', () => {
    const { outcome } = check(
      [plain('QuantizeLinear'), plain('DequantizeLinear'), conv, plain('BatchNormalization')],
      'max78000',
    );
    assert.equal(outcome, 'all');
  });

  it('name the layer and the reason', () => {
    assert.deepEqual(check([conv, depthwise], 'max78000').problems, [
      { layer: 'depthwise', reason: 'depthwise; it takes no groups' },
    ]);
    assert.equal(check([conv, depthwise], 'max78000').outcome, 'none');
    assert.equal(check([conv, depthwise], 'max78002').outcome, 'all');
  });

  it('refuse kernels, strides, dilation and channels beyond their limits', () => {
    const reason = (layer: AcceleratorLayer, id: string) => check([layer], id).problems[0]?.reason ?? '';
    assert.match(reason(withWindow({ kernel: [5, 5] }), 'max78000'), /kernel 5×5/);
    assert.match(reason(withWindow({ strides: [2, 2] }), 'max78000'), /stride 2×2/);
    assert.match(reason(withWindow({ dilations: [2, 2] }), 'max78000'), /dilation 2×2/);
    assert.equal(reason(withWindow({ dilations: [2, 2] }), 'max78002'), '');
    assert.match(reason({ ...conv, inputShape: [1, 2000, 8, 8] }, 'max78000'), /input channels 2000; at most 1024/);
    assert.match(reason({ ...conv, inputShape: [1, 16, 1200, 8] }, 'max78000'), /rows or columns 1200/);
    assert.match(reason(withWindow({ kernel: [80, 1] }), 'alif_e7'), /kernel height, dilated, 80; at most 64/);
    assert.match(reason(withWindow({ strides: [5, 5] }), 'alif_e7'), /stride 5×5; it takes a height of at most 3/);
    assert.match(reason({ ...conv, inputShape: [2, 16, 32, 32] }, 'alif_e7'), /batch 2/);
    assert.match(reason(withWindow({ kernel: [5, 5] }), 'k210'), /kernel 5×5/);
    assert.match(reason({ ...conv, inputShape: [1, 3, 480, 640] }, 'k210'), /feature map of 480×640/);
    assert.match(
      reason({ ...conv, inputShape: [1, 64, 240, 320], outputShape: [1, 8, 240, 320] }, 'k210'),
      /memory for feature maps/,
    );
    assert.match(reason(dense(4096, 10), 'nrf54lm20b'), /inputs 4096; at most 2048/);
    assert.match(
      reason({ ...conv, outputShape: [1, 30, 32, 32] }, 'f28p55x'),
      /30 output channels; it takes multiples of 4/,
    );
    assert.match(reason(dense(8, 4), 'f28p55x'), /8 inputs; at least 16/);
    assert.match(reason(withWindow({ kernel: [5, 5] }), 'gap9'), /kernel 5×5/);
    assert.match(reason({ ...conv, outputShape: [1, 2, 32, 32, 4] }, 'coral_edgetpu'), /innermost three/);
  });

  it('hand single layers to the core where there is a fallback', () => {
    const result = check([conv, plain('LSTM')], 'stm32n657x0');
    assert.equal(result.outcome, 'partly');
    assert.deepEqual(result.problems, [{ layer: 'LSTM', reason: 'it does not take LSTM' }]);
    assert.match(result.fallback ?? '', /Cortex-M55/);
    assert.equal(check([plain('LSTM')], 'stm32n657x0').outcome, 'none');
  });

  it('refuse a precision as a whole', () => {
    const result = check([conv], 'alif_e7', 'float32');
    assert.equal(result.outcome, 'none');
    assert.deepEqual(result.problems, [{ layer: '', reason: 'float32; it takes int8, int16x8' }]);
  });

  it('count layers: 32 convolutions on MAX78000, pooling not counted', () => {
    const layers = Array.from({ length: 32 }, () => [conv, plain('Relu')]).flat();
    assert.equal(check(layers, 'max78000').outcome, 'all');
    assert.match(check([...layers, conv], 'max78000').problems[0]?.reason ?? '', /33 layers; at most 32/);
  });

  it('hold weights against the memory for them, by precision', () => {
    const large = { ...conv, weights: 600_000 };
    const int8 = check([large], 'max78000');
    assert.deepEqual(int8.weightMemory, {
      bytes: 600_000,
      limit: 442_368,
      label: 'weight memory of the accelerator',
      beyond: 'cannot run',
      fits: false,
      kind: 'lower bound',
    });
    assert.equal(int8.outcome, 'none');
    assert.equal(check([large], 'max78000', 'int4').weightMemory?.bytes, 300_000);
    assert.equal(check([large], 'max78000', 'int4').outcome, 'all');
    const edge = check([{ ...conv, weights: 9_000_000 }], 'coral_edgetpu');
    assert.deepEqual([edge.outcome, edge.weightMemory?.fits, edge.weightMemory?.beyond], ['all', false, 'slower']);
  });

  it('judge rows of the layer table by operator and kernel alone', () => {
    const row = { name: 'row', opType: 'Conv', operator: 'Conv 5×5', outputShape: [1, 8, 'height', null] };
    assert.match(check([row], 'max78000').problems[0]?.reason ?? '', /kernel 5×5/);
    assert.equal(check([{ ...row, operator: 'Conv 3×3' }], 'max78000').outcome, 'all');
    assert.match(check([{ ...row, operator: 'Depthwise 3×3' }], 'max78000').problems[0]?.reason ?? '', /depthwise/);
    assert.equal(check([row], 'max78000').weightMemory, undefined);
  });

  it('count layers and multiply-accumulates, and those that it leaves to the core', () => {
    const rest = { ...plain('LSTM'), index: 3, macs: 250 };
    const { layers, macs, refusedMacs, problems, precision } = check(
      [{ ...conv, macs: 750 }, plain('DequantizeLinear'), rest],
      'stm32n657x0',
    );
    assert.deepEqual([layers, macs, refusedMacs, precision], [2, 1000, 250, 'int8']);
    assert.deepEqual(problems, [{ layer: 'LSTM', index: 3, reason: 'it does not take LSTM' }]);
  });

  it('take kernels of one axis dilated up to their limit on MAX78000, which images must not be', () => {
    const signal = withWindow({ kernel: [3], strides: [1], dilations: [8], pads: [0, 0] });
    assert.equal(check([signal], 'max78000').outcome, 'all');
    assert.equal(check([withWindow({ dilations: [8, 8] })], 'max78000').outcome, 'none');
  });

  it('do not ask for the stride of a pool that is placed once', () => {
    const pool: AcceleratorLayer = {
      name: 'pool',
      opType: 'AveragePool',
      inputShape: [1, 64, 25, 5],
      outputShape: [1, 64, 1, 1],
      window: { kernel: [25, 5], strides: [25, 5], dilations: [1, 1], pads: [0, 0, 0, 0], groups: 1 },
    };
    assert.equal(check([pool], 'alif_e7').outcome, 'all');
    assert.match(
      check([{ ...pool, outputShape: [1, 64, 2, 1] }], 'alif_e7').problems[0]?.reason ?? '',
      /stride 25×5; it takes a height of at most 3/,
    );
  });

  it('take more on Ethos-U85 than on Ethos-U55', () => {
    const gather = plain('Gather');
    assert.equal(check([conv, gather], 'alif_e8').outcome, 'all');
    assert.equal(check([conv, gather], 'alif_e7').outcome, 'partly');
  });

  it('take a mean over height and width as a global pool on Neural-ART, and no other mean', () => {
    const mean = { ...plain('ReduceMean'), inputShape: [1, 64, 7, 7], outputShape: [1, 64, 1, 1] };
    assert.equal(check([conv, mean], 'stm32n657x0').outcome, 'all');
    assert.equal(check([conv, { ...mean, outputShape: [1, 1, 7, 7] }], 'stm32n657x0').outcome, 'partly');
  });

  it('leave out transpositions between channels first and last', async () => {
    const transpose = (name: string, perm: readonly number[], input: string, output: string): NodeSpec => ({
      op: 'Transpose',
      name,
      inputs: [input],
      outputs: [output],
      attributes: { perm },
    });
    const layers = await layersOf({
      inputs: [{ name: 'x', dims: [1, 4, 8, 6] }],
      outputs: [{ name: 'z' }],
      nodes: [transpose('layout', [0, 2, 3, 1], 'x', 'y'), transpose('moves', [0, 2, 1, 3], 'y', 'z')],
    });
    assert.deepEqual(
      layers.map(({ name }) => name),
      ['moves'],
    );
  });

  it('leave out what depends on constants only', async () => {
    const layers = await layersOf({
      inputs: [{ name: 'x', dims: [1, 4] }],
      outputs: [{ name: 'z' }],
      nodes: [
        { op: 'Neg', name: 'folded', inputs: ['w'], outputs: ['v'] },
        { op: 'Gemm', name: 'kept', inputs: ['x', 'v'], outputs: ['z'] },
      ],
      initializers: [{ name: 'w', type: 'FLOAT', dims: [4, 2], values: Array.from({ length: 8 }, () => 1) }],
    });
    assert.deepEqual(
      layers.map(({ name }) => name),
      ['kept'],
    );
  });

  it('read windows, sizes and weights from a model', async () => {
    const nodes: NodeSpec[] = [
      {
        op: 'Conv',
        name: 'first',
        inputs: ['x', 'w'],
        outputs: ['y'],
        attributes: { strides: [2, 2], pads: [1, 1, 1, 1], group: 4 },
      },
      { op: 'MatMul', name: 'second', inputs: ['y', 'y'], outputs: ['z'] },
    ];
    const [first, second] = await layersOf({
      inputs: [{ name: 'x', dims: ['batch', 4, 8, 8] }],
      outputs: [{ name: 'z' }],
      nodes,
      initializers: [{ name: 'w', type: 'FLOAT', dims: [4, 1, 3, 3], values: Array.from({ length: 36 }, () => 1) }],
    });
    assert.deepEqual(first, {
      index: 0,
      name: 'first',
      opType: 'Conv',
      inputShape: [1, 4, 8, 8],
      outputShape: [1, 4, 4, 4],
      window: { kernel: [3, 3], strides: [2, 2], dilations: [1, 1], pads: [1, 1, 1, 1], groups: 4 },
      weights: 36,
    });
    assert.deepEqual([second?.computedWeights, second?.weights], [true, undefined]);
    assert.match(check(second ? [second] : [], 'alif_e7').problems[0]?.reason ?? '', /weights are computed/);
  });
});
