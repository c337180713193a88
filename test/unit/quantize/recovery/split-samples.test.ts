import { strict as assert } from 'node:assert';
import type { SampleSource } from '../../../../extension/quantize/calibration-data/samples';
import { multiplications } from '../../../../extension/quantize/recovery/linear-layers';
import { splitSamples } from '../../../../extension/quantize/recovery/split-samples';
import { buildModel } from '../../../fixtures/model-builder';
import { open } from '../upgraded-model';

function numbered(count: number): SampleSource {
  return {
    synthetic: false,
    total: count,
    async *samples() {
      for (let index = 0; index < count; index++) {
        yield { name: String(index), feeds: new Map(), count: 1, labels: new Map() };
      }
    },
  };
}

async function names(source: SampleSource): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of source.samples()) found.push(Number(name));
  return found;
}

describe('splitSamples', () => {
  it('takes different samples to fit and to judge, the same each time, and all of them for both where they are few', async () => {
    const { fit, judge, apart } = await splitSamples(numbered(16), 1);
    assert.equal(apart, true);
    assert.deepEqual(await names(fit), [0, 2, 4, 6, 8, 10, 12, 14]);
    assert.deepEqual(await names(judge), [1, 3, 5, 7, 9, 11, 13, 15]);
    assert.deepEqual(await names(judge), await names(judge));
    const few = await splitSamples(numbered(15), 1);
    assert.deepEqual([few.apart, (await names(few.fit)).length, (await names(few.judge)).length], [false, 15, 15]);
  });

  it('takes fewer samples of larger models', async () => {
    const sizes = async (work: number) => {
      const { fit, judge } = await splitSamples(numbered(1000), work);
      return [(await names(fit)).length, (await names(judge)).length];
    };
    assert.deepEqual(await sizes(1), [64, 32]);
    assert.deepEqual(await sizes(2 ** 28), [32, 16]);
    assert.deepEqual(await sizes(2 ** 40), [8, 8]);
  });
});

describe('multiplications', () => {
  it('counts those of linear layers for one sample where the batch is open', async () => {
    const source = await open(
      buildModel({
        opset: 17,
        graph: {
          inputs: [{ name: 'x', dims: ['batch', 2, 5, 5] }],
          outputs: [{ name: 'y' }],
          nodes: [
            { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'] },
            { op: 'Flatten', inputs: ['c'], outputs: ['f'] },
            { op: 'Gemm', inputs: ['f', 'g'], outputs: ['y'] },
          ],
          initializers: [
            { name: 'w', type: 'FLOAT', dims: [4, 2, 3, 3] },
            { name: 'g', type: 'FLOAT', dims: [36, 7] },
          ],
        },
      }),
    );
    assert.equal(multiplications(source), 1 + 4 * 9 * 18 + 36 * 7);
  });
});
