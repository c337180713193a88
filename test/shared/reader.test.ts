import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Attribute, Graph, Model, Tensor } from '../../extension/model/model';
import { UnreadableModel } from '../../extension/onnx/byte-source';
import { externalFilesBeside, openFile } from '../../extension/onnx/node-files';
import { readModel } from '../../extension/onnx/read-model';
import { readTensorChunks } from '../../extension/onnx/tensor-data';

interface Expected {
  readonly name: string;
  readonly ir_version: number;
  readonly opset_imports: Readonly<Record<string, number>>;
  readonly nodes: number;
  readonly functions: number;
  readonly initializer_elements: number;
  readonly not_topological?: boolean;
  readonly dangling_inputs?: number;
  readonly macs_from?: string;
}

const shared = join(process.cwd(), '..', 'shared');
const models = join(shared, 'models');
const samples = join(shared, 'samples');
const expected: { readonly models: readonly Expected[] } = JSON.parse(
  readFileSync(join(models, 'expected.json'), 'utf8'),
);

/** Reads a model and, while its files are open, hands it on. */
async function withModel(
  path: string,
  use: (model: Model, bytes: Parameters<typeof readTensorChunks>[1]) => Promise<void>,
) {
  const source = await openFile(path);
  const externalFiles = externalFilesBeside(path);
  try {
    await use(await readModel(source, { fileName: path, externalFiles }), { source, externalFiles });
  } finally {
    await externalFiles.close();
    await source.close();
  }
}

function onnxFiles(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.onnx'));
}

function codes(model: Model): string[] {
  return [...new Set(model.diagnostics.map((diagnostic) => diagnostic.code))].sort();
}

function tensorsOf(attribute: Attribute): readonly Tensor[] {
  if (attribute.kind === 'tensor' || attribute.kind === 'sparse-tensor') return [attribute.value];
  return attribute.kind === 'tensors' || attribute.kind === 'sparse-tensors' ? attribute.value : [];
}

function graphsOf(attribute: Attribute): readonly Graph[] {
  if (attribute.kind === 'graph') return [attribute.value];
  return attribute.kind === 'graphs' ? attribute.value : [];
}

function allTensors(graph: Graph): Tensor[] {
  const tensors = [...graph.constants.values()];
  for (const node of graph.nodes) {
    for (const attribute of node.attributes.values()) {
      tensors.push(...tensorsOf(attribute), ...graphsOf(attribute).flatMap(allTensors));
    }
  }
  return tensors;
}

describe('the reader on the collected models', () => {
  for (const row of expected.models.filter((model) => !model.name.startsWith('invalid-'))) {
    it(row.name, async () => {
      await withModel(join(models, `${row.name}.onnx`), async (model) => {
        assert.equal(model.irVersion, row.ir_version);
        const opsets = Object.fromEntries(model.opsets);
        // Version 1 of ai.onnx is assumed where a file imports nothing.
        assert.deepEqual(opsets, {
          ...(Object.keys(row.opset_imports).length === 0 && { 'ai.onnx': 1 }),
          ...row.opset_imports,
        });
        assert.equal(model.graph.nodes.length, row.nodes);
        assert.equal(model.functions.length, row.functions);
        let elements = 0;
        for (const tensor of model.graph.constants.values()) if (!tensor.sparse) elements += tensor.elementCount;
        assert.equal(elements, row.initializer_elements);
        assert.equal(codes(model).includes('nodes-out-of-order'), row.not_topological ?? false);
        const missing = model.diagnostics.filter((diagnostic) => diagnostic.code === 'missing-input');
        // Rows with inlined branches count the names that inlining left behind.
        assert.equal(missing.length, row.macs_from === undefined ? (row.dangling_inputs ?? 0) : 0);
      });
    });
  }

  for (const folder of [models, samples]) {
    for (const name of onnxFiles(folder).filter((file) => !file.startsWith('invalid-'))) {
      it(`${name}: every constant can be read`, async () => {
        await withModel(join(folder, name), async (model, bytes) => {
          const bodies = model.functions.map((definition) => definition.body);
          for (const tensor of [model.graph, ...bodies].flatMap(allTensors)) {
            if (tensor.location.kind === 'strings') continue;
            let length = 0;
            for await (const piece of readTensorChunks(tensor, bytes)) length += piece.length;
            assert.equal(length, tensor.byteLength, tensor.name);
          }
        });
      });
    }
  }
});

describe('the reader on invalid files', () => {
  const unreadable: Readonly<Record<string, RegExp>> = {
    'invalid-corrupt': /text file/,
    'invalid-empty': /empty/,
    'invalid-git-lfs-pointer': /git lfs pull/,
  };
  for (const [name, message] of Object.entries(unreadable)) {
    it(`${name} is unreadable`, () =>
      assert.rejects(
        withModel(join(models, `${name}.onnx`), async () => {}),
        (error) => error instanceof UnreadableModel && message.test(error.message),
      ));
  }

  const faulty: Readonly<Record<string, readonly string[]>> = {
    'invalid-bad-names': ['no-ir-version', 'no-opset'],
    'invalid-external-mem-addr': ['external-data-refused'],
    'invalid-external-path-traversal': ['external-data-refused'],
    'invalid-no-ir-version': ['no-ir-version'],
    'invalid-training-orphan': ['nodes-out-of-order'],
  };
  for (const [name, found] of Object.entries(faulty)) {
    it(`${name} is shown with its faults`, () =>
      withModel(join(models, `${name}.onnx`), async (model) => assert.deepEqual(codes(model), found)));
  }
});
