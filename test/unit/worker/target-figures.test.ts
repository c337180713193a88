import assert from 'node:assert/strict';
import type { DataType } from '../../../extension/model/data-type';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { allTargets } from '../../../extension/targets/catalogue';
import { analyseModel } from '../../../extension/worker/analyse';
import { computePrecision } from '../../../extension/worker/compute-precision';
import { startSession } from '../../../extension/worker/model-sessions';
import { targetFigures } from '../../../extension/worker/target-figures';
import { buildModel, type GraphSpec, type NodeSpec } from '../../fixtures/model-builder';

function target(id: string) {
  const found = allTargets().find((one) => one.id === id);
  assert.ok(found, id);
  return found;
}

const scale = { name: 's', type: 'FLOAT', dims: [], values: [0.5] } as const;
const weights = (type: DataType, dims: readonly number[]) => ({
  name: 'w',
  type,
  dims,
  values: Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, index) => index % 7),
});

/** A product of dequantized operands, through a Relu between two pairs of Q and DQ. */
function dequantized(activation: DataType, weight: DataType): GraphSpec {
  const nodes: NodeSpec[] = [
    { op: 'QuantizeLinear', inputs: ['x', 's', 'z'], outputs: ['q'] },
    { op: 'DequantizeLinear', inputs: ['q', 's', 'z'], outputs: ['d'] },
    { op: 'Relu', inputs: ['d'], outputs: ['r'] },
    { op: 'DequantizeLinear', inputs: ['w', 's'], outputs: ['v'] },
    { op: 'MatMul', name: 'product', inputs: ['r', 'v'], outputs: ['y'] },
  ];
  return {
    inputs: [{ name: 'x', dims: [1, 8] }],
    outputs: [{ name: 'y' }],
    nodes,
    initializers: [scale, { name: 'z', type: activation, dims: [], values: [0] }, weights(weight, [8, 4])],
  };
}

function plain(more: readonly NodeSpec[] = []): GraphSpec {
  return {
    inputs: [{ name: 'x', dims: [1, 4, 16, 16] }],
    outputs: [{ name: 'y' }],
    nodes: [{ op: 'Conv', name: 'conv', inputs: ['x', 'w'], outputs: [more.length > 0 ? 'c' : 'y'] }, ...more],
    initializers: [weights('FLOAT', [8, 4, 3, 3])],
  };
}

function session(graph: GraphSpec) {
  const source = new MemoryByteSource(buildModel({ graph }));
  return startSession({ fileName: 'net.onnx', source, close: async () => {} }, []);
}

async function precisionOf(graph: GraphSpec): Promise<string | undefined> {
  return computePrecision(
    await analyseModel({ fileName: 'net.onnx', source: new MemoryByteSource(buildModel({ graph })) }),
  );
}

describe('what a model computes in', () => {
  it('is told by the stored types of activations and weights', async () => {
    assert.equal(await precisionOf(plain()), 'float32');
    assert.equal(await precisionOf(dequantized('INT8', 'INT8')), 'int8');
    assert.equal(await precisionOf(dequantized('UINT8', 'INT8')), 'int8');
    assert.equal(await precisionOf(dequantized('INT16', 'INT8')), 'int16x8');
  });

  it('is not int8 where only the weights are', async () => {
    const graph = dequantized('INT8', 'INT8');
    const nodes = graph.nodes.flatMap((node) =>
      node.op === 'Relu'
        ? [{ ...node, inputs: ['x'] }]
        : node.outputs[0] === 'v' || node.name === 'product'
          ? [node]
          : [],
    );
    assert.equal(await precisionOf({ ...graph, nodes }), 'int8 weights');
  });

  it('names every precision of a mixed model, and none of a model without products', async () => {
    const graph = dequantized('INT8', 'INT8');
    const second: NodeSpec = { op: 'MatMul', name: 'second', inputs: ['x', 'u'], outputs: ['t'] };
    const mixed = {
      ...graph,
      nodes: [...graph.nodes, second],
      outputs: [{ name: 'y' }, { name: 't' }],
      initializers: [...(graph.initializers ?? []), { ...weights('FLOAT', [8, 2]), name: 'u' }],
    };
    assert.equal(await precisionOf(mixed), 'float32 + int8');
    const relu: NodeSpec[] = [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }];
    assert.equal(await precisionOf({ ...plain(), nodes: relu }), undefined);
  });
});

