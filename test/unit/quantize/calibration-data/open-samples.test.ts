import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { encode } from 'jpeg-js';
import type { EngineValue } from '../../../../extension/inference/engine';
import { toFloat64 } from '../../../../extension/onnx/tensor-data';
import { calibrationFilesAt } from '../../../../extension/quantize/calibration-data/node-calibration-files';
import { openSamples, type SampleOptions } from '../../../../extension/quantize/calibration-data/open-samples';
import {
  defaultPreprocessing,
  parsePreprocessing,
} from '../../../../extension/quantize/calibration-data/preprocessing';
import type { Sample, SampleSource } from '../../../../extension/quantize/calibration-data/samples';
import { syntheticSamples } from '../../../../extension/quantize/calibration-data/synthetic-samples';
import { floatNpy, int64Npy, memoryFile, npyFile, pngFile, wavFile, zipFile } from '../../../fixtures/data-files';

function input(dims: EngineValue['dims'], dataType: EngineValue['dataType'] = 'FLOAT', name = 'image'): EngineValue {
  return { name, dataType, dims };
}

async function all(source: SampleSource): Promise<Sample[]> {
  const samples: Sample[] = [];
  for await (const sample of source.samples()) samples.push(sample);
  return samples;
}

function read(name: string, bytes: Uint8Array, inputs: readonly EngineValue[], options?: SampleOptions) {
  return all(openSamples([memoryFile(name, bytes)], inputs, options));
}

/** Dims and numbers of each sample's feed. */
function feeds(samples: readonly Sample[], name = 'image') {
  return samples.map((sample) => {
    const tensor = sample.feeds.get(name);
    ok(tensor);
    const count = tensor.dims.reduce((product, dim) => product * dim, 1);
    return { dims: tensor.dims, values: [...toFloat64(tensor.dataType, tensor.data, count)] };
  });
}

