import assert from 'node:assert/strict';
import fc from 'fast-check';
import { squarify } from '../../webview/charts/squarify';
import { asCsv, asMarkdown, asTabSeparated } from '../../webview/layers/copy';
import { parseFilter } from '../../webview/layers/filter';
import { nextSorting, type Row, tableRows } from '../../webview/layers/rows';
import { groupingDepth, moduleTree, splitName } from '../../webview/modules';
import { analysisOf, mobileNet } from './sample-state';

const { layers } = analysisOf(mobileNet());
const plain = { filter: '', sorting: undefined, grouped: false, closedGroups: new Set<string>() };
const names = (rows: readonly Row[]): string[] =>
  rows.map((row) => (row.kind === 'layer' ? row.layer.name : `[${row.name}]`));

describe('rows of the layers table', () => {
  it('keeps execution order until a column is sorted, and comes back to it on the third press', () => {
    assert.deepEqual(
      names(tableRows(layers, plain)),
      layers.map(({ name }) => name),
    );
    const first = nextSorting(undefined, 'weights', true);
    assert.deepEqual(first, { column: 'weights', descending: true });
    assert.deepEqual(nextSorting(first, 'weights', true), { column: 'weights', descending: false });
    assert.equal(nextSorting({ column: 'weights', descending: false }, 'weights', true), undefined);
    assert.deepEqual(nextSorting(first, 'name', false), { column: 'name', descending: false });
  });

  it('sorts unknown values last in both directions', () => {
    for (const descending of [true, false]) {
      const rows = tableRows(layers, { ...plain, sorting: { column: 'macs', descending } });
      assert.equal(names(rows).at(-1), '/head/Calibrate');
    }
  });

  it('groups by module with sums, and leaves out the layers of a closed module', () => {
    const rows = tableRows(layers, { ...plain, grouped: true });
    const block = rows.find((row) => row.kind === 'group' && row.name === 'features/block_1');
    assert.ok(block?.kind === 'group');
    assert.equal(block.sums.layers, 2);
    assert.equal(block.sums.parameters, 80 + 144);
    const closed = tableRows(layers, { ...plain, grouped: true, closedGroups: new Set(['features/block_1']) });
    assert.equal(closed.length, rows.length - 2);
  });

  it('filters by name, operator and bytes of weights together', () => {
    const hits = (text: string): string[] => layers.filter(parseFilter(text)).map(({ name }) => name);
    assert.deepEqual(hits('BLOCK_13 pointwise'), ['/features/block_13/pointwise/Conv']);
    assert.deepEqual(hits('op:gemm'), ['/head/classifier/Gemm']);
    assert.deepEqual(hits('>100 KiB'), ['/features/block_12/pointwise/Conv', '/features/block_13/pointwise/Conv']);
    assert.deepEqual(hits('op:conv > 0.2MiB'), ['/features/block_13/pointwise/Conv']);
    assert.equal(hits('<1').length, layers.filter(({ weightBytes }) => weightBytes === 0).length);
    assert.deepEqual(hits('nothing like it'), []);
  });
});

describe('copying layers', () => {
  const [layer] = layers;
  assert.ok(layer);
  const odd = { ...layer, name: '=cmd("x"),|<b>\tend' };

  it('quotes what a spreadsheet or a Markdown table would misread', () => {
    assert.ok(asCsv([odd]).includes('"\'=cmd(""x""),|<b>\tend"'));
    assert.ok(asMarkdown([odd]).includes('=cmd("x"),\\|\\<b\\> end'));
    assert.equal(asTabSeparated([odd]).split('\t').length, 10);
  });

  it('writes exact figures and leaves unknown ones empty', () => {
    const unknown = layers.at(-1);
    assert.ok(unknown);
    assert.equal(asTabSeparated([unknown]), '30\t/head/Calibrate\tCalibrate\t1×2\t0\t0\t\t8\t16\tfloat32');
  });
});

describe('modules', () => {
  it('are read from names with slashes and with dots', () => {
    assert.deepEqual(splitName('/features/block_1/conv/Conv', 2), { module: 'features/block_1', rest: 'conv/Conv' });
    assert.deepEqual(splitName('layer1.0.conv1', 9), { module: 'layer1.0', rest: 'conv1' });
    assert.deepEqual(splitName('model/relu/Relu;model/conv2d_13/Conv2D1', 2), {
      module: 'model/conv2d_13',
      rest: 'Conv2D1',
    });
    assert.deepEqual(splitName('Conv_12', 3), { module: '', rest: 'Conv_12' });
  });

  it('are grouped where a group holds more than one layer', () => {
    assert.equal(groupingDepth(layers.map(({ name }) => name)), 2);
    assert.equal(groupingDepth(['Conv_0', 'Relu_1']), 0);
  });

  it('make a tree whose values add up', () => {
    const tree = moduleTree(layers.map(({ name, step, weightBytes }) => ({ name, step, value: weightBytes })));
    const total = layers.reduce((sum, { weightBytes }) => sum + weightBytes, 0);
    assert.equal(tree.value, total);
    assert.equal(
      tree.children.reduce((sum, { value }) => sum + value, 0),
      total,
    );
  });
});

describe('squarify', () => {
  it('fills the area in proportion to the values', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 80 }), (values) => {
        const area = { x: 3, y: 5, width: 400, height: 250 };
        const total = values.reduce((sum, value) => sum + value, 0);
        const placed = squarify(
          values.map((value) => ({ value })),
          area,
        );
        assert.equal(placed.length, values.length);
        for (const { item, x, y, width, height } of placed) {
          assert.ok(Math.abs(width * height - (item.value / total) * 100_000) < 1e-3);
          assert.ok(x >= 3 - 1e-6 && y >= 5 - 1e-6 && x + width <= 403 + 1e-6 && y + height <= 255 + 1e-6);
        }
      }),
    );
  });

  it('leaves out what has no area', () => {
    assert.deepEqual(squarify([{ value: 0 }], { x: 0, y: 0, width: 10, height: 10 }), []);
  });
});
