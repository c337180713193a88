import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { fitterFor } from '../../../../extension/quantize/recovery/fitters';
import { halfQuadraticScales } from '../../../../extension/quantize/recovery/hqq';
import { clippedScales } from '../../../../extension/quantize/recovery/mse-clip';
import type { Grouping } from '../../../../extension/quantize/weights/grouping';
import { symmetricFormat, ternaryFormat } from '../../../../extension/quantize/weights/integer-format';
import { QuantizedTensor } from '../../../../extension/quantize/weights/quantized-tensor';
import type { FittedWeight, WeightToFit } from '../../../../extension/quantize/weights/weight-fitter';
import { buildModel } from '../../../fixtures/model-builder';
import { open } from '../upgraded-model';

/** The numbers that the numpy reference of the expected scales was given. */
const wave = Array.from(
  { length: 48 },
  (_, index) =>
    Math.sin(index * 1.7) * 0.4 + Math.sin(index * 0.37) * 0.1 + (index % 11 === 0 ? 0.5 * Math.cos(index) : 0),
);

async function weightOf(values: readonly number[], dims: readonly number[]) {
  const source = await open(
    buildModel({
      graph: {
        inputs: [{ name: 'x', dims: [1] }],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
        initializers: [{ name: 'w', type: 'FLOAT', dims, values }],
      },
    }),
  );
  const tensor = source.model.graph.constants.get('w');
  assert.ok(tensor);
  return { tensor, bytes: source.bytes };
}

async function fitted(
  values: readonly number[],
  largest: number,
  choose?: (weight: WeightToFit) => Promise<FittedWeight | undefined>,
  { dims = [values.length], grouping = { kind: 'tensor' } as Grouping } = {},
) {
  const { tensor, bytes } = await weightOf(values, dims);
  const fitter = choose && { by: { fit: choose }, name: 'w' };
  const content = new QuantizedTensor(tensor, bytes, grouping, symmetricFormat('INT8', largest, 8), { fitter });
  const { scales } = await content.parameters();
  return { scales: [...scales], noise: (await content.measure()).noise };
}

const clipped = async (weight: WeightToFit) => {
  const parameters = await clippedScales(weight);
  return parameters && { parameters };
};
const halfQuadratic = async (weight: WeightToFit) => {
  const parameters = await halfQuadraticScales(weight);
  return parameters && { parameters };
};

describe('mse-clip', () => {
  it('finds the scales of a numpy reference', async () => {
    for (const [largest, scale, noise] of [
      [127, 0.0041066776, 7.793045450532241e-5],
      [7, 0.07032648, 0.019517150754872842],
      [1, 0.3390672, 0.46549005276966215],
    ] as const) {
      const found = await fitted(wave, largest, clipped);
      assert.ok(Math.abs((found.scales[0] ?? 0) / scale - 1) < 1e-6, `${found.scales[0]}`);
      assert.ok(Math.abs(found.noise / noise - 1) < 1e-4, `${found.noise}`);
    }
  });

  it('has no larger error than the largest magnitude, in no group of any grouping', async () => {
    const groupings: readonly Grouping[] = [
      { kind: 'tensor' },
      { kind: 'axis', axis: 0 },
      { kind: 'axis', axis: 1 },
      { kind: 'blocks', axis: 0, size: 2 },
    ];
    const numbers = fc.array(fc.float({ noNaN: true, min: -8, max: 8 }), { minLength: 12, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        numbers,
        fc.constantFrom(...groupings),
        fc.constantFrom(1, 7, 127),
        async (values, grouping, largest) => {
          const shape = { dims: [4, 3], grouping };
          const plain = await fitted(values, largest, undefined, shape);
          const found = await fitted(values, largest, clipped, shape);
          assert.equal(found.scales.length, plain.scales.length);
          assert.ok(found.noise <= plain.noise * (1 + 1e-6) + 1e-9, `${found.noise} > ${plain.noise}`);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('takes zeros, one value, NaN and infinity', async () => {
    assert.deepEqual((await fitted([0, 0], 7, clipped)).scales, [1]);
    assert.equal((await fitted([-3], 7, clipped)).noise < 1e-12, true);
    const odd = await fitted([Number.NaN, Number.POSITIVE_INFINITY, 1, -2], 7, clipped);
    assert.ok(Number.isFinite(odd.scales[0]));
  });
});

describe('hqq', () => {
  it('finds the scales of a numpy reference', async () => {
    for (const [largest, scale] of [
      [7, 0.07031848281621933],
      [1, 0.3241127133369446],
    ] as const) {
      const { scales } = await fitted(wave, largest, halfQuadratic);
      assert.ok(Math.abs((scales[0] ?? 0) / scale - 1) < 1e-6, `${scales[0]}`);
    }
  });

  it('does not depend on the magnitude of the weight, and takes zeros', async () => {
    const { scales } = await fitted(wave, 7, halfQuadratic);
    const larger = await fitted(
      wave.map((value) => value * 1024),
      7,
      halfQuadratic,
    );
    assert.deepEqual(
      larger.scales,
      scales.map((scale) => scale * 1024),
    );
    assert.deepEqual((await fitted([0, 0], 1, halfQuadratic)).scales, [1]);
  });
});

describe('fitterFor', () => {
  it('fits a weight once, and leaves formats with rules of their own', async () => {
    let roundings = 0;
    const fitter = fitterFor(['mse-clip'], {
      rounding: async ({ tensor }) => {
        roundings++;
        return new Int8Array(tensor.elementCount).fill(3);
      },
    });
    assert.ok(fitter);
    const { tensor, bytes } = await weightOf(wave, [48]);
    for (let time = 0; time < 2; time++) {
      const content = new QuantizedTensor(tensor, bytes, { kind: 'tensor' }, symmetricFormat('INT8', 7, 4), {
        fitter: { by: fitter, name: 'w' },
      });
      const pieces: Uint8Array[] = [];
      for await (const piece of content.elements('q').produce()) pieces.push(piece);
      assert.deepEqual(Buffer.concat(pieces), Buffer.alloc(48, 3));
    }
    assert.equal(roundings, 1);
    const ternary = new QuantizedTensor(tensor, bytes, { kind: 'tensor' }, ternaryFormat, {
      fitter: { by: fitter, name: 'w' },
    });
    const plain = new QuantizedTensor(tensor, bytes, { kind: 'tensor' }, ternaryFormat);
    assert.deepEqual(await ternary.parameters(), await plain.parameters());
    assert.equal(fitterFor(['cle']), undefined);
  });

  it('leaves codes aside where a scale is raised', async () => {
    const { tensor, bytes } = await weightOf([1, -1, 0.5, 0.25], [4]);
    const content = new QuantizedTensor(tensor, bytes, { kind: 'tensor' }, symmetricFormat('INT8', 127, 8), {
      fitter: {
        name: 'w',
        by: { fit: async (weight) => ({ parameters: await weight.base(), codes: Int8Array.of(9, 9, 9, 9) }) },
      },
      raise: async (scales) => scales.map((scale) => scale * 2),
    });
    const pieces: Uint8Array[] = [];
    for await (const piece of content.elements('q').produce()) pieces.push(piece);
    assert.deepEqual(new Int8Array(Buffer.concat(pieces)), Int8Array.of(64, -64, 32, 16));
  });
});
