import { rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { writeLargeModel } from './large-model';
import { type ProcessFigures, runMeasured } from './measured-process';
import { median, printPart } from './report';

/** 60 weights of 2,816 x 2,816 floats: 1.9 GB. */
const side = 2816;
/** The same with a twentieth of the weights. */
const smallSide = Math.round(side / Math.sqrt(20));
const runs = 5;
const quantizingRuns = 3;

/** A model of 1.9 GB: inspecting it against the same graph with a twentieth of the weights, and quantizing it. */
export async function benchLargeFile(folder: string): Promise<void> {
  const cli = join(process.cwd(), 'dist', 'thimble.cjs');
  const large = join(folder, 'large.onnx');
  const small = join(folder, 'small.onnx');
  const output = join(folder, 'large-int8.onnx');
  try {
    await writeLargeModel(large, side);
    await writeLargeModel(small, smallSide);
    const largeRuns: ProcessFigures[] = [];
    const smallRuns: ProcessFigures[] = [];
    // Alternating, so that whatever else the machine does meets both alike.
    for (let run = 0; run < runs; run++) {
      smallRuns.push(await runMeasured(folder, cli, ['inspect', '--json', small]));
      largeRuns.push(await runMeasured(folder, cli, ['inspect', '--json', large]));
    }
    const largeTime = median(largeRuns.map(({ milliseconds }) => milliseconds));
    const smallTime = median(smallRuns.map(({ milliseconds }) => milliseconds));
    printPart('thimble inspect, 60 MatMul layers with inline weights', [
      { name: `${megabytes(large)} MB`, value: largeTime, unit: 'ms' },
      { name: `${megabytes(small)} MB`, value: smallTime, unit: 'ms' },
      { name: 'ratio of times', value: largeTime / smallTime, unit: 'x', goal: 1.3 },
      {
        name: 'most resident memory',
        value: median(largeRuns.map(({ residentMegabytes }) => residentMegabytes)),
        unit: 'MB',
        goal: 150,
      },
    ]);

    const quantizeRuns: ProcessFigures[] = [];
    const copyTimes: number[] = [];
    for (let run = 0; run < quantizingRuns; run++) {
      copyTimes.push(await timeOfPlainCopy(large, output));
      quantizeRuns.push(await runMeasured(folder, cli, ['quantize', large, '--scheme', 'int8-weights', '-o', output]));
    }
    const quantizeTime = median(quantizeRuns.map(({ milliseconds }) => milliseconds));
    const copyTime = median(copyTimes);
    printPart('thimble quantize --scheme int8-weights, the same model', [
      { name: 'whole command', value: quantizeTime, unit: 'ms' },
      { name: 'only reading as much and writing as much', value: copyTime, unit: 'ms' },
      { name: 'ratio of times', value: quantizeTime / copyTime, unit: 'x' },
      { name: 'source bytes a second', value: statSync(large).size / 1e3 / quantizeTime, unit: 'MB/s' },
      {
        name: 'most resident memory',
        value: median(quantizeRuns.map(({ residentMegabytes }) => residentMegabytes)),
        unit: 'MB',
        goal: 300,
      },
    ]);
  } finally {
    for (const path of [large, small, output]) rmSync(path, { force: true });
  }
}

function megabytes(path: string): string {
  return (statSync(path).size / 1e6).toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** Milliseconds to read a file of floats and to write and flush a quarter of its bytes, as an int8 file has them: nothing is computed. */
async function timeOfPlainCopy(from: string, to: string): Promise<number> {
  const start = performance.now();
  const source = await open(from);
  const target = await open(to, 'w');
  try {
    const buffer = new Uint8Array(4 << 20);
    for (;;) {
      const { bytesRead } = await source.read(buffer);
      if (bytesRead === 0) break;
      await target.writeFile(buffer.subarray(0, Math.ceil(bytesRead / 4)));
    }
    await target.sync();
  } finally {
    await source.close();
    await target.close();
  }
  return performance.now() - start;
}
