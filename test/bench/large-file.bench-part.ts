import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeLargeModel } from './large-model';
import { type ProcessFigures, runMeasured } from './measured-process';
import { median, printPart } from './report';

/** 60 weights of 2,816 x 2,816 floats: 1.9 GB. */
const side = 2816;
/** The same with a twentieth of the weights. */
const smallSide = Math.round(side / Math.sqrt(20));
const runs = 5;

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

    const quantized = await runMeasured(folder, cli, ['quantize', large, '--scheme', 'int8-weights', '-o', output]);
    printPart('thimble quantize --scheme int8-weights, the same model', [
      { name: 'whole command', value: quantized.milliseconds, unit: 'ms' },
      { name: 'source bytes a second', value: statSync(large).size / 1e3 / quantized.milliseconds, unit: 'MB/s' },
      { name: 'most resident memory', value: quantized.residentMegabytes, unit: 'MB' },
    ]);
  } finally {
    for (const path of [large, small, output]) rmSync(path, { force: true });
  }
}

function megabytes(path: string): string {
  return (statSync(path).size / 1e6).toLocaleString('en-US', { maximumFractionDigits: 0 });
}