describe('the figures of a model on a target', () => {
  const asInFile = { precision: 'as-in-file', runtime: 'tflm-cmsis-nn-m4' } as const;

  it('hold a latency in the precision that was asked for', async () => {
    const model = await session(plain());
    const own = await targetFigures(model, { ...asInFile, target: target('stm32u585ai') });
    assert.equal(own.latency?.precision, 'float32');
    assert.ok(own.latency && 'missing' in own.latency.figure && own.latency.asInt8);
    const int8 = await targetFigures(model, { ...asInFile, target: target('stm32u585ai'), precision: 'int8' });
    assert.ok(int8.latency && !('missing' in int8.latency.figure));
    assert.equal(int8.latency.figure.middleMs, own.latency.asInt8.middleMs);
    assert.equal(int8.latency.asInt8, undefined);
    assert.deepEqual(
      int8.latency.figure.perLayer.map(({ index, name }) => [index, name]),
      [[0, 'conv']],
    );
  });

  it('hold none without a runtime, and no accelerator where there is none', async () => {
    const model = await session(plain());
    assert.deepEqual(await targetFigures(model, { precision: 'as-in-file', target: target('nrf52840') }), {});
  });

  it('judge a float model as int8 where the accelerator takes integers only, and say so', async () => {
    const model = await session(plain());
    const { accelerator } = await targetFigures(model, { precision: 'as-in-file', target: target('alif_e7') });
    assert.equal(accelerator?.check.outcome, 'all');
    assert.equal(accelerator.check.precision, 'int8');
    assert.equal(accelerator.insteadOf, 'float32');
    assert.ok(accelerator.latency && !('missing' in accelerator.latency));
    const quantized = await session(dequantized('INT8', 'INT8'));
    const own = await targetFigures(quantized, { precision: 'as-in-file', target: target('alif_e7') });
    assert.equal(own.accelerator?.insteadOf, undefined);
    assert.equal(own.accelerator?.check.layers, 2);
  });

  it('give a published latency of an accelerator whose limits are not known, and else nothing', async () => {
    const model = await session(plain());
    const known = await targetFigures(model, { precision: 'int8', target: target('efr32mg24') });
    assert.equal(known.accelerator?.check.outcome, 'unknown');
    assert.ok(known.accelerator.latency && !('missing' in known.accelerator.latency));
    const nothing = await targetFigures(model, { precision: 'int8', target: target('hailo8l') });
    assert.deepEqual([nothing.accelerator?.check.outcome, nothing.accelerator?.latency], ['unknown', undefined]);
  });

  it('give no latency there where products run elsewhere, nor where the model cannot run', async () => {
    const strided = plain([
      { op: 'Conv', name: 'wide', inputs: ['c', 'w2'], outputs: ['y'], attributes: { strides: [9, 9] } },
    ]);
    const graph: GraphSpec = {
      ...strided,
      initializers: [
        ...(strided.initializers ?? []),
        { name: 'w2', type: 'FLOAT', dims: [4, 8, 3, 3], values: Array.from({ length: 288 }, () => 1) },
      ],
    };
    const model = await session(graph);
    const partly = await targetFigures(model, { precision: 'int8', target: target('alif_e7') });
    assert.equal(partly.accelerator?.check.outcome, 'partly');
    assert.deepEqual(partly.accelerator.latency, { missing: 'some of its multiply-accumulates run elsewhere' });
    const none = await targetFigures(model, { precision: 'int8', target: target('max78000') });
    assert.equal(none.accelerator?.check.outcome, 'none');
    assert.equal(none.accelerator.latency, undefined);
  });
});
