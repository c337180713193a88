import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { planBest } from '../../extension/budget/planners/best-arena';
import { checkPlan } from '../../extension/budget/planners/check-plan';
import { planTflmGreedy } from '../../extension/budget/planners/tflm-greedy';
import { analyseModel } from '../../extension/worker/analyse';
import { openOrigin } from '../../extension/worker/model-sessions';

const shared = join(process.cwd(), '..', 'shared');
const files = ['models', 'samples'].flatMap((folder) =>
  readdirSync(join(shared, folder))
    .filter((name) => name.endsWith('.onnx') && !name.startsWith('invalid-'))
    .map((name) => join(shared, folder, name)),
);

async function lifetimesOfFile(path: string) {
  const opened = await openOrigin({ kind: 'file', path });
  try {
    return (await analyseModel(opened)).footprint.lifetimes;
  } finally {
    await opened.close();
  }
}

describe('arenas of the shared models', () => {
  it('are never larger than those of TFLM greedy, and at the lower bound for at least nine of ten models', async () => {
    let met = 0;
    let saved = 0;
    const gaps: string[] = [];
    for (const path of files) {
      const lifetimes = await lifetimesOfFile(path);
      const greedy = planTflmGreedy(lifetimes);
      const { plan, lowerBound, optimal } = planBest(lifetimes);
      assert.equal(checkPlan(lifetimes, greedy), undefined, path);
      assert.equal(checkPlan(lifetimes, plan), undefined, path);
      assert.ok(plan.arenaBytes <= greedy.arenaBytes, path);
      assert.ok(plan.arenaBytes >= lowerBound, path);
      if (plan.arenaBytes < greedy.arenaBytes) saved++;
      if (plan.arenaBytes === lowerBound) met++;
      else {
        const percent = ((100 * (plan.arenaBytes - lowerBound)) / lowerBound).toFixed(2);
        const name = path.split(/[\\/]/).at(-1);
        gaps.push(`${name} +${percent} % (${plan.arenaBytes} over ${lowerBound}${optimal ? ', proven the best' : ''})`);
      }
    }
    console.log(
      `      at the lower bound: ${met} of ${files.length}; smaller than TFLM greedy: ${saved}; gaps: ${gaps.join(', ') || 'none'}`,
    );
    assert.ok(met >= 0.9 * files.length);
  });
});
