import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writableSchemeIds } from '../../../extension/quantize/scheme';
import { floatNpy, int64Npy, zipFile } from '../../fixtures/data-files';
import { buildModel, fillValues } from '../../fixtures/model-builder';
import { thimble } from './memory-io';

const samples = 12;

function model(extra: readonly { op: string; inputs: string[]; outputs: string[] }[] = [], zeros = false): Uint8Array {
  const weight = fillValues(8 * 3 * 3 * 3).map((value) => (zeros ? 0 : value));
  return buildModel({
    opset: 17,
    graph: {
      inputs: [{ name: 'image', dims: ['batch', 3, 4, 4] }],
      outputs: [{ name: 'scores', dims: ['batch', 40] }],
      nodes: [
        { op: 'Conv', name: 'stem', inputs: ['image', 'w', 'b'], outputs: ['c'], attributes: { pads: [1, 1, 1, 1] } },
        { op: 'Relu', inputs: ['c'], outputs: ['r'] },
        { op: 'Flatten', inputs: ['r'], outputs: ['f'] },
        { op: 'MatMul', name: 'head', inputs: ['f', 'd'], outputs: [extra.length > 0 ? 'inner' : 'scores'] },
        ...extra,
      ],
      initializers: [
        { name: 'w', type: 'FLOAT', dims: [8, 3, 3, 3], values: weight },
        { name: 'b', type: 'FLOAT', dims: [8], values: fillValues(8).map((value) => (zeros ? 0 : value)) },
        { name: 'd', type: 'FLOAT', dims: [128, 40], values: fillValues(128 * 40) },
      ],
    },
  });
}

function data(dims: readonly number[], change: (values: number[]) => void = () => undefined): Uint8Array {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const values = Array.from({ length: count }, (_, index) => Math.sin(index * 1.7));
  change(values);
  const labels = int64Npy([dims[0] ?? 1], new Array(dims[0] ?? 1).fill(0));
  return zipFile({ 'x.npy': floatNpy(dims, values), 'y.npy': labels }, { deflate: true });
}

