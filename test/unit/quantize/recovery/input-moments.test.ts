import { strict as assert } from 'node:assert';
import { syntheticSamples } from '../../../../extension/quantize/calibration-data/synthetic-samples';
import { InputMomentSource, mostInputs } from '../../../../extension/quantize/recovery/input-moments';
import { linearLayers } from '../../../../extension/quantize/recovery/linear-layers';
import { buildModel } from '../../../fixtures/model-builder';
import { engine, open } from '../upgraded-model';

describe('InputMomentSource', () => {
  it('sums up the products of what layers take, and leaves layers with too many inputs', async () => {
    const wide = mostInputs + 1;
    const { model, bytes } = await open(
      buildModel({
        opset: 17,
        graph: {
          inputs: [{ name: 'x', dims: [2, 3] }],
          outputs: [{ name: 'y' }],
          nodes: [
            { op: 'MatMul', inputs: ['x', 'a'], outputs: ['h'] },
            { op: 'Relu', inputs: ['h'], outputs: ['r'] },
            { op: 'MatMul', inputs: ['r', 'b'], outputs: ['w'] },
            { op: 'MatMul', inputs: ['w', 'c'], outputs: ['y'] },
          ],
          initializers: [
            { name: 'a', type: 'FLOAT', dims: [3, 2], values: [1, -1, 2, 0.5, -3, 1] },
            { name: 'b', type: 'FLOAT', dims: [2, wide], values: new Array(2 * wide).fill(1) },
            { name: 'c', type: 'FLOAT', dims: [wide, 1], values: new Array(wide).fill(1) },
          ],
        },
      }),
    );
    const runnable = { bytes: await bytes.source.read(0, bytes.source.size) };
    const session = await engine.open(runnable.bytes, { extraOutputs: ['r'] });
    const samples = syntheticSamples(session.inputs, { seed: 3, sizes: () => undefined });
    const moments = new InputMomentSource(runnable, linearLayers(model), { engine, samples });
    assert.deepEqual(
      moments.tooLarge.map(({ weightName }) => weightName),
      ['c'],
    );
    for (const [weight, input, size] of [
      ['a', 'x', 3],
      ['b', 'r', 2],
    ] as const) {
      const expected = new Float64Array(size * size);
      let rows = 0;
      for await (const sample of samples.samples()) {
        const tensor = sample.feeds.get(input) ?? (await session.run(sample.feeds)).get(input);
        assert.ok(tensor);
        const values = new Float32Array(tensor.data.slice().buffer);
        for (let start = 0; start < values.length; start += size) {
          rows++;
          for (let i = 0; i < size * size; i++) {
            const product = (values[start + Math.floor(i / size)] ?? 0) * (values[start + (i % size)] ?? 0);
            expected[i] = (expected[i] ?? 0) + product;
          }
        }
      }
      const found = await moments.of(weight);
      assert.equal(found?.rows, rows);
      assert.deepEqual(found.grams, [expected]);
    }
    assert.equal(await moments.of('c'), undefined);
    assert.equal(await moments.of('nothing'), undefined);
    await session.release();
  });
});
