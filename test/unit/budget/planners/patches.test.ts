import assert from 'node:assert/strict';
import { fewestPatches, planPatches, type SpatialOperator } from '../../../../extension/budget/planners/patches';

interface Layer {
  readonly name: string;
  readonly kernel?: number;
  readonly stride?: number;
  readonly dilation?: number;
  readonly channels: number;
  readonly depthwise?: boolean;
}

/** A chain of int8 layers on a square image, padded so that stride 1 keeps the size. */
function chain(size: number, channels: number, layers: readonly Layer[]): SpatialOperator[] {
  let input = size;
  let inputChannels = channels;
  return layers.map(({ name, kernel = 1, stride = 1, dilation = 1, channels: outputChannels, depthwise }) => {
    const output = Math.ceil(input / stride);
    const operator: SpatialOperator = {
      name,
      kernel: [kernel, kernel],
      stride: [stride, stride],
      dilation: [dilation, dilation],
      padding: [(dilation * (kernel - 1)) / 2, (dilation * (kernel - 1)) / 2],
      inputSize: [input, input],
      inputBytesPerPosition: inputChannels,
      outputSize: [output, output],
      outputBytesPerPosition: outputChannels,
      macs: output * output * outputChannels * kernel * kernel * (depthwise ? 1 : inputChannels),
      ...(depthwise ? { inPlace: true } : {}),
    };
    input = output;
    inputChannels = outputChannels;
    return operator;
  });
}

/** The first layers of MobileNetV2 at 224 x 224, to the end of the block that brings it to 56 x 56. */
const mobileNetV2 = chain(224, 3, [
  { name: 'conv', kernel: 3, stride: 2, channels: 32 },
  { name: 'depthwise 1', kernel: 3, channels: 32, depthwise: true },
  { name: 'project 1', channels: 16 },
  { name: 'expand 2', channels: 96 },
  { name: 'depthwise 2', kernel: 3, stride: 2, channels: 96, depthwise: true },
  { name: 'project 2', channels: 24 },
]);

/** Rows of the input that one span of output rows needs, by asking every output and every tap of the kernel. */
function rowsNeeded(operator: SpatialOperator, rows: ReadonlySet<number>): Set<number> {
  const needed = new Set<number>();
  for (const row of rows) {
    for (let tap = 0; tap < operator.kernel[0]; tap++) {
      const at = row * operator.stride[0] - operator.padding[0] + tap * operator.dilation[0];
      if (at >= 0 && at < operator.inputSize[0]) needed.add(at);
    }
  }
  return needed;
}

describe('patch-based execution', () => {
  it('gives the published peaks of MobileNetV2: 1372 KiB plain, 172 KiB in 4 x 4 patches', () => {
    const plain = planPatches(mobileNetV2, 1);
    assert.equal(plain.peakBytes, 112 * 112 * (16 + 96));
    assert.equal(plain.peakBytes, 1372 * 1024);
    assert.equal(mobileNetV2[plain.peakOperator]?.name, 'expand 2');
    assert.equal(plain.recomputedPercent, 0);
    const published = planPatches(mobileNetV2, 4, { input: 'streamed', reach: 'full' });
    assert.equal(published.peakBytes, 30 * 30 * (16 + 96) + 56 * 56 * 24);
    assert.equal(Math.round(published.peakBytes / 1024), 172);
    const needed = planPatches(mobileNetV2, 4, { input: 'streamed' });
    assert.equal(needed.peakBytes, 29 * 29 * (16 + 96) + 56 * 56 * 24);
  });

  it('holds the input whole unless it is streamed', () => {
    const whole = planPatches(mobileNetV2, 4);
    const streamed = planPatches(mobileNetV2, 4, { input: 'streamed' });
    assert.equal(whole.peakBytes - streamed.peakBytes, 224 * 224 * 3);
    assert.equal(streamed.inputBytes, 0);
  });

  it('counts exactly the rows that are needed, clipped at the edges, and computes the rest again', () => {
    const operators = chain(37, 2, [
      { name: 'a', kernel: 5, channels: 3 },
      { name: 'b', kernel: 3, stride: 2, channels: 4 },
      { name: 'c', kernel: 3, dilation: 2, channels: 5 },
    ]);
    for (const patches of [2, 3, 4]) {
      const perPatch = Array.from({ length: patches }, (_, patch) => {
        const from = Math.floor((patch * 19) / patches);
        const to = Math.floor(((patch + 1) * 19) / patches);
        let rows: Set<number> = new Set(Array.from({ length: to - from }, (__, row) => from + row));
        const counts = [rows.size];
        for (const operator of operators.toReversed()) {
          // A patch is a whole span, also where strides leave rows out.
          const needed = [...rowsNeeded(operator, rows)];
          const low = Math.min(...needed);
          rows = new Set(Array.from({ length: Math.max(...needed) - low + 1 }, (__, row) => low + row));
          counts.push(rows.size);
        }
        return counts.reverse();
      });
      const sum = (index: number) => perPatch.reduce((total, counts) => total + (counts[index] ?? 0), 0);
      const macs = operators.reduce(
        (total, operator, index) => total + (operator.macs * sum(index + 1) ** 2) / operator.outputSize[0] ** 2,
        0,
      );
      const plan = planPatches(operators, patches, { input: 'streamed' });
      const most = (index: number) => Math.max(...perPatch.map((counts) => counts[index] ?? 0)) ** 2;
      assert.equal(plan.macs, Math.round(macs));
      assert.equal(plan.patchBytes, Math.max(2 * most(0) + 3 * most(1), 3 * most(1) + 4 * most(2), 4 * most(2)));
      assert.ok(plan.recomputedPercent > 0);
    }
  });

  it('computes nothing again where kernels do not overlap', () => {
    const operators = chain(64, 8, [
      { name: 'pool', kernel: 1, stride: 2, channels: 8 },
      { name: 'pointwise', channels: 32 },
    ]);
    assert.equal(planPatches(operators, 8).recomputedPercent, 0);
  });

  it('finds the fewest patches under a limit, or none', () => {
    const plan = fewestPatches(mobileNetV2, 256 * 1024, { input: 'streamed' });
    assert.ok(plan && plan.peakBytes <= 256 * 1024);
    assert.ok(planPatches(mobileNetV2, plan.patches - 1, { input: 'streamed' }).peakBytes > 256 * 1024);
    assert.equal(fewestPatches(mobileNetV2, 1000), undefined);
    assert.equal(fewestPatches([], 1000), undefined);
  });

  it('refuses chains that do not fit together and cuts that are not there', () => {
    assert.throws(() => planPatches([], 1), RangeError);
    assert.throws(() => planPatches(mobileNetV2, 57), /56 x 56 cannot be cut into 57 x 57/);
    assert.throws(() => planPatches(mobileNetV2.toSpliced(2, 1), 2), /expand 2 does not read what depthwise 1 makes/);
  });
});
