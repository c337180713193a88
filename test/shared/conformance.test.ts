import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDataType } from '../../extension/model/data-type';
import { dimToJson, type Shape } from '../../extension/model/dimension';
import type { Model, Value, ValueType } from '../../extension/model/model';
import { MemoryByteSource } from '../../extension/onnx/byte-source';
import { readModel } from '../../extension/onnx/read-model';
import { inferShapes } from '../../extension/shapes/infer-shapes';
import { readTarArchive } from './tar-archive';

/** What the real data of a node test is, as onnx-node-tests.expected.json writes it. */
type RealValue =
  | { readonly kind?: undefined; readonly dtype: string; readonly dims: readonly number[] }
  | { readonly kind: 'sequence'; readonly length: number; readonly elements: readonly RealValue[] }
  | { readonly kind: 'optional'; readonly value: RealValue | null }
  | 'absent'
  | null;

interface NodeTest {
  readonly inputs: Readonly<Record<string, RealValue>>;
  readonly outputs: Readonly<Record<string, RealValue>>;
  readonly value_dependent_outputs?: readonly string[];
}

const shared = join(process.cwd(), '..', 'shared');

/** The type of real data; the dimensions in which the elements of a sequence differ stay open. */
function typeOf(value: RealValue): ValueType | undefined {
  if (value === null || value === 'absent') return undefined;
  if (value.kind === 'sequence') {
    const types = value.elements.map(typeOf);
    return { kind: 'sequence', element: types.length > 0 ? types.reduce(common) : undefined };
  }
  if (value.kind === 'optional') return { kind: 'optional', element: typeOf(value.value) };
  return { kind: 'tensor', dataType: isDataType(value.dtype) ? value.dtype : undefined, shape: value.dims };
}

function common(a: ValueType | undefined, b: ValueType | undefined): ValueType | undefined {
  if (a?.kind !== 'tensor' || b?.kind !== 'tensor') return a;
  const sameRank = a.shape?.length === b.shape?.length;
  return { ...a, shape: sameRank ? a.shape?.map((dim, axis) => (dim === b.shape?.[axis] ? dim : null)) : undefined };
}

/** The model with the real dimensions on its inputs and no shape anywhere else in its main graph. */
function prepared(model: Model, test: NodeTest): Model {
  const inputs = model.graph.inputs.map((input): Value => {
    const type = typeOf(test.inputs[input.name] ?? null);
    return type ? { ...input, type: completedBy(type, input.type) } : input;
  });
  const outputs = model.graph.outputs.map((output): Value => ({ ...output, type: undefined }));
  return { ...model, graph: { ...model.graph, inputs, outputs, values: new Map() } };
}

function completedBy(type: ValueType, declared: ValueType | undefined): ValueType {
  if (type.kind === 'sequence' && declared?.kind === 'sequence')
    return { ...type, element: type.element ?? declared.element };
  if (type.kind === 'optional' && declared?.kind === 'optional') {
    return { ...type, element: type.element ? completedBy(type.element, declared.element) : declared.element };
  }
  return type;
}

type Score = 'exact' | 'symbolic' | 'unknown' | 'wrong';

function scoreShape(actual: Shape | undefined, expected: readonly number[]): Score {
  if (actual === undefined) return 'unknown';
  if (actual.length !== expected.length) return 'wrong';
  if (actual.some((dim, axis) => typeof dim === 'number' && dim !== expected[axis])) return 'wrong';
  if (actual.every((dim) => typeof dim === 'number')) return 'exact';
  return actual.includes(null) ? 'unknown' : 'symbolic';
}

function score(actual: ValueType | undefined, expected: RealValue): Score {
  if (expected === null || expected === 'absent') return 'unknown';
  if (actual === undefined) return 'unknown';
  if (expected.kind === 'optional') {
    if (actual.kind !== 'optional') return score(actual, expected.value);
    return expected.value === null ? 'exact' : score(actual.element, expected.value);
  }
  if (expected.kind === 'sequence') {
    if (actual.kind !== 'sequence') return 'wrong';
    const scores = expected.elements.map((element) => score(actual.element, element));
    return scores.includes('wrong') ? 'wrong' : (scores[0] ?? 'exact');
  }
  if (actual.kind !== 'tensor') return 'wrong';
  if (actual.dataType !== expected.dtype) return actual.dataType === undefined ? 'unknown' : 'wrong';
  return scoreShape(actual.shape, expected.dims);
}

function typeText(type: ValueType | undefined): string {
  if (type?.kind === 'tensor') return `${type.dataType}${JSON.stringify(type.shape?.map(dimToJson))}`;
  if (type?.kind === 'sequence' || type?.kind === 'optional') return `${type.kind}(${typeText(type.element)})`;
  return type?.kind ?? 'unknown';
}

describe('official node tests', function () {
  this.timeout(120_000);

  it('infers every output that can follow from model and input shapes', async () => {
    const { tests }: { tests: Record<string, NodeTest> } = JSON.parse(
      readFileSync(join(shared, 'onnx-node-tests.expected.json'), 'utf8'),
    );
    const files = readTarArchive(readFileSync(join(shared, 'onnx-node-tests.tar.gz')));
    const counts: Record<Score, number> = { exact: 0, symbolic: 0, unknown: 0, wrong: 0 };
    const wrong: string[] = [];
    const remarks: string[] = [];
    for (const [name, test] of Object.entries(tests)) {
      const bytes = files.get(`${name}/model.onnx`);
      assert.ok(bytes, `${name} is in the archive`);
      const model = prepared(await readModel(new MemoryByteSource(bytes), { fileName: name }), test);
      const { graph, diagnostics } = inferShapes(model);
      for (const { code, severity, message } of diagnostics) {
        if (severity !== 'note') remarks.push(`${name}: ${code}: ${message}`);
      }
      for (const [output, expected] of Object.entries(test.outputs)) {
        const value = graph.values.get(output);
        const result = score(value?.type, expected);
        const line = `${name} ${output}: ${typeText(value?.type)}, expected ${JSON.stringify(expected)} ${value?.reason ?? ''}`;
        if (result === 'wrong') wrong.push(line);
        const isTensor = expected !== null && expected !== 'absent' && expected.kind === undefined;
        if (!isTensor || test.value_dependent_outputs?.includes(output)) continue;
        counts[result]++;
        if (result !== 'exact') remarks.push(`${result}: ${line}`);
      }
    }
    const total = counts.exact + counts.symbolic + counts.unknown + counts.wrong;
    console.log(
      `exact ${counts.exact} / symbolic ${counts.symbolic} / unknown ${counts.unknown} / wrong ${counts.wrong} of ${total} outputs that can follow`,
    );
    for (const remark of remarks.slice(0, 5)) console.log(`  ${remark}`);
    if (remarks.length > 5) console.log(`  and ${remarks.length - 5} more`);
    assert.deepEqual(wrong, []);
    assert.ok(counts.exact / total >= 0.98, `${counts.exact} of ${total} exact`);
  });
});
