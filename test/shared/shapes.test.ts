import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dimToJson, evaluateDim } from '../../extension/model/dimension';
import type { Model } from '../../extension/model/model';
import { MemoryByteSource } from '../../extension/onnx/byte-source';
import { readModel } from '../../extension/onnx/read-model';
import { inferShapes } from '../../extension/shapes/infer-shapes';

interface ExpectedModel {
  readonly name: string;
  readonly source: 'ort' | 'onnx' | null;
  readonly dim_bindings?: Readonly<Record<string, number>>;
  readonly shapes?: Readonly<Record<string, readonly (number | null)[] | null>>;
  readonly dtypes?: Readonly<Record<string, string | null>>;
  readonly value_dependent?: readonly string[];
}

const folder = join(process.cwd(), '..', 'shared', 'models');

function withoutDeclaredShapes(model: Model): Model {
  const outputs = model.graph.outputs.map((output) => ({ ...output, type: undefined }));
  return { ...model, graph: { ...model.graph, outputs, values: new Map() } };
}

describe('shapes of real models', function () {
  this.timeout(120_000);

  const { models }: { models: readonly ExpectedModel[] } = JSON.parse(
    readFileSync(join(folder, 'expected.json'), 'utf8'),
  );

  async function compare(prepare: (model: Model) => Model) {
    const wrong: string[] = [];
    const open: string[] = [];
    let exact = 0;
    let total = 0;
    for (const expected of models) {
      if (expected.source === null || expected.source === undefined) continue;
      const bytes = readFileSync(join(folder, `${expected.name}.onnx`));
      // An empty file is no model; the reader's own tests hold what it says.
      if (bytes.length === 0) continue;
      const model = prepare(await readModel(new MemoryByteSource(bytes), { fileName: expected.name }));
      const { graph } = inferShapes(model, new Map(Object.entries(expected.dim_bindings ?? {})));
      for (const [name, shape] of Object.entries(expected.shapes ?? {})) {
        const value = graph.values.get(name);
        const type = value?.type;
        const label = `${expected.name}: ${name}`;
        if (type?.kind !== 'tensor') {
          if (shape !== null && type !== undefined) wrong.push(`${label} is ${type.kind}`);
          else if (shape !== null) open.push(`${label}: nothing known; ${value?.reason}`);
          if (shape !== null && !shape.includes(null)) total++;
          continue;
        }
        const dataType = expected.dtypes?.[name];
        if (type.dataType !== undefined && dataType && type.dataType !== dataType) {
          wrong.push(`${label} is ${type.dataType}, expected ${dataType}`);
        }
        if (shape === null) continue;
        const actual = type.shape?.map(dimToJson);
        const text = `${label} ${JSON.stringify(actual)}, expected ${JSON.stringify(shape)}`;
        const valueDependent = expected.value_dependent?.includes(name) ?? false;
        const contradicts =
          type.shape !== undefined &&
          (type.shape.length !== shape.length ||
            type.shape.some((dim, axis) => typeof dim === 'number' && shape[axis] !== null && dim !== shape[axis]));
        if (contradicts && !valueDependent) wrong.push(text);
        if (shape.includes(null) || valueDependent) continue;
        total++;
        if (!contradicts && type.shape?.every((dim) => typeof dim === 'number') && type.dataType === dataType) exact++;
        else if (!contradicts) open.push(`${text}; ${value?.reason}`);
      }
    }
    return { wrong, open, exact, total };
  }

  it('are what a run gives, with the listed bindings', async () => {
    const { wrong, open, exact, total } = await compare((model) => model);
    console.log(`exact ${exact} of ${total} tensors (${((100 * exact) / total).toFixed(2)} %), wrong ${wrong.length}`);
    for (const line of open.slice(0, 5)) console.log(`  open: ${line}`);
    if (open.length > 5) console.log(`  and ${open.length - 5} more`);
    assert.deepEqual(wrong.slice(0, 20), []);
    assert.ok(exact / total >= 0.995, `${exact} of ${total} exact`);
  });

  it('as formulas give the same numbers when the sizes are put in afterwards', async () => {
    const wrong: string[] = [];
    let evaluated = 0;
    let open = 0;
    for (const expected of models) {
      const sizes = expected.dim_bindings ?? {};
      if (expected.source !== 'ort' || Object.keys(sizes).length === 0) continue;
      const bytes = readFileSync(join(folder, `${expected.name}.onnx`));
      const { graph } = inferShapes(await readModel(new MemoryByteSource(bytes), { fileName: expected.name }));
      for (const [name, shape] of Object.entries(expected.shapes ?? {})) {
        const type = graph.values.get(name)?.type;
        if (shape === null || type?.kind !== 'tensor' || !type.shape) continue;
        const actual = type.shape.map((dim) => evaluateDim(dim, (symbol) => sizes[symbol]));
        const contradicts =
          actual.length !== shape.length || actual.some((size, axis) => size !== null && size !== shape[axis]);
        const formula = JSON.stringify(type.shape.map(dimToJson));
        if (contradicts) wrong.push(`${expected.name}: ${name} ${formula}, expected ${JSON.stringify(shape)}`);
        else if (actual.includes(null)) open++;
        else evaluated++;
      }
    }
    console.log(`as formulas: ${evaluated} tensors right, ${open} open, ${wrong.length} wrong`);
    assert.deepEqual(wrong.slice(0, 20), []);
  });

  it('are never wrong when the file declares none', async () => {
    const { wrong, open, exact, total } = await compare(withoutDeclaredShapes);
    console.log(`without value_info: exact ${exact} of ${total} tensors, open ${open.length}, wrong ${wrong.length}`);
    assert.deepEqual(wrong.slice(0, 20), []);
  });
});
