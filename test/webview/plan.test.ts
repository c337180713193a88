import assert from 'node:assert/strict';
import type { RuntimeFootprint } from '../../extension/runtimes/measure';
import { loweredLayers, loweringLines } from '../../webview/layers/lowered';
import { tableRows } from '../../webview/layers/rows';
import { arenaTop, liveAt, loweredFrom, memoryPlan, roleAt, stepOfLayer } from '../../webview/memory/plan';
import { ramParts } from '../../webview/memory/ram';
import { spokenName } from '../../webview/modules';
import { activatedNet, footprintOf } from './sample-runtime';
import { analysisOf } from './sample-state';

const analysis = analysisOf(activatedNet());
const footprint = footprintOf(analysis);
const plan = memoryPlan(footprint, analysis.layers);

/** The sample with other buffers. */
function withMemory(change: Partial<RuntimeFootprint['memory']>): RuntimeFootprint {
  return { ...footprint, memory: { ...footprint.memory, ...change } };
}

describe('the plan of an arena', () => {
  it('counts live bytes at every step, and finds the peak with what lives there', () => {
    assert.equal(plan.liveBytes.length, footprint.layers.length + 1);
    assert.equal(plan.liveBytes[0], 3 * 96 * 96 * 4);
    assert.equal(plan.peakStep, 3);
    assert.equal(plan.peakBytes, footprint.memory.lowerBoundBytes);
    assert.deepEqual(
      liveAt(plan, 3).map((tensor) => [tensor.bytes, roleAt(tensor, 3)]),
      [
        [147_456, 'output'],
        [73_728, 'input'],
      ],
    );
    assert.equal(plan.layerAt[3]?.name, '/features/block_1/pointwise/Conv');
  });

  it('counts a buffer written over its input once', () => {
    const pair = withMemory({
      inPlace: [{ input: 0, output: 1 }],
      alignment: 16,
      tensors: [
        { name: 'a', bytes: 60, offset: 0, first: 0, last: 1, from: [], role: 'activation' },
        { name: 'b', bytes: 64, offset: 0, first: 1, last: 2, from: [0], role: 'activation' },
      ],
    });
    assert.deepEqual(memoryPlan(pair, analysis.layers).liveBytes.slice(0, 4), [64, 64, 64, 0]);
    const apart = { ...pair, memory: { ...pair.memory, inPlace: [] } };
    assert.deepEqual(memoryPlan(apart, analysis.layers).liveBytes.slice(0, 4), [64, 128, 64, 0]);
  });

  it('finds the hole below the buffer on top', () => {
    const top = arenaTop(plan);
    assert.equal(top?.tensor.name, '/stem/conv/Relu_output_0');
    assert.equal(top?.holeBytes, 36_864);
    assert.equal(top?.below?.name, 'input_1');
    assert.equal(top?.above?.name, '/features/block_1/depthwise/Relu_output_0');
    assert.equal(arenaTop(memoryPlan(withMemory({ tensors: [] }), analysis.layers)), undefined);
  });

  it('leads from a fused or folded node to the step it runs in', () => {
    const relu = analysis.layers.find(({ name }) => name === '/stem/conv/Relu');
    assert.equal(stepOfLayer(plan, relu), 1);
    const without = memoryPlan({ ...footprint, layers: footprint.layers.slice(1) }, analysis.layers);
    assert.equal(stepOfLayer(without, relu), undefined);
    assert.ok(relu);
    const [line] = loweringLines({ ...footprint, layers: [] }, without, relu, analysis.layers);
    assert.deepEqual(line?.slice(0, 2), ['Runs as', 'nothing']);
  });

  it('gives parts of RAM that add up to what must be reserved', () => {
    const sum = (one: RuntimeFootprint): number => ramParts(one).reduce((total, { bytes }) => total + bytes, 0);
    assert.equal(sum(footprint), footprint.memory.minimumArenaBytes);
    const loading = withMemory({ minimumArenaBytes: footprint.memory.usedBytes + 640 });
    assert.equal(sum(loading), loading.memory.minimumArenaBytes);
    assert.equal(ramParts(loading).find(({ name }) => name === 'while loading')?.bytes, 640);
    const aligned = withMemory({ minimumArenaBytes: footprint.memory.usedBytes + 12 });
    assert.equal(sum(aligned), aligned.memory.minimumArenaBytes);
    assert.equal(ramParts(aligned).find(({ name }) => name === 'while loading')?.bytes, 0);
    const bound = withMemory({
      minimumArenaBytes: footprint.memory.lowerBoundBytes + footprint.memory.persistentBytes,
    });
    assert.equal(ramParts(bound)[0]?.bytes, footprint.memory.lowerBoundBytes);
    const buffers = withMemory({ inputOutputBytes: 300, minimumArenaBytes: footprint.memory.usedBytes + 300 });
    assert.equal(sum(buffers), buffers.memory.minimumArenaBytes);
    assert.equal(ramParts(buffers, 1024).at(-1)?.bytes, 1024);
  });

  it('reads a plan of a hundred thousand buffers, without a layer for any', () => {
    const count = 100_000;
    const tensors = Array.from({ length: count }, (_, step) => ({
      name: `t${step}`,
      bytes: 16,
      offset: (step % 2) * 16,
      first: step,
      last: step + 1,
      from: [step],
      role: 'activation' as const,
    }));
    const long = memoryPlan(withMemory({ tensors }), []);
    assert.equal(long.liveBytes.length, count + 1);
    assert.equal(long.peakBytes, 32);
  });
});

