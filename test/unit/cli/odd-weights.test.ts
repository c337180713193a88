import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { readModel } from '../../../extension/onnx/read-model';
import { readTensor, toFloat64 } from '../../../extension/onnx/tensor-data';
import { isStaticScheme, writableSchemeIds } from '../../../extension/quantize/scheme';
import { buildModel, fillValues } from '../../fixtures/model-builder';
import { thimble } from './memory-io';

/** A layer with this weight, of `rows` by `columns`, before one with an ordinary weight. */
function model(values: readonly number[], rows: number, columns: number): Uint8Array {
  return buildModel({
    opset: 21,
    graph: {
      inputs: [{ name: 'x', dims: [1, rows] }],
      outputs: [{ name: 'y', dims: [1, 40] }],
      nodes: [
        { op: 'MatMul', name: 'odd', inputs: ['x', 'odd_weight'], outputs: ['inner'] },
        { op: 'MatMul', name: 'plain', inputs: ['inner', 'plain_weight'], outputs: ['y'] },
      ],
      initializers: [
        { name: 'odd_weight', type: 'FLOAT', dims: [rows, columns], values },
        { name: 'plain_weight', type: 'FLOAT', dims: [columns, 40], values: fillValues(columns * 40) },
      ],
    },
  });
}

const ordinary = fillValues(64 * 48);
const notFinite = ordinary.map((value, index) =>
  index === 3
    ? Number.NaN
    : index === 100
      ? Number.POSITIVE_INFINITY
      : index === 200
        ? Number.NEGATIVE_INFINITY
        : value,
);

describe('thimble quantize with odd weights', function () {
  this.timeout(20_000);
  const before = process.cwd();
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'thimble-odd-'));
    process.chdir(folder);
  });
  afterEach(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });

  async function quantize(scheme: string, bytes: Uint8Array, isStatic: boolean) {
    writeFileSync('m.onnx', bytes);
    const inputs = isStatic ? ['--random-inputs'] : [];
    const result = await thimble(['quantize', 'm.onnx', '-s', scheme, '-o', 'out.onnx', '--json', ...inputs]);
    assert.ok(readFileSync('m.onnx').equals(bytes));
    return result;
  }

  /** Every float of the written file; an output without a value that is no number is a finished one. */
  async function writtenFloats(): Promise<readonly number[]> {
    const source = new MemoryByteSource(readFileSync('out.onnx'));
    const written = await readModel(source, { fileName: 'out.onnx' });
    assert.deepEqual(
      written.diagnostics.filter(({ severity }) => severity === 'error'),
      [],
    );
    const floats: number[] = [];
    for (const tensor of written.graph.constants.values()) {
      const { dataType } = tensor;
      if (dataType !== 'FLOAT' && dataType !== 'FLOAT16' && dataType !== 'BFLOAT16') continue;
      floats.push(...toFloat64(dataType, await readTensor(tensor, { source }), tensor.elementCount));
    }
    return floats;
  }

  for (const scheme of writableSchemeIds) {
    const isStatic = isStaticScheme(scheme);

    it(`${scheme}: weights that are all zeros, and a weight of one value`, async () => {
      for (const [values, rows, columns] of [
        [ordinary.map(() => 0), 64, 48],
        [[0.25], 1, 1],
        [[0], 1, 1],
      ] as const) {
        const result = await quantize(scheme, model(values, rows, columns), isStatic);
        assert.equal(result.exitCode, 0, result.err);
        assert.ok((await writtenFloats()).every(Number.isFinite));
      }
    });

    it(`${scheme}: weights that are NaN or infinite are said, or refused in a sentence`, async () => {
      const result = await quantize(scheme, model(notFinite, 64, 48), isStatic);
      if (result.exitCode === 0) {
        const strange = (await writtenFloats()).filter((value) => !Number.isFinite(value));
        // Both float types have NaN and infinities; of the others, scales and tables must not hold a trace of them.
        assert.equal(strange.length, scheme.includes('float') ? 3 : 0);
        if (scheme !== 'float16') assert.match(result.err, /^thimble: 3 weight values are no finite numbers\.$/m);
      } else {
        assert.equal(result.exitCode, 2);
        assert.match(result.err, /thimble: [^\n]*\n$/);
        assert.deepEqual(readdirSync('.'), ['m.onnx']);
      }
    });
  }
});
