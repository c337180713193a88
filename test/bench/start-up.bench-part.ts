import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { MemoryByteSource } from '../../extension/onnx/byte-source';
import { analyseModel } from '../../extension/worker/analyse';
import { WorkerClient } from '../../extension/worker/worker-client';
import { buildModel } from '../fixtures/model-builder';
import { layeredGraph } from './graphs';
import { runMeasured } from './measured-process';
import { leastTime, median, printPart } from './report';

const runs = 7;

/** What stands between a click and the first numbers: the command's start, the extension's, and the worker's with its first model. */
export async function benchStartUp(folder: string): Promise<void> {
  await benchCommand(folder);
  await benchActivation(folder);
  await benchFirstNumbers(folder);
}

async function benchCommand(folder: string): Promise<void> {
  const cli = join(process.cwd(), 'dist', 'thimble.cjs');
  const tiny = join(folder, 'tiny.onnx');
  const nothing = join(folder, 'nothing.cjs');
  writeFileSync(tiny, buildModel({ graph: layeredGraph(5) }));
  writeFileSync(nothing, '');
  const time = async (script: string, ...argv: string[]) => {
    const times: number[] = [];
    for (let run = 0; run < runs; run++) times.push((await runMeasured(folder, script, argv)).milliseconds);
    return median(times);
  };
  const node = await time(nothing);
  const version = await time(cli, '--version');
  const inspect = await time(cli, 'inspect', tiny);
  printPart('start of the command', [
    { name: 'node alone', value: node, unit: 'ms' },
    { name: 'thimble --version', value: version, unit: 'ms', goal: 150 },
    { name: 'thimble inspect of 5 nodes', value: inspect, unit: 'ms', goal: 150 },
    { name: 'inspect against node alone', value: inspect / node, unit: 'x' },
  ]);
}

/** A stand-in for `vscode` in which every member, call and construction gives the stand-in again. */
const activationScript = `
const Module = require('node:module');
const anything = new Proxy(function () {}, {
  get: (_, name) => (name === Symbol.toPrimitive ? () => '' : name === 'then' ? undefined : anything),
  apply: () => anything,
  construct: () => anything,
  set: () => true,
  // A bundle reads the members of a module through an object made with the module's prototype.
  getPrototypeOf: () => anything,
});
const load = Module._load;
Module._load = (name, ...rest) => (name === 'vscode' ? anything : load(name, ...rest));
const start = performance.now();
require(process.argv[2]).activate({ subscriptions: [], extensionUri: anything, workspaceState: anything });
process.stdout.write(String(performance.now() - start));
process.exit();
`;

async function benchActivation(folder: string): Promise<void> {
  const script = join(folder, 'activate.cjs');
  writeFileSync(script, activationScript);
  const bundle = join(process.cwd(), 'dist', 'extension.cjs');
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    times.push(Number((await runMeasured(folder, script, [bundle])).standardOutput));
  }
  printPart('the extension', [
    { name: 'load and activate (vscode replaced)', value: median(times), unit: 'ms', goal: 50 },
    ...['extension.cjs', 'worker.cjs', 'webview.js', 'thimble.cjs', 'ort-wasm-simd-threaded.wasm'].map((name) => ({
      name: `dist/${name}`,
      value: statSync(join('dist', name)).size / 1e6,
      unit: 'MB' as const,
    })),
    {
      name: 'these files compressed one by one',
      value: ['extension.cjs', 'worker.cjs', 'webview.js', 'thimble.cjs', 'ort-wasm-simd-threaded.wasm'].reduce(
        (sum, name) => sum + gzipSync(readFileSync(join('dist', name))).length / 1e6,
        0,
      ),
      unit: 'MB',
      goal: 8,
    },
  ]);
}

/** A model of about 5 MB: 250 nodes whose weights take 20 KB each. */
async function benchFirstNumbers(folder: string): Promise<void> {
  const path = join(folder, 'five-megabytes.onnx');
  const bytes = buildModel({ graph: layeredGraph(250, { channels: 48 }) });
  writeFileSync(path, bytes);
  const script = join(process.cwd(), 'dist', 'worker.cjs');
  // The client's worker does not keep a process alive; an editor has other reasons to live.
  const alive = setInterval(() => {}, 1000);
  const open = async (client: WorkerClient) => {
    const { session } = await client.call('open', { origin: { kind: 'file', path }, bindings: [] });
    return session;
  };
  const cold = await leastTime(runs, async () => {
    const client = new WorkerClient(script);
    await open(client);
    client.dispose();
  });
  const client = new WorkerClient(script);
  await open(client);
  const warm = await leastTime(runs, async () => {
    await client.call('close', { session: await open(client) });
  });
  client.dispose();
  clearInterval(alive);
  const inProcess = await leastTime(runs, () =>
    analyseModel({ fileName: 'five-megabytes.onnx', source: new MemoryByteSource(bytes) }),
  );
  printPart(`first numbers of a model of ${(bytes.length / 1e6).toFixed(1)} MB, from file to Analysis`, [
    { name: 'worker not started', value: cold, unit: 'ms', goal: 300 },
    { name: 'worker running', value: warm, unit: 'ms', goal: 300 },
    { name: 'analysis alone, in memory', value: inProcess, unit: 'ms' },
    { name: 'worker not started, against analysis alone', value: cold / inProcess, unit: 'x' },
  ]);
}
