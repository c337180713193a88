import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import fc from 'fast-check';
import type { Tensor } from '../../../extension/model/model';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { quantizePiece, raiseMagnitudes } from '../../../extension/quantize/int8-kernel';
import { Int8Tensor } from '../../../extension/quantize/int8-tensor';
import { TensorThreads } from '../../../extension/quantize/node-tensor-threads';
import { inOrder } from '../../../extension/quantize/tensor-pieces';
import { roundHalfToEven } from '../../../extension/quantize/weights/rounding';

/** The codes of a piece by their definition. */
function codesByDefinition(values: Float32Array, channelOf: (index: number) => number, scales: Float32Array) {
  return Array.from(values, (value, index) => {
    if (Number.isNaN(value)) return 0;
    const code = Math.min(Math.max(roundHalfToEven(value / (scales[channelOf(index)] ?? 1)), -127), 127);
    return code === 0 ? 0 : code;
  });
}

describe('the int8 arithmetic on a piece of a weight', () => {
  it('is that of its definition, wherever the piece begins', () => {
    const values = fc.array(fc.float(), { minLength: 1, maxLength: 60 });
    const layout = fc.record({ channels: fc.integer({ min: 1, max: 7 }), run: fc.integer({ min: 1, max: 9 }) });
    fc.assert(
      fc.property(values, layout, fc.nat({ max: 100 }), (numbers, { channels, run }, position) => {
        const piece = Float32Array.from(numbers);
        const channelOf = (index: number) => Math.floor((position + index) / run) % channels;
        const patterns = new Int32Array(channels);
        raiseMagnitudes(new Int32Array(piece.buffer), position, { channels, run }, patterns);
        const expected = new Float32Array(channels);
        for (const [index, value] of piece.entries()) {
          const channel = channelOf(index);
          if (Number.isFinite(value)) expected[channel] = Math.max(expected[channel] ?? 0, Math.abs(value));
        }
        assert.deepEqual(new Float32Array(patterns.buffer), expected);

        const scales = expected.map((magnitude) => (magnitude / 127 < 2 ** -126 ? 1 : magnitude / 127));
        const codes = new Int8Array(piece.length);
        const error = quantizePiece(piece, position, { channels, run }, scales, codes);
        assert.deepEqual([...codes], codesByDefinition(piece, channelOf, scales));
        assert.equal(error.notFinite, numbers.filter((value) => !Number.isFinite(value)).length);
      }),
    );
  });

  it('goes on where long rows and runs are cut', () => {
    const piece = Float32Array.from({ length: 30_000 }, (_, index) => Math.sin(index));
    for (const layout of [
      { channels: 10_000, run: 1 },
      { channels: 3, run: 10_000 },
      { channels: 1, run: 30_000 },
    ]) {
      const scales = new Float32Array(layout.channels).map((_, channel) => (1 + (channel % 5)) / 127);
      const codes = new Int8Array(piece.length);
      quantizePiece(piece, 0, layout, scales, codes);
      const channelOf = (index: number) => Math.floor(index / layout.run) % layout.channels;
      assert.deepEqual([...codes], codesByDefinition(piece, channelOf, scales));
    }
  });
});

describe('threads that work on tensors', function () {
  this.timeout(30_000);
  let folder = '';
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'thimble-threads-'));
    await build({
      entryPoints: ['extension/quantize/node-tensor-thread.ts'],
      outfile: join(folder, 'tensor-thread.cjs'),
      bundle: true,
      platform: 'node',
      logLevel: 'silent',
    });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Codes, scales and error of a weight of 13 MB, which is five pieces. */
  async function quantized(threads: TensorThreads, axis: number | undefined) {
    const dims = [1300, 2500];
    const elementCount = 1300 * 2500;
    const values = Float32Array.from(
      { length: elementCount },
      (_, index) => Math.sin(index * 1.7) * (1 + (index % 11)),
    );
    values[5] = Number.NaN;
    values[elementCount - 1] = Number.NEGATIVE_INFINITY;
    const byteLength = elementCount * 4;
    const tensor: Tensor = {
      name: 'w',
      dataType: 'FLOAT',
      dataTypeCode: 1,
      metadata: new Map(),
      dims,
      elementCount,
      byteLength,
      location: { kind: 'raw', offset: 0, length: byteLength },
    };
    const content = new Int8Tensor(
      tensor,
      { source: new MemoryByteSource(new Uint8Array(values.buffer)) },
      axis,
      threads,
    );
    const codes: Uint8Array[] = [];
    for await (const piece of content.produceElements()) codes.push(piece);
    const scales: Uint8Array[] = [];
    for await (const piece of content.produceScales()) scales.push(piece);
    return { codes: Buffer.concat(codes), scales: Buffer.concat(scales), error: await content.measure() };
  }

  for (const axis of [0, 1, undefined]) {
    it(`give what one thread gives, axis ${axis}`, async () => {
      const alone = await quantized(new TensorThreads({ script: '', count: 1, startAfterBytes: 0 }), axis);
      assert.equal(alone.codes.length, 1300 * 2500);
      assert.equal(alone.error.overflows, 2);
      for (const count of [2, 3]) {
        const threads = new TensorThreads({ script: join(folder, 'tensor-thread.cjs'), count, startAfterBytes: 0 });
        const shared = await quantized(threads, axis);
        threads.close();
        assert.ok(shared.codes.equals(alone.codes) && shared.scales.equals(alone.scales));
        assert.deepEqual(shared.error, alone.error);
      }
    });
  }

  it('leave the work to the calling thread where none can be started', async () => {
    const options = { count: 2, startAfterBytes: 0 };
    const missing = new TensorThreads({ ...options, script: join(folder, 'missing.cjs') });
    const alone = await quantized(new TensorThreads({ ...options, script: '', count: 1 }), 1);
    const result = await quantized(missing, 1);
    assert.ok(result.codes.equals(alone.codes));
  });

  it('give results in order, and fail where the first of them fails', async () => {
    const delays = [3, 0, 2, 1];
    const results: number[] = [];
    const work = async (turns: number) => {
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      if (turns === 1) throw new Error('the last one fails');
      return turns;
    };
    await assert.rejects(async () => {
      for await (const result of inOrder(delays, 2, work)) results.push(result);
    }, /the last one fails/);
    assert.deepEqual(results, [3, 0, 2]);
  });
});
