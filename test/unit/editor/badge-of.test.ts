import assert from 'node:assert/strict';
import { badgeOf } from '../../../extension/editor/badge-of';
import type { Verdict } from '../../../extension/targets/verdict';

const badge = (outcome: Verdict['outcome']) => badgeOf({ outcome, lead: 'Does not fit X:', detail: 'RAM is short.' });

describe('the badge of a model in a list of files', () => {
  it('tells what fits, what is tight and what does not fit apart without its colour', () => {
    const shown = (['fits', 'model-data-fits', 'tight', 'does-not-fit'] as const).map(
      (outcome) => badge(outcome)?.badge,
    );
    assert.equal(new Set(shown).size, 4);
    assert.equal(badge('cannot-run')?.badge, badge('does-not-fit')?.badge);
  });

  it('claims nothing where a needed figure is not known', () => {
    assert.equal(badge('unknown'), undefined);
  });

  it('has room: the editor cuts marks of more than two characters', () => {
    for (const outcome of ['fits', 'model-data-fits', 'tight', 'does-not-fit', 'cannot-run'] as const) {
      assert.ok((badge(outcome)?.badge.length ?? 3) <= 2, outcome);
    }
  });

  it('says the verdict in words', () => {
    assert.equal(badge('does-not-fit')?.tooltip, 'Does not fit X: RAM is short.');
    assert.ok(badge('does-not-fit')?.color?.startsWith('list.'));
    assert.equal(badge('fits')?.color, undefined);
  });
});
