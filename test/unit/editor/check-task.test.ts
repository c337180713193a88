import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkTaskWords, modelPatterns } from '../../../extension/editor/check-task-words';
import { patternExpression } from '../../../extension/targets/workspace/files';
import { contributes } from '../../../package.json';
import { buildModel } from '../../fixtures/model-builder';
import { thimble } from '../cli/memory-io';

describe('a task of type thimble', () => {
  it('checks every model of the folder against the chosen chip unless it says otherwise', () => {
    deepEqual(modelPatterns({ type: 'thimble' }), ['**/*.onnx']);
    deepEqual(checkTaskWords({ type: 'thimble' }, ['a.onnx'], 'nrf52840'), [
      'check',
      '--target',
      'nrf52840',
      '--',
      'a.onnx',
    ]);
  });

  it('takes its own chip, limits, runtime and sizes before the chosen chip', () => {
    deepEqual(
      checkTaskWords(
        { type: 'thimble', models: 'm/*.onnx', maxRam: '64K', runtime: 'onnx2c', dim: ['batch=1'] },
        ['m/a.onnx'],
        'nrf52840',
      ),
      ['check', '--max-ram', '64K', '--runtime', 'onnx2c', '--dim', 'batch=1', '--', 'm/a.onnx'],
    );
  });

  it('finds models by patterns with folders between', () => {
    const expression = patternExpression('models/**/*.onnx');
    const paths = ['models/a.onnx', 'models/x/y/b.onnx', 'other/models/c.onnx', 'models/a.onnx.data'];
    deepEqual(
      paths.filter((path) => expression.test(path)),
      ['models/a.onnx', 'models/x/y/b.onnx'],
    );
  });

  it('says what it lacks', () => {
    throws(() => checkTaskWords({ type: 'thimble' }, ['a.onnx'], undefined), /names no target and no limits/);
    throws(() => checkTaskWords({ type: 'thimble', models: 'x/*' }, [], 'nrf52840'), /No file matches x\/\*/);
  });
});

describe('the problem matcher', () => {
  const folder = mkdtempSync(join(tmpdir(), 'thimble-matcher-'));
  after(() => rmSync(folder, { recursive: true }));

  it('reads the file, the outcome and the reason from what check prints', async () => {
    const file = join(folder, 'large.onnx');
    const graph = {
      inputs: [{ name: 'x', dims: [1, 64] }],
      outputs: [{ name: 'y', dims: [1, 32] }],
      nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
      initializers: [{ name: 'w', type: 'FLOAT' as const, dims: [64, 32], raw: new Uint8Array(64 * 32 * 4) }],
    };
    writeFileSync(file, buildModel({ graph }));
    const { exitCode, out } = await thimble(['check', '--max-flash', '1K', file]);
    equal(exitCode, 1);
    const [first, second] = out.split('\n');
    const [matcher] = contributes.problemMatchers;
    const [head, reason] = matcher?.pattern ?? [];
    const groups = new RegExp(head?.regexp ?? '').exec(first ?? '');
    equal(groups?.[head?.file ?? 0], file);
    equal(groups?.[head?.code ?? 0], 'does not fit');
    match(new RegExp(reason?.regexp ?? '').exec(second ?? '')?.[reason?.message ?? 0] ?? '', /Flash.*short/);
  });

  it('leaves models that fit alone', async () => {
    const [matcher] = contributes.problemMatchers;
    equal(new RegExp(matcher?.pattern[0]?.regexp ?? '').test('a.onnx: fits  (flash 1.0 KiB of 64 KiB)'), false);
  });
});