describe('thimble quantize with every scheme', () => {
  const before = process.cwd();
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'thimble-schemes-'));
    process.chdir(folder);
    writeFileSync('m.onnx', model());
    writeFileSync('data.npz', data([samples, 3, 4, 4]));
  });
  afterEach(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });

  for (const scheme of writableSchemeIds) {
    it(`${scheme}: the predicted size is that of the file, and the outputs are measured`, async () => {
      const dry = await thimble(['quantize', 'm.onnx', '-s', scheme, '--dry-run', '--json']);
      assert.equal(dry.exitCode, 0, dry.err);
      const args = ['quantize', 'm.onnx', '-s', scheme, '--calibration', 'data.npz', '-o', 'q.onnx', '--json'];
      const { exitCode, out, err } = await thimble(args);
      assert.equal(exitCode, 0, err);
      const report = JSON.parse(out);
      assert.equal(JSON.parse(dry.out).predictedFileBytes, report.predictedFileBytes);
      assert.equal(report.writtenFileBytes, report.predictedFileBytes);
      assert.equal(statSync('q.onnx').size, report.predictedFileBytes);
      assert.equal(report.calibrationSamples, samples);
      assert.deepEqual(
        report.outputs.map(({ name, accuracy }: { name: string; accuracy: { samples: number } }) => [
          name,
          accuracy.samples,
        ]),
        [['scores', samples]],
      );
      const [output] = report.outputs;
      assert.ok(output.maxAbsoluteError > 0 && output.sqnrDb > -10 && output.cosine <= 1, JSON.stringify(output));
      if (scheme !== 'float16')
        assert.ok(report.layers.some((layer: { sqnrDb: number | null }) => layer.sqnrDb !== null));
      assert.equal('packedWeights' in report, ['int2-weights', 'ternary', 'binary', 'codebook'].includes(scheme));
    });
  }

  it('refuses a static scheme without data, by name, and takes random inputs with a warning', async () => {
    const refused = await thimble(['quantize', 'm.onnx', '-s', 'int8']);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.err, /int8 .*--calibration PATH/);
    const { exitCode, out, err } = await thimble(['quantize', 'm.onnx', '-s', 'int8', '--random-inputs', '--json']);
    assert.equal(exitCode, 0);
    assert.match(err, /WARNING.*RANDOM/);
    const report = JSON.parse(out);
    assert.match(report.warnings[0], /RANDOM/);
    assert.equal(report.syntheticInputs, true);
  });

  it('takes the options, and repeats a saved recipe to the byte', async () => {
    const options = ['--per-tensor', '--symmetric', '--calibration-method', 'mse', '--seed', '7'];
    const first = await thimble([
      ...['quantize', 'm.onnx', '-s', 'int8', '--calibration', 'data.npz', '-o', 'a.onnx', '--save-recipe', 'r.json'],
      ...options,
    ]);
    assert.equal(first.exitCode, 0, first.err);
    assert.deepEqual(JSON.parse(readFileSync('r.json', 'utf8')), {
      recipeVersion: 1,
      scheme: 'int8',
      options: { granularity: 'per-tensor', activations: 'symmetric' },
      calibrationMethod: 'mse',
      recovery: 'auto',
      seed: 7,
    });
    const repeat = ['quantize', 'm.onnx', '--recipe', 'r.json', '--calibration', 'data.npz'];
    assert.equal((await thimble([...repeat, '-o', 'b.onnx'])).exitCode, 0);
    assert.deepEqual(readFileSync('b.onnx'), readFileSync('a.onnx'));
    assert.equal((await thimble([...repeat, '-o', 'c.onnx', '--per-channel'])).exitCode, 0);
    assert.ok(statSync('c.onnx').size > statSync('a.onnx').size);
  });

  const badData: readonly (readonly [string, Uint8Array, RegExp])[] = [
    [
      'of another shape',
      data([samples, 3, 4, 5]),
      /image wants \[batch,3,4,4\] float32, bad\.npz: x\[0\] gives \[3,4,5\]/,
    ],
    [
      'with NaN',
      data([samples, 3, 4, 4], (values) => values.fill(Number.NaN, 50, 51)),
      /bad\.npz: x\[1\] holds 1 of 48 values that are NaN or infinite, the first \(NaN\) at element 2/,
    ],
    ['that is no archive', Uint8Array.of(1, 2, 3), /bad\.npz is no readable zip archive/],
    ['without samples', data([0, 3, 4, 4]), /bad\.npz holds no samples/],
  ];
  for (const [what, bytes, message] of badData) {
    it(`refuses calibration data ${what}, and writes nothing`, async () => {
      writeFileSync('bad.npz', bytes);
      for (const scheme of ['int8', 'ternary']) {
        const result = await thimble(['quantize', 'm.onnx', '-s', scheme, '--calibration', 'bad.npz']);
        assert.equal(result.exitCode, 2);
        assert.match(result.err, message);
        assert.equal(result.err.trim().split('\n').length, 1);
      }
      assert.deepEqual(readdirSync('.').toSorted(), ['bad.npz', 'data.npz', 'm.onnx']);
    });
  }

  it('says in a sentence that the engine cannot run an operator', async () => {
    writeFileSync('odd.onnx', model([{ op: 'Frobnicate', inputs: ['inner'], outputs: ['scores'] }]));
    const { exitCode, err } = await thimble(['quantize', 'odd.onnx', '-s', 'int8', '--calibration', 'data.npz']);
    assert.equal(exitCode, 2);
    assert.match(err, /^thimble: odd\.onnx: The engine .* does not run the model.*Frobnicate.*\n$/);
    assert.deepEqual(readdirSync('.').toSorted(), ['data.npz', 'm.onnx', 'odd.onnx']);
  });

  it('quantizes weights that are all zeros, and data that is', async () => {
    writeFileSync('zeros.onnx', model([], true));
    writeFileSync(
      'zeros.npz',
      data([samples, 3, 4, 4], (values) => values.fill(0)),
    );
    for (const scheme of writableSchemeIds) {
      const args = ['quantize', 'zeros.onnx', '-s', scheme, '--calibration', 'zeros.npz', '-o', 'q.onnx', '--json'];
      const { exitCode, out, err } = await thimble(args);
      assert.equal(exitCode, 0, `${scheme}: ${err}`);
      const [output] = JSON.parse(out).outputs;
      assert.deepEqual([output.sqnrDb, output.maxAbsoluteError, output.notFinite], [null, 0, 0], scheme);
    }
  });

  it('refuses to write over the data or the model, and stops when asked to', async () => {
    const data = readFileSync('data.npz');
    for (const taken of ['data.npz', 'm.onnx']) {
      const args = ['quantize', 'm.onnx', '-s', 'int8', '--calibration', 'data.npz', '-o', taken];
      assert.equal((await thimble(args)).exitCode, 2, taken);
    }
    assert.deepEqual(readFileSync('data.npz'), data);
    mkdirSync('folder');
    writeFileSync('folder/a.npy', floatNpy([2, 3, 4, 4], new Array(96).fill(0.5)));
    const inFolder = ['quantize', 'm.onnx', '-s', 'int8', '--calibration', 'folder', '-o'];
    assert.equal((await thimble([...inFolder, 'folder/a.npy'])).exitCode, 2);
    assert.equal((await thimble([...inFolder, 'folder/q.onnx'])).exitCode, 0);
    assert.deepEqual(readdirSync('folder').toSorted(), ['a.npy', 'q.onnx']);
    rmSync('folder', { recursive: true });
    const args = ['quantize', 'm.onnx', '-s', 'int8', '--calibration', 'data.npz'];
    const cancelled = await thimble(args, { signal: AbortSignal.abort() });
    assert.equal(cancelled.exitCode, 2);
    assert.match(cancelled.err, /cancelled; nothing was written/);
    assert.deepEqual(readdirSync('.').toSorted(), ['data.npz', 'm.onnx']);
  });

  const badUsage: readonly (readonly [readonly string[], RegExp])[] = [
    [['-s', 'int3'], /unknown scheme "int3"; give one of float16, bfloat16, .*codebook/],
    [['-s', 'int8', '--per-tensor', '--per-channel'], /only one of --per-tensor and --per-channel/],
    [['-s', 'int4-weights', '--block-size', '24'], /--block-size 24 .* power of two/],
    [['-s', 'int8', '--calibration-method', 'best'], /minmax, percentile, entropy, mse/],
    [['-s', 'int8', '--seed', '-1'], /seed/],
    [['-s', 'float16', '--per-tensor'], /float16 has no scales/],
    [['-s', 'float16', '--recovery', 'cle'], /float16 has no scales/],
    [['-s', 'int8', '--recovery', 'magic'], /none, auto, or some of cle,/],
    [['-s', 'int8', '--random-inputs', '--calibration', 'data.npz'], /only one of --calibration and --random-inputs/],
    [['-s', 'int8', '--input-range=1,0'], /--input-range "1,0" is no range such as 0,1 or -1,1/],
    [['-s', 'int8', '--input-range=0,1', '--random-inputs'], /leave out --calibration and --random-inputs/],
    [['--recipe', 'none.json'], /recipe none\.json cannot be read/],
    [['-s', 'ternary', '--save-recipe', 'm.onnx'], /would replace another file/],
  ];
  it('says what is wrong with the options', async () => {
    for (const [args, message] of badUsage) {
      const { exitCode, err } = await thimble(['quantize', 'm.onnx', ...args]);
      assert.equal(exitCode, 2, args.join(' '));
      assert.match(err, message);
    }
    writeFileSync('bad.json', '{"scheme": "int8", "colour": "red"}');
    assert.match((await thimble(['quantize', 'm.onnx', '--recipe', 'bad.json'])).err, /no field colour/);
  });
});
