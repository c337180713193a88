import { deepEqual, ok } from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareModels } from '../../extension/inference/compare-models';
import { loadWasmFromDisk } from '../../extension/inference/node-wasm';
import { createWebEngine } from '../../extension/inference/web-engine';
import {
  ExternalDataRefused,
  type ExternalFiles,
  MemoryByteSource,
  UnreadableModel,
} from '../../extension/onnx/byte-source';
import { rewriteModel } from '../../extension/onnx/edit';
import { readModel } from '../../extension/onnx/read-model';
import { QuantizationRefused } from '../../extension/quantize/plan';
import { planUpgrade } from '../../extension/quantize/upgrade';
import { inferShapes } from '../../extension/shapes/infer-shapes';

const shared = join(process.cwd(), '..', 'shared');
const files = ['models', 'samples'].flatMap((folder) =>
  readdirSync(join(shared, folder))
    .filter((name) => name.endsWith('.onnx'))
    .map((name) => ({ folder: join(shared, folder), name })),
);

type Outcome =
  | { readonly kind: 'unreadable' | 'faulty' | 'new enough' }
  | { readonly kind: 'refused' | 'not compared'; readonly reason: string }
  | { readonly kind: 'equal' | 'different'; readonly detail: string };

const engine = createWebEngine(loadWasmFromDisk);

async function outcome(folder: string, name: string): Promise<Outcome> {
  const source = new MemoryByteSource(readFileSync(join(folder, name)));
  const externalFiles: ExternalFiles = {
    async open(location) {
      const path = join(folder, location);
      if (location.includes('..') || !existsSync(path)) throw new ExternalDataRefused(`${location} cannot be opened.`);
      return new MemoryByteSource(readFileSync(path));
    },
  };
  try {
    const model = await readModel(source, { fileName: name, externalFiles });
    if (model.diagnostics.some((diagnostic) => diagnostic.severity === 'error')) return { kind: 'faulty' };
    const bytes = { source, externalFiles };
    const planned = await planUpgrade({ model, shapes: inferShapes(model), bytes });
    if (planned === undefined) return { kind: 'new enough' };
    const edits = { ...planned.edits, irVersion: Math.max(model.irVersion ?? 0, 7) };
    const rewritten = await rewriteModel(model, source, edits, { kind: 'inline' }, externalFiles);
    const externalData = model.source.externalFiles.map(({ path }) => ({
      path,
      data: new Uint8Array(readFileSync(join(folder, path))),
    }));
    const result = await compareModels(source, rewritten.model, { engine, externalData });
    if (!result.compared) return { kind: 'not compared', reason: result.reason };
    const changes = planned.passes.flatMap((pass) => pass.changes).join('; ');
    return {
      kind: result.equal ? 'equal' : 'different',
      detail: `${result.outputs} outputs, difference ${result.maxRelativeDifference}; ${changes}`,
    };
  } catch (error) {
    if (error instanceof UnreadableModel) return { kind: 'unreadable' };
    if (error instanceof QuantizationRefused) return { kind: 'refused', reason: error.message };
    throw error;
  }
}

describe('upgrade of the shared models', function () {
  this.timeout(600_000);

  it('computes the same at opset 13', async () => {
    const outcomes = new Map<string, Outcome>();
    for (const { folder, name } of files) outcomes.set(name, await outcome(folder, name));
    const named = (kind: Outcome['kind']) => Array.from(outcomes).filter(([, found]) => found.kind === kind);
    for (const kind of ['equal', 'refused', 'not compared', 'different'] as const) {
      const list = named(kind);
      console.log(`      ${list.length} ${kind}`);
      for (const [name, found] of list)
        console.log(`        ${name}: ${'reason' in found ? found.reason : 'detail' in found ? found.detail : ''}`);
    }
    deepEqual(named('different'), []);
    ok(named('equal').length > 0);
  });
});
