import { strict as assert } from 'node:assert';
import { compareModels } from '../../../extension/inference/compare-models';
import { equalizeLayers } from '../../../extension/quantize/preparation/equalize';
import { prepare } from '../../../extension/quantize/preparation/prepare';
import { readValues } from '../../../extension/quantize/tensor-values';
import { buildModel, fillValues, type NodeSpec } from '../../fixtures/model-builder';
import { engine, open } from './upgraded-model';

/** Largest magnitudes of a weight's output channels. */
function ranges(values: Float64Array, channels: number): number[] {
  const run = values.length / channels;
  return Array.from({ length: channels }, (_, channel) =>
    Math.max(...values.subarray(channel * run, (channel + 1) * run).map(Math.abs)),
  );
}

function network(between: string, nodes: readonly NodeSpec[] = []): Uint8Array {
  const uneven = (count: number) =>
    fillValues(count).map((value, index) => (value || 0.01) * 10 ** (Math.floor((8 * index) / count) % 5));
  return buildModel({
    opset: 17,
    graph: {
      inputs: [{ name: 'x', dims: [1, 3, 6, 6] }],
      outputs: [{ name: 'y' }, ...nodes.flatMap(({ outputs }) => outputs.map((name) => ({ name })))],
      nodes: [
        { op: 'Conv', inputs: ['x', 'w1', 'b1'], outputs: ['c1'] },
        { op: between, inputs: ['c1'], outputs: ['r1'] },
        { op: 'Conv', inputs: ['r1', 'w2'], outputs: ['c2'], attributes: { group: 8 } },
        { op: 'Conv', inputs: ['c2', 'w3', 'b3'], outputs: ['y'] },
        ...nodes,
      ],
      initializers: [
        { name: 'w1', type: 'FLOAT', dims: [8, 3, 3, 3], values: uneven(216) },
        { name: 'b1', type: 'FLOAT', dims: [8] },
        { name: 'w2', type: 'FLOAT', dims: [8, 1, 3, 3], values: fillValues(72).map((value) => value || 0.01) },
        { name: 'w3', type: 'FLOAT', dims: [5, 8, 1, 1], values: fillValues(40).map((value) => value || 0.01) },
        { name: 'b3', type: 'FLOAT', dims: [5] },
      ],
    },
  });
}

describe('equalizeLayers', () => {
  it('makes the ranges of channels alike, and keeps the outputs', async () => {
    const source = await open(network('Relu'));
    const prepared = await prepare(source, { more: [equalizeLayers()] });
    assert.deepEqual(
      prepared.passes.map(({ pass, changes }) => [pass, changes.length]),
      [['cross-layer equalization', 2]],
    );
    const [step] = prepared.steps;
    assert.ok(step);
    const compared = await compareModels(source.bytes.source, step.file, { engine });
    assert.ok(compared.compared && compared.equal, JSON.stringify(compared));
    const spread = async ({ model, bytes }: typeof source) => {
      const tensor = model.graph.constants.get('w1');
      assert.ok(tensor);
      const each = ranges(await readValues(tensor, bytes), 8);
      return Math.max(...each) / Math.min(...each);
    };
    assert.ok((await spread(source)) > 1000);
    assert.ok((await spread(prepared.source)) < 150);
  });

  it('leaves alone what another node takes, and what does not keep proportions', async () => {
    const shared = await prepare(await open(network('Relu', [{ op: 'Neg', inputs: ['c1'], outputs: ['z'] }])), {
      more: [equalizeLayers()],
    });
    assert.deepEqual(
      shared.passes.map(({ changes }) => changes.length),
      [1],
    );
    const curved = await prepare(await open(network('Sigmoid')), { more: [equalizeLayers()] });
    assert.deepEqual(
      curved.passes.map(({ changes }) => changes.length),
      [1],
    );
    const unasked = await prepare(await open(network('Relu')));
    assert.deepEqual(unasked.passes, []);
  });
});