describe('openSamples', () => {
  const four = floatNpy([2, 1, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
  const twoSamples = [
    { dims: [1, 1, 2, 2], values: [1, 2, 3, 4] },
    { dims: [1, 1, 2, 2], values: [5, 6, 7, 8] },
  ];

  it('takes the keys of an .npz as inputs and the rest as labels', async () => {
    const archive = zipFile({ 'x.npy': four, 'y.npy': int64Npy([2], [3, 9]) }, { deflate: true });
    const samples = await read('d.npz', archive, [input(['n', 1, 2, 2])]);
    deepEqual(feeds(samples), twoSamples);
    deepEqual(
      samples.map(({ name, labels, count }) => ({ name, count, labels: [...labels] })),
      [
        { name: 'd.npz[0]', count: 1, labels: [['y', [3]]] },
        { name: 'd.npz[1]', count: 1, labels: [['y', [9]]] },
      ],
    );
    const two = zipFile({ 'image.npy': four, 'ids.npy': int64Npy([2, 3], [1, 2, 3, 4, 5, 6]) });
    const both = await read('d.npz', two, [input([1, 1, 2, 2]), input(['n', 3], 'INT64', 'ids')]);
    deepEqual(feeds(both), twoSamples);
    deepEqual(
      feeds(both, 'ids').map(({ values }) => values),
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    );
  });

  it('gives the same samples each time, and closes files, also when it is left early', async () => {
    const file = memoryFile('d.npz', zipFile({ 'x.npy': four }, { deflate: true }));
    const source = openSamples([file, file], [input([1, 1, 2, 2])]);
    equal(file.opened.times, 0);
    deepEqual(await all(source), await all(source));
    for await (const _ of source.samples()) break;
    equal(file.opened.now, 0);
    equal((await all(openSamples([file, file], [input([1, 1, 2, 2])], { limit: 3 }))).length, 3);
    equal(file.opened.now, 0);
  });

  it('takes an array as many samples or as one, and with or without axes of 1', async () => {
    for (const dims of [
      ['n', 1, 2, 2],
      [1, 1, 2, 2],
      ['n', 4],
      [1, 2, 2],
      ['n', 2, 2, 1],
    ]) {
      deepEqual(
        feeds(await read('a.npy', four, [input(dims)])).map(({ values }) => values),
        twoSamples.map(({ values }) => values),
        String(dims),
      );
    }
    const one = floatNpy([2, 2], [1, 2, 3, 4]);
    deepEqual(feeds(await read('a.npy', one, [input([1, 1, 2, 2])])), twoSamples.slice(0, 1));
    deepEqual(
      feeds(await read('a.npy', one, [input(['n', 2])])).map(({ values }) => values),
      [
        [1, 2],
        [3, 4],
      ],
    );
    // A whole input without a batch axis.
    deepEqual(feeds(await read('a.npy', one, [input([2, 2])])), [{ dims: [2, 2], values: [1, 2, 3, 4] }]);
    deepEqual(feeds(await read('a.npy', floatNpy([3], [1, 2, 3]), [input([1, 'length'])])), [
      { dims: [1, 3], values: [1, 2, 3] },
    ]);
  });

  it('puts samples together for a model with a fixed batch', async () => {
    const three = floatNpy([5, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const samples = await read('a.npz', zipFile({ 'x.npy': three, 'y.npy': int64Npy([5], [0, 1, 2, 3, 4]) }), [
      input([2, 2]),
    ]);
    deepEqual(feeds(samples), [
      { dims: [2, 2], values: [1, 2, 3, 4] },
      { dims: [2, 2], values: [5, 6, 7, 8] },
    ]);
    deepEqual(
      samples.map(({ count, labels }) => [count, labels.get('y')]),
      [
        [2, [0, 1]],
        [2, [2, 3]],
      ],
    );
    await rejects(read('a.npy', three, [input([8, 2])]), /takes 8 samples at once, but the calibration data holds 5/);
  });

  it('converts elements where they fit, and says so where not', async () => {
    const bytes = npyFile('|u1', [2, 2], Uint8Array.of(1, 2, 3, 255));
    deepEqual(feeds(await read('a.npy', bytes, [input(['n', 2])])).at(1)?.values, [3, 255]);
    deepEqual(feeds(await read('a.npy', bytes, [input(['n', 2], 'INT64')])).at(1)?.values, [3, 255]);
    deepEqual(feeds(await read('a.npy', bytes, [input(['n', 2], 'FLOAT16')])).at(1)?.values, [3, 255]);
    await rejects(
      read('a.npy', bytes, [input(['n', 2], 'INT8')]),
      /a\.npy\[1\] holds 255 at element 1, but the input takes INT8/,
    );
    await rejects(read('a.npy', floatNpy([1, 2], [1, 0.5]), [input(['n', 2], 'INT32')]), /holds 0.5 at element 1/);
    await rejects(
      read('a.npy', floatNpy([1, 2], [1, Number.NaN]), [input(['n', 2])]),
      /a\.npy\[0\] holds 1 of 2 values that are NaN or infinite, the first \(NaN\) at element 1; take it out/,
    );
    await rejects(
      read('a.npy', floatNpy([1, 1], [Number.NEGATIVE_INFINITY]), [input(['n', 1])]),
      /holds 1 of 1 values that are NaN or infinite, the first \(-Infinity\)/,
    );
  });

  it('names both shapes where they differ', async () => {
    const digit = pngFile({
      width: 28,
      height: 28,
      depth: 8,
      colourType: 0,
      rows: Array.from({ length: 28 }, () => Array(28).fill(7)),
    });
    await rejects(read('digit.png', digit, [input([1, 1, 8, 8])]), {
      message:
        'digit.png is 28x28, which is not the size of the input image ([1,1,8,8]); --resize bilinear makes it fit.',
    });
    await rejects(read('digit.png', digit, [input([1, 3, 8, 8, 2])]), {
      message: 'The input image wants [1,3,8,8,2] float32, digit.png gives [28,28].',
    });
    await rejects(read('a.npy', four, [input([1, 3, 2, 2])]), /wants \[1,3,2,2\] float32, a\.npy gives \[2,1,2,2\]/);
    await rejects(
      read('a.npz', zipFile({ 'x.npy': four }), [input(['n', 5])]),
      /wants \[n,5\] float32, a\.npz: x\[0\] gives \[1,2,2\]/,
    );
    await rejects(
      read('a.csv', new TextEncoder().encode('1,2,3'), [input(['n', 2])]),
      /wants \[n,2\] float32, a\.csv, line 1 gives \[3\]/,
    );
  });

  it('brings images into shape', async () => {
    const colour = pngFile({ width: 2, height: 1, depth: 8, colourType: 2, rows: [[10, 20, 30, 40, 50, 60]] });
    const values = async (dims: EngineValue['dims'], preprocessing = {}, type: EngineValue['dataType'] = 'FLOAT') =>
      feeds(await read('a.png', colour, [input(dims, type)], { preprocessing: parsePreprocessing(preprocessing) }))[0];
    deepEqual(await values([1, 3, 1, 2]), { dims: [1, 3, 1, 2], values: [10, 40, 20, 50, 30, 60] });
    deepEqual(await values([1, 1, 2, 3], { layout: 'NHWC' }), { dims: [1, 1, 2, 3], values: [10, 20, 30, 40, 50, 60] });
    deepEqual((await values([1, 3, 1, 2], { colourOrder: 'BGR' }))?.values, [30, 60, 20, 50, 10, 40]);
    deepEqual((await values([1, 1, 1, 2]))?.values.map(Math.round), [18, 48]);
    deepEqual((await values([1, 4, 1, 2]))?.values.slice(6), [255, 255]);
    deepEqual(
      (await values(['n', 1, 2, 3], { layout: 'NHWC', mean: [10, 20, 30], std: [1, 2, 3] }))?.values,
      [0, 0, 0, 30, 15, 10],
    );
    deepEqual((await values(['n', 3, 'h', 'w'], { mean: [10, 20, 30], scale: 2 }))?.values, [10, 70, 20, 80, 30, 90]);
    deepEqual(
      (await values([1, 1, 4, 3], { layout: 'NHWC', resize: 'nearest' }))?.values,
      [10, 20, 30, 10, 20, 30, 40, 50, 60, 40, 50, 60],
    );
    deepEqual(
      (await values([1, 1, 4, 3], { layout: 'NHWC', resize: 'bilinear' }))?.values,
      [10, 20, 30, 17.5, 27.5, 37.5, 32.5, 42.5, 52.5, 40, 50, 60],
    );
    deepEqual(
      (await values([1, 1, 4, 3], { layout: 'NHWC', resize: 'bilinear' }, 'UINT8'))?.values.slice(3, 6),
      [18, 28, 38],
    );
    await rejects(
      values([1, 3, 1, 2], { mean: [1, 2] }),
      /2 numbers for mean, but a\.png gives \[3,1,2\] with 3 channels/,
    );
  });

  it('reads recordings, tables and raw numbers', async () => {
    const wav = wavFile(1, 1, 16, new Uint8Array(Int16Array.of(16384, -16384).buffer));
    deepEqual(feeds(await read('a.wav', wav, [input([1, 2])])), [{ dims: [1, 2], values: [0.5, -0.5] }]);
    const fit = { preprocessing: { ...defaultPreprocessing, audioLength: 'fit' as const } };
    deepEqual(feeds(await read('a.wav', wav, [input([1, 1, 3])], fit)), [{ dims: [1, 1, 3], values: [0.5, -0.5, 0] }]);
    deepEqual(feeds(await read('a.wav', wav, [input([1, 1])], fit)), [{ dims: [1, 1], values: [0.5] }]);
    const table = await read('a.csv', new TextEncoder().encode('y,a,b\n1,2,3\n0,4,5'), [input(['n', 2])]);
    deepEqual(
      feeds(table).map(({ values }) => values),
      [
        [2, 3],
        [4, 5],
      ],
    );
    deepEqual(
      table.map(({ labels }) => labels.get('y')),
      [[1], [0]],
    );
    const raw = Uint8Array.of(1, 2, 3, 4, 5, 6);
    deepEqual(
      feeds(await read('a.bin', raw, [input(['n', 3], 'UINT8')])).map(({ values }) => values),
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    );
    await rejects(read('a.bin', raw, [input(['n', 4], 'UINT8')]), /6 bytes, which is no multiple of the 4 bytes/);
    await rejects(read('a.bin', raw, [input(['n', 't'])]), /needs an input of a fixed shape/);
  });

  it('says what cannot be used', async () => {
    const two = [input(['n', 4]), input(['n', 2], 'FLOAT', 'other')];
    await rejects(read('a.npy', four, two), /inputs image, other; a\.npy gives only one array/);
    await rejects(
      read('a.npz', zipFile({ 'image.npy': four }), two),
      /has the arrays image, but none for the input other/,
    );
    const uneven = zipFile({ 'image.npy': four, 'other.npy': floatNpy([1, 2], [1, 2]) });
    await rejects(read('a.npz', uneven, two), /the same number in each array/);
    await rejects(read('a.jpg', four, [input(['n', 4])]), /a\.jpg cannot be read as a JPEG image: /);
    await rejects(read('a.npy', four, []), /no inputs/);
    await rejects(read('a.npy', floatNpy([0, 4], []), [input(['n', 4])]), /holds no samples/);
    throws(() => openSamples([], []), /no file was given/);
  });

  it('hands JPEG to the decoder', async () => {
    const decodeJpeg = async () => ({ width: 1, height: 1, channels: 1 as const, values: Uint8Array.of(9) });
    deepEqual(feeds(await read('a.JPG', new Uint8Array(3), [input([1, 1, 1, 1])], { decodeJpeg })), [
      { dims: [1, 1, 1, 1], values: [9] },
    ]);
  });

  it('reads JPEG, and refuses what is cut off', async () => {
    // Flat areas come through the compression almost as they were.
    const pixels = Uint8Array.from({ length: 16 * 8 * 4 }, (_, index) => [200, 100, 50, 255][index % 4] ?? 0);
    const { data } = encode({ width: 16, height: 8, data: pixels }, 100);
    const [sample] = feeds(await read('a.jpeg', data, [input(['n', 3, 8, 16])]));
    deepEqual(sample?.dims, [1, 3, 8, 16]);
    for (const [channel, wanted] of [200, 100, 50].entries()) {
      const plane = sample?.values.slice(channel * 128, (channel + 1) * 128) ?? [];
      ok(plane.length === 128 && plane.every((value) => Math.abs(value - wanted) <= 2), `${channel}: ${plane}`);
    }
    await rejects(read('a.jpg', data.subarray(0, data.length / 2), [input(['n', 3, 8, 16])]), /a\.jpg cannot be read/);
    await rejects(
      read('a.jpg', data, [input(['n', 3, 8, 8])]),
      /a\.jpg is 16x8, which is not the size of the input image \(\[n,3,8,8\]\); --resize bilinear/,
    );
  });

  it('never fails otherwise than with a sentence on damaged files', async () => {
    const files = {
      'a.npz': zipFile({ 'x.npy': four, 'y.npy': int64Npy([2], [3, 9]) }, { deflate: true }),
      'a.npy': four,
      'a.png': pngFile({
        width: 2,
        height: 2,
        depth: 8,
        colourType: 0,
        rows: [
          [1, 2],
          [3, 4],
        ],
      }),
      'a.jpg': encode({ width: 8, height: 8, data: new Uint8Array(256) }, 50).data,
      'a.wav': wavFile(1, 1, 16, new Uint8Array(8)),
    };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.entries(files)),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat()),
        async ([name, original], changes, cut) => {
          const bytes = Uint8Array.from(original);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          const damaged = cut === null ? bytes : bytes.subarray(0, cut % bytes.length);
          const failure = await read(name, damaged, [input(['n', 1, 2, 2])]).catch((error: unknown) => error);
          if (Array.isArray(failure)) return;
          ok(failure instanceof Error && failure.name === 'CalibrationDataRefused', String(failure));
        },
      ),
      { seed: 6, numRuns: 300 },
    );
  });
});

