import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { thimble } from './memory-io';
import { smallModel } from './small-model';

interface Plan {
  readonly layers: Readonly<Record<string, number>>;
  readonly fileBytes: number;
  readonly flashBytes: number;
  readonly sqnrDb: number;
  readonly fits: boolean;
  readonly chosen: boolean;
}

interface Report {
  readonly writtenFileBytes: number;
  readonly recipe: { readonly options: { readonly layers?: Readonly<Record<string, string>> } };
  readonly fit: { readonly plans: readonly Plan[]; readonly syntheticInputs: boolean };
}

describe('quantize --fit and --layer', () => {
  let folder = '';
  let model = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'thimble-fit-'));
    model = join(folder, 'm.onnx');
    writeFileSync(model, smallModel());
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const report = (text: string): Report => JSON.parse(text);

  it('writes the plan with the least error within the budget, and lists the others', async () => {
    const output = join(folder, 'fit.onnx');
    const words = ['quantize', model, '--fit', '--random-inputs', '--recovery', 'none', '--json', '-o', output];
    const wide = report((await thimble([...words, '--max-flash', '1M'])).out);
    const sizes = wide.fit.plans.map(({ flashBytes }) => flashBytes);
    assert.ok(sizes.length > 1);
    assert.ok(wide.fit.syntheticInputs && wide.fit.plans.every(({ fits }) => fits));
    const best = wide.fit.plans.toSorted((a, b) => b.sqnrDb - a.sqnrDb)[0];
    assert.ok(best?.chosen);

    const least = sizes.reduce((a, b) => Math.min(a, b));
    const tight = report((await thimble([...words, '--max-flash', String(least)])).out);
    const chosen = tight.fit.plans.find((plan) => plan.chosen);
    assert.equal(chosen?.flashBytes, least);
    assert.equal(tight.writtenFileBytes, chosen?.fileBytes);
    assert.equal(statSync(output).size, chosen?.fileBytes);
    assert.ok(Object.values(tight.recipe.options.layers ?? {}).includes('int4-weights'));
  });

  it('says how small the smallest plan is where nothing fits, and writes nothing', async () => {
    const output = join(folder, 'none.onnx');
    const words = ['quantize', model, '--fit', '--random-inputs', '--max-flash', '100', '-o', output];
    const { exitCode, err } = await thimble(words);
    assert.equal(exitCode, 2);
    assert.match(err, /No plan fits 100 B of flash: the smallest needs .* of flash and .* of RAM/);
    assert.ok(!existsSync(output));
  });

  it('takes schemes of layers from the command line and from a file, the former first', async () => {
    const layers = join(folder, 'layers.json');
    writeFileSync(layers, JSON.stringify({ stem: 'float32', depthwise: 'int16x8' }));
    const words = ['quantize', model, '--scheme', 'int8', '--dry-run', '--json', '--layers', layers];
    const { out } = await thimble([...words, '--layer', 'stem=int4-weights']);
    assert.deepEqual(report(out).recipe.options.layers, { depthwise: 'int16x8', stem: 'int4-weights' });
  });

  it('refuses what makes no sense', async () => {
    const wrong: [readonly string[], RegExp][] = [
      [['--scheme', 'int8', '--dry-run', '--layer', 'stem'], /--layer "stem" is not NAME=SCHEME/],
      [['--scheme', 'int8', '--max-flash', '1M'], /--max-flash and --max-ram need --fit/],
      [['--fit', '--random-inputs'], /--fit needs something to fit/],
      [['--fit', '--max-flash', '1M'], /--fit measures every plan and needs data/],
      [['--scheme', 'int8', '--dry-run', '--layer', 'nowhere=int4-weights'], /no layer nowhere/],
    ];
    for (const [words, message] of wrong) {
      const { exitCode, err } = await thimble(['quantize', model, ...words]);
      assert.equal(exitCode, 2);
      assert.match(err, message);
    }
  });
});
