import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { footprintOf } from '../../extension/budget/footprint';
import { MemoryByteSource } from '../../extension/onnx/byte-source';
import { readModel } from '../../extension/onnx/read-model';
import { inferShapes } from '../../extension/shapes/infer-shapes';
import { buildModel } from '../fixtures/model-builder';
import { layeredGraph, manyTensorsGraph } from './graphs';
import { runMeasured } from './measured-process';
import { type BenchLine, leastTime, printPart } from './report';

const sizes = [1_000, 10_000, 100_000];
const tensorCount = 1_000_000;

/** Reader, shapes and footprint as graphs grow: the time of a node should stay the same. */
export async function benchGraphSize(folder: string): Promise<void> {
  const perNode = new Map<string, number[]>();
  for (const size of sizes) {
    const graph = layeredGraph(size);
    const times = await stageTimes(buildModel({ graph }));
    printPart(
      `${size.toLocaleString('en-US')} nodes`,
      Object.entries(times).map(([name, value]) => ({
        name,
        value,
        unit: 'ms',
        ...(name === 'inferShapes' && size === 10_000 && { goal: 300 }),
      })),
    );
    for (const [name, milliseconds] of Object.entries(times)) {
      perNode.set(name, [...(perNode.get(name) ?? []), (1000 * milliseconds) / size]);
    }
  }
  printPart(
    'growth: time of a node at 100,000 nodes against 10,000 (linear is 1)',
    [...perNode].map(
      ([name, [, middle = Number.NaN, largest = Number.NaN]]): BenchLine => ({
        name: `${name} (${largest.toFixed(1)} us/node)`,
        value: largest / middle,
        unit: 'x',
      }),
    ),
  );
  await benchTransformer();
  await benchManyTensors(folder);
}

async function stageTimes(bytes: Uint8Array, runs = 3): Promise<{ [stage: string]: number }> {
  const read = () => readModel(new MemoryByteSource(bytes), { fileName: 'bench.onnx' });
  const model = await read();
  const shapes = inferShapes(model);
  return {
    readModel: await leastTime(runs, read),
    inferShapes: await leastTime(runs, () => inferShapes(model)),
    footprintOf: await leastTime(runs, () => footprintOf(model, shapes)),
  };
}

/** The largest real graph at hand: present only where the project's reference material is. */
async function benchTransformer(): Promise<void> {
  const path = join(process.cwd(), '..', 'shared', 'models', 'tfbert-qa.onnx');
  if (!existsSync(path)) return;
  const times = await stageTimes(readFileSync(path), 5);
  printPart(
    'BERT for questions and answers, 3,836 nodes',
    Object.entries(times).map(([name, value]) => ({
      name,
      value,
      unit: 'ms',
      ...(name === 'inferShapes' && { goal: 150 }),
    })),
  );
}

/** Files that are all structure. Memory is above that of a run on a single tensor; times are of one process. */
async function benchManyTensors(folder: string): Promise<void> {
  const cli = join(process.cwd(), 'dist', 'thimble.cjs');
  const inspected = (count: number) => {
    const path = join(folder, `${count}-tensors.onnx`);
    writeFileSync(path, buildModel({ graph: manyTensorsGraph(count) }));
    return runMeasured(folder, cli, ['inspect', path]).then((figures) => ({ ...figures, size: statSync(path).size }));
  };
  const least = await inspected(1);
  const most = await inspected(tensorCount);
  const residentBytes = (most.residentMegabytes - least.residentMegabytes) * 1e6;
  const perTensor = async (count: number) =>
    Object.values(await stageTimes(buildModel({ graph: manyTensorsGraph(count) }), 1)).reduce((a, b) => a + b, 0) /
    count;
  const few = await perTensor(10_000);
  printPart(`thimble inspect, ${tensorCount.toLocaleString('en-US')} tensors of one float`, [
    { name: `${(most.size / 1e6).toFixed(0)} MB`, value: most.milliseconds, unit: 'ms' },
    { name: 'most resident memory', value: most.residentMegabytes, unit: 'MB' },
    { name: 'memory of a tensor', value: residentBytes / tensorCount, unit: 'B/tensor' },
    { name: 'memory against the file', value: residentBytes / most.size, unit: 'x' },
    { name: 'time of a tensor against 10,000 (linear is 1)', value: (await perTensor(tensorCount)) / few, unit: 'x' },
  ]);
}