describe('calibrationFilesAt', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'thimble-calibration-'));
    await mkdir(join(folder, 'inner.npy'));
    for (const name of ['b.png', 'a.PNG', 'notes.txt', '.hidden.png', 'c.npy']) await writeFile(join(folder, name), '');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('lists what can be read, sorted', async () => {
    deepEqual(
      (await calibrationFilesAt(folder)).map(({ name }) => name),
      ['a.PNG', 'b.png', 'c.npy'],
    );
    deepEqual(
      (await calibrationFilesAt(join(folder, 'b.png'))).map(({ name }) => name),
      ['b.png'],
    );
  });

  it('says what is wrong with a path', async () => {
    await rejects(calibrationFilesAt(join(folder, 'absent')), /there is no such file or folder/);
    await rejects(calibrationFilesAt(join(folder, 'notes.txt')), /is no calibration data; give a \.npy/);
    const empty = join(folder, 'inner.npy');
    await rejects(calibrationFilesAt(empty), /holds no calibration data/);
  });
});

describe('parsePreprocessing', () => {
  it('fills in what is absent and survives JSON', () => {
    deepEqual(parsePreprocessing({}), defaultPreprocessing);
    const full = parsePreprocessing({
      layout: 'NHWC',
      resize: 'bilinear',
      scale: 1 / 255,
      mean: 0.5,
      std: [0.1, 0.2, 0.3],
    });
    deepEqual(full.mean, [0.5]);
    deepEqual(parsePreprocessing(JSON.parse(JSON.stringify(full))), full);
  });

  it('says which field is wrong', () => {
    throws(() => parsePreprocessing([]), /must be an object/);
    throws(() => parsePreprocessing({ men: [1] }), /no field men; there are layout/);
    throws(() => parsePreprocessing({ layout: 'CHW' }), /layout is "CHW"; it can be auto, NCHW, NHWC/);
    throws(() => parsePreprocessing({ std: [1, 0] }), /std is \[1,0\]; give numbers other than 0/);
    throws(() => parsePreprocessing({ mean: ['a'] }), /mean is \["a"\]; give numbers/);
    throws(() => parsePreprocessing({ scale: [1, 2] }), /scale is \[1,2\]; give a number other than 0/);
  });
});

describe('syntheticSamples', () => {
  it('makes the same inputs from the same seed, different from sample to sample', async () => {
    const inputs = [input(['n', 3]), input(['n', 's'], 'INT64', 'ids')];
    const source = syntheticSamples(inputs, { count: 3, sizes: (symbol) => (symbol === 's' ? 2 : undefined) });
    ok(source.synthetic);
    const samples = await all(source);
    deepEqual(samples, await all(source));
    deepEqual(
      feeds(samples, 'ids').map(({ dims }) => dims),
      [
        [1, 2],
        [1, 2],
        [1, 2],
      ],
    );
    equal(new Set(feeds(samples).map(({ values }) => values.join())).size, 3);
  });
});
