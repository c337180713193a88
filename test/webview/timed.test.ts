import assert from 'node:assert/strict';
import type { LatencyEstimate } from '../../extension/targets/latency';
import { asMarkdown, asTabSeparated } from '../../webview/layers/copy';
import { tableRows } from '../../webview/layers/rows';
import { latencySum, timedLayers } from '../../webview/layers/timed';
import type { PageState } from '../../webview/protocol';
import { activatedNet, runtimeStateOf } from './sample-runtime';
import { f746 } from './sample-state';

const bare = { filter: '', sorting: undefined, grouped: false, closedGroups: new Set<string>() } as const;

/** A state in which the layer at each index takes as many milliseconds, from half to twice as long. */
function stateTaking(milliseconds: readonly (readonly [index: number, middleMs: number])[]): PageState {
  const perLayer = milliseconds.map(([index, middleMs]) => ({
    index,
    name: '',
    kind: 'conv' as const,
    lowerMs: middleMs / 2,
    middleMs,
    upperMs: middleMs * 2,
  }));
  const figure: LatencyEstimate = {
    lowerMs: 1,
    middleMs: 2,
    upperMs: 4,
    perLayer,
    kind: 'estimated',
    basis: '',
    accuracy: '',
  };
  return { ...runtimeStateOf({ target: f746 }), latency: { precision: 'int8', figure } };
}

describe('layers with their latency', () => {
  const state = stateTaking([
    [0, 1],
    [2, 5],
    [4, 3],
  ]);
  const layers = timedLayers(state);

  it('have one where it is estimated, and stay as they are without an estimate', () => {
    assert.deepEqual(
      layers.slice(0, 3).map(({ latency }) => latency?.middleMs),
      [1, undefined, 5],
    );
    const { latency: _, ...without } = state;
    assert.equal(timedLayers(without), without.analysis.layers);
    const missing = { ...state, latency: { precision: 'int8', figure: { missing: 'nothing known' } } };
    assert.equal(timedLayers(missing), state.analysis.layers);
  });

  it('add up with their ends', () => {
    assert.deepEqual(latencySum(layers), { lowerMs: 4.5, middleMs: 9, upperMs: 18 });
    assert.equal(latencySum(layers.slice(1, 2)), undefined);
  });

  it('are sorted by it, those without one last', () => {
    const rows = tableRows(layers, { ...bare, sorting: { column: 'latency', descending: true } });
    const indices = rows.flatMap((row) => (row.kind === 'layer' ? [row.layer.index] : []));
    assert.deepEqual(indices.slice(0, 4), [2, 4, 0, 1]);
    assert.equal(indices.length, activatedNet().length);
  });

  it('sum up under their module, and order modules', () => {
    const rows = tableRows(layers, { ...bare, grouped: true, sorting: { column: 'latency', descending: true } });
    const sums = rows.flatMap((row) => (row.kind === 'group' ? [row.sums.latency?.middleMs] : []));
    const known = sums.filter((sum) => sum !== undefined);
    assert.equal(
      known.reduce((total, sum) => total + sum, 0),
      9,
    );
    assert.deepEqual(
      known,
      [...known].sort((a, b) => b - a),
    );
    assert.deepEqual(sums.slice(known.length).filter(Boolean), []);
  });

  it('are copied with their range, empty where there is none', () => {
    const [first = '', second = ''] = asTabSeparated(layers).split('\n');
    assert.match(first, /\t1\t0\.5\t2$/);
    assert.match(second, /\t\t\t$/);
    const [, rule = ''] = asMarkdown(layers).split('\n');
    assert.match(rule, /\| --- \| ---: \| ---: \| ---: \|$/);
  });
});