describe('lowered layers', () => {
  const lowered = loweredLayers(footprint, plan, analysis.layers);
  const rowsOf = (filter: string, open: readonly string[]) =>
    tableRows(lowered, {
      filter,
      sorting: undefined,
      grouped: false,
      closedGroups: new Set(),
      lowered: { nodesOf: (layer) => lowered.find((one) => one === layer)?.nodes ?? [], open: new Set(open) },
    });

  it('count the costs of every node once', () => {
    assert.equal(lowered.length, 29);
    const sum = (value: (layer: (typeof lowered)[number]) => number): number =>
      lowered.reduce((total, layer) => total + value(layer), 0);
    assert.equal(
      sum(({ parameters }) => parameters),
      analysis.totals.parameters,
    );
    assert.equal(
      sum(({ macs }) => macs ?? 0),
      analysis.totals.macs,
    );
    assert.equal(lowered[0]?.operator, 'Conv2D + Relu');
    assert.deepEqual(
      lowered[0]?.nodes.map(({ opType }) => opType),
      ['Conv', 'Relu'],
    );
  });

  it('count a node that became two operators at the one that holds its weights', () => {
    const [first] = footprint.layers;
    assert.ok(first);
    const padded = { ...first, kind: 'Pad', weightBytes: 0, biasBytes: 0, from: [0] };
    const split = { ...footprint, layers: [padded, ...footprint.layers] };
    const rows = loweredLayers(split, memoryPlan(split, analysis.layers), analysis.layers);
    assert.equal(rows[0]?.parameters, 0);
    assert.equal(rows[1]?.parameters, 224);
  });

  it('show the nodes of an open operator below it, and are found by the names of their nodes', () => {
    const [first] = lowered;
    assert.ok(first);
    assert.equal(rowsOf('', []).length, 29);
    const open = rowsOf('', [first.outputs[0] ?? '']);
    assert.equal(open.length, 31);
    assert.deepEqual(
      open.slice(1, 3).map((row) => row.kind === 'layer' && row.node && row.label),
      ['/stem/conv/Conv', '/stem/conv/Relu'],
    );
    assert.equal(rowsOf('stem/conv/relu', []).length, 1);
  });

  it('speak of a layer by the end of a long name', () => {
    assert.equal(spokenName('/stem/Conv'), '/stem/Conv');
    assert.equal(
      spokenName('model/activation/Relu;model/conv2d/BiasAdd;model/conv2d_1/Conv2D'),
      'model/conv2d_1/Conv2D',
    );
    assert.equal(spokenName('x'.repeat(80)).length, 56);
  });

  it('name what they were lowered from', () => {
    const layer = (index: number, opType: string) => {
      const [one] = analysis.layers;
      assert.ok(one);
      return [index, { ...one, index, opType }] as const;
    };
    const nodes = new Map([
      layer(0, 'DequantizeLinear'),
      layer(1, 'Conv'),
      layer(2, 'Relu'),
      layer(3, 'QuantizeLinear'),
    ]);
    assert.equal(loweredFrom([1, 2], nodes), 'Conv + Relu');
    assert.equal(loweredFrom([0, 1, 2, 3], nodes), 'Conv + Relu + 2 conversions');
    assert.equal(loweredFrom([3], nodes), 'QuantizeLinear');
  });
});
