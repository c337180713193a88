import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CheckedModel, checkReport } from '../../../extension/cli/check-formats';
import type { Verdict } from '../../../extension/targets/verdict';

function verdict(outcome: Verdict['outcome'], lead: string, detail: string): Verdict {
  const memory = { bytes: 1, kind: 'exact', limit: 2, limitLabel: 'flash', fits: true } as const;
  return { targetId: 'chip', targetName: 'Chip <1>', flash: memory, ram: memory, outcome, lead, detail, reasons: [] };
}

const models: readonly CheckedModel[] = [
  { file: 'models/good.onnx', verdict: verdict('fits', 'Fits Chip <1>:', '1 KiB of RAM stay free.') },
  { file: 'models/tight.onnx', verdict: verdict('tight', 'Fits Chip <1>, but tight:', '~12 B stay free.') },
  {
    file: 'models\\sub dir\\large, really: 100%.onnx',
    verdict: verdict(
      'does-not-fit',
      'Does not fit Chip <1>:',
      'RAM is 74.0 KiB short at step 3, "a" & b.\nSecond line.',
    ),
  },
  {
    file: 'odd.onnx',
    verdict: verdict('cannot-run', 'Runtime cannot run it:', '1 operator, Foo at layer \u001b[31m.'),
  },
  { file: 'unknown.onnx', verdict: verdict('unknown', 'No verdict for Chip <1>:', 'the sizes are not known.') },
  { file: '/models/broken.onnx', error: '/models/broken.onnx: not a model' },
];

/** Compares with test/golden/NAME; `THIMBLE_UPDATE_GOLDENS=1` writes it instead. */
function assertGolden(name: string, text: string): void {
  const path = join(process.cwd(), 'test', 'golden', name);
  if (process.env['THIMBLE_UPDATE_GOLDENS']) writeFileSync(path, text);
  assert.equal(text, readFileSync(path, 'utf8'), name);
}

describe('reports for build servers', () => {
  it('annotate files on GitHub, each in one line', () => {
    const text = checkReport('github', models, '1.2.3');
    assertGolden('check-github.txt', text);
    assert.equal(text.trimEnd().split('\n').length, models.length);
  });

  it('are JUnit XML with failures and errors counted', () => {
    const text = checkReport('junit', models, '1.2.3');
    assertGolden('check-junit.xml', text);
    assert.ok(text.includes('tests="6" failures="2" errors="2"'));
    assert.equal(text.match(/<failure /g)?.length, 2);
    assert.equal(text.match(/<error /g)?.length, 2);
    assert.ok(!text.includes('\u001b'));
  });

  it('are SARIF with a result for every model that does not simply fit', () => {
    const text = checkReport('sarif', models, '1.2.3');
    assertGolden('check-sarif.generated.json', text);
    const [run] = JSON.parse(text).runs;
    const rules = run.tool.driver.rules.map(({ id }: { id: string }) => id);
    assert.deepEqual(
      run.results.map(({ ruleId }: { ruleId: string }) => ruleId),
      ['tight', 'does-not-fit', 'cannot-run', 'unknown', 'unreadable'],
    );
    for (const { ruleId } of run.results) assert.ok(rules.includes(ruleId), ruleId);
    assert.equal(
      run.results[1].locations[0].physicalLocation.artifactLocation.uri,
      'models/sub%20dir/large%2C%20really%3A%20100%25.onnx',
    );
  });

  it('do not let a file name or a message begin a command of its own', () => {
    const file = '::stop-commands::x\n::error::y.onnx';
    for (const model of [
      { file, error: file },
      { file, verdict: verdict('fits', 'Fits', 'well.') },
    ]) {
      const lines = checkReport('github', [model], '1').trimEnd().split('\n');
      assert.equal(lines.length, 1);
      assert.ok(!lines[0]?.startsWith('::stop-commands'));
    }
  });

  it('are whole with no model at all', () => {
    assert.equal(checkReport('github', [], '1'), '');
    assert.ok(checkReport('junit', [], '1').includes('tests="0"'));
    assert.deepEqual(JSON.parse(checkReport('sarif', [], '1')).runs[0].results, []);
  });
});
