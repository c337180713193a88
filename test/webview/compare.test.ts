import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import { launchChromium } from './chromium';
import { type OpenedPage, openPage } from './open-page';
import {
  comparedLayers,
  compareOf,
  layersMessage,
  nothingCompared,
  sampleTotals,
  unmatchedLayers,
} from './sample-compare';
import { f746, longNet, mobileNet, stateOf } from './sample-state';

describe('Compare', function () {
  this.timeout(30_000);
  let browser: Browser;
  let opened: OpenedPage;

  before(async () => {
    browser = await launchChromium();
  });
  beforeEach(async () => {
    opened = await openPage(browser);
    opened.page.setDefaultTimeout(10_000);
    await opened.send({ type: 'state', state: stateOf(mobileNet(), { target: f746 }) });
    await opened.page.getByRole('tab', { name: 'Compare' }).click();
  });
  afterEach(async () => {
    assert.deepEqual(opened.faults, []);
    await opened.page.close();
  });
  after(() => browser?.close());

  const names = (): Promise<readonly string[]> => opened.page.locator('.compare-body .compare-layer').allTextContents();

  async function show(state = compareOf(), layers = comparedLayers(mobileNet())): Promise<void> {
    await opened.send({ type: 'compare', state });
    await opened.send(layersMessage(layers, state.version));
    await opened.page.locator('.compare-body .compare-row').first().waitFor();
  }

  it('says when it is in front and when it no longer is', async () => {
    await opened.page.getByRole('tab', { name: 'Summary' }).click();
    const said = (await opened.sent()).filter(({ type }) => type === 'compare-shown');
    assert.deepEqual(said, [
      { type: 'compare-shown', shown: true },
      { type: 'compare-shown', shown: false },
    ]);
  });

  it('offers a model and the last commit while there is nothing to compare', async () => {
    await opened.send({ type: 'compare', state: nothingCompared() });
    await opened.page.locator('main').getByRole('button', { name: 'Compare with…' }).click();
    await opened.page.getByRole('button', { name: 'Compare with the last commit' }).click();
    assert.deepEqual((await opened.sent()).slice(-2), [
      { type: 'compare-ask', side: 'after' },
      { type: 'compare-choose', side: 'before', id: 'committed' },
    ]);
    await opened.send({ type: 'compare', state: { ...nothingCompared(), committed: undefined } });
    await opened.page.getByRole('button', { name: 'Compare with the last commit' }).waitFor({ state: 'detached' });
  });

  it('is asked for in the header, from any view', async () => {
    await opened.page.getByRole('tab', { name: 'Layers' }).click();
    await opened.page.locator('header').getByRole('button', { name: 'Compare with…' }).click();
    assert.deepEqual((await opened.sent()).at(-1), { type: 'compare-ask', side: 'after' });
    await opened.send({ type: 'select-tab', tab: 'compare' });
    await opened.page.getByRole('tab', { name: 'Compare', selected: true }).waitFor();
  });

  it('says in a sentence what is gained, for what error, and what stays the same', async () => {
    await show();
    const lead = opened.page.locator('.compare-lead');
    assert.match(
      (await lead.textContent()) ?? '',
      /^628\.0 KiB less flash and 194\.5 KiB less RAM for an output at 27\.6 dB .*\. Shapes, MACs and parameters are the same; every weight changes type\.$/,
    );
    const swapped = sampleTotals.map((total) => ({
      ...total,
      change: { ...total.change, value: -total.change.value },
    }));
    const facts = { matched: 30, onlyBefore: 0, onlyAfter: 0, sameShapes: false, weighted: 28, retyped: 3 };
    await show(compareOf({ outputs: undefined, version: 2 }, { totals: swapped, facts }));
    assert.equal(
      await lead.textContent(),
      '628.0 KiB more flash and 194.5 KiB more RAM. MACs and parameters are the same; 3 of 28 layers with weights change type.',
    );
  });

  it('has a table of totals with changes, and of the verdicts on each chip', async () => {
    await show();
    const row = opened.page.getByRole('row', { name: /^Quantization data/ });
    assert.deepEqual(await row.locator('td').allTextContents(), ['0 B', '64.5 KiB', '+64.5 KiB', '', '']);
    const file = opened.page.getByRole('row', { name: /^File/ });
    assert.deepEqual((await file.locator('td').allTextContents()).slice(0, 4), [
      '913,530 bytes',
      '268,595 bytes',
      '−644,935 bytes',
      '−70.6 %',
    ]);
    const chip = opened.page.getByRole('row', { name: /^STM32L432KC/ });
    assert.deepEqual(await chip.locator('.mark-word').allTextContents(), ['both', 'RAM']);
    assert.equal(await chip.getByRole('cell', { name: 'flash and RAM short' }).count(), 1);
  });

  it('lists the layers that save most first, and sorts by any head', async () => {
    await show();
    assert.equal((await names())[0], '/features/block_13/pointwise/Conv');
    const head = opened.page.getByRole('columnheader', { name: 'Layer', exact: true });
    await head.getByRole('button').click();
    assert.equal(await head.getAttribute('aria-sort'), 'ascending');
    assert.equal((await names())[0], '/features/block_1/depthwise/Conv');
    await head.getByRole('button').click();
    assert.equal((await names())[0], '/stem/conv/Conv');
    await head.getByRole('button').click();
    assert.equal(await head.getAttribute('aria-sort'), 'none');
    assert.equal((await names())[0], '/features/block_13/pointwise/Conv');
  });

  it('keeps layers of one model alone in groups of their own', async () => {
    await show(compareOf(), [...comparedLayers(mobileNet()).slice(0, 3), ...unmatchedLayers]);
    const rows = await opened.page.locator('.compare-body .compare-row').allTextContents();
    assert.deepEqual(
      rows.slice(3).map((text) => text.slice(0, 10)),
      ['Only befor', '/head/Norm', 'Only after', '/head/Pad'.padEnd(10, 'i')],
    );
  });

  it('filters, and clears the filter', async () => {
    await show();
    await opened.page.keyboard.press('Control+f');
    await opened.page.keyboard.type('block_13 float16');
    assert.deepEqual(await names(), []);
    await opened.page.getByText('No layer matches').waitFor();
    await opened.page.getByRole('button', { name: 'Clear filter' }).click();
    await opened.page.keyboard.type('block_13');
    assert.deepEqual(await names(), ['/features/block_13/pointwise/Conv', '/features/block_13/depthwise/Conv']);
    await opened.page.keyboard.press('Escape');
    assert.ok((await names()).length > 2);
  });

  it('is worked with keys: rows, the selection of all views, copying, and Layers', async () => {
    await show();
    const grid = opened.page.getByRole('grid', { name: 'Layers before and after' });
    await grid.focus();
    await opened.page.keyboard.press('ArrowDown');
    await opened.page.keyboard.press('ArrowUp');
    assert.match((await opened.page.locator('.selection-note').textContent()) ?? '', /block_13\/pointwise\/Conv$/);
    await opened.page.keyboard.press('Control+c');
    const copied = (await opened.sent()).at(-1);
    assert.ok(copied?.type === 'copy');
    const [heads, cells] = copied.text.split('\n').map((line) => line.split('\t'));
    assert.equal(heads?.length, cells?.length);
    assert.deepEqual(cells?.slice(0, 2), ['/features/block_13/pointwise/Conv', 'float32 → int8']);
    await opened.page.keyboard.press('End');
    assert.equal(await opened.page.locator('.compare-row.active .compare-layer').count(), 1);
    await opened.page.keyboard.press('Home');
    await opened.page.keyboard.press('Enter');
    await opened.page.getByRole('tab', { name: 'Layers', selected: true }).waitFor();
  });

  it('sends what is chosen, and shows what stands there until it changes', async () => {
    await show();
    await opened.page.getByLabel('After', { exact: true }).selectOption('scheme:int8');
    await opened.page.getByLabel('Before', { exact: true }).selectOption('another');
    await opened.page.getByRole('button', { name: 'Swap' }).click();
    assert.deepEqual((await opened.sent()).slice(-3), [
      { type: 'compare-choose', side: 'after', id: 'scheme:int8' },
      { type: 'compare-ask', side: 'before' },
      { type: 'compare-swap' },
    ]);
    assert.equal(await opened.page.getByLabel('After', { exact: true }).inputValue(), 'plan');
  });

  it('says why there is no comparison, and tries again', async () => {
    const problem = 'other.onnx: byte 1,204: length runs past the end of the file';
    await opened.send({ type: 'compare', state: compareOf({ problem, comparison: undefined, chips: [] }) });
    await opened.page.getByText(problem).waitFor();
    assert.equal(await opened.page.locator('.compare-grid').isVisible(), false);
    await opened.page.getByRole('button', { name: 'Try again' }).click();
    assert.deepEqual((await opened.sent()).at(-1), { type: 'compare-reload' });
  });

  it('shows totals before the layers, and no layers of another comparison', async () => {
    await show();
    await opened.send({ type: 'compare', state: compareOf({ version: 2 }) });
    await opened.page.locator('.compare-grid').waitFor({ state: 'hidden' });
    assert.equal(await opened.page.locator('.compare-totals').isVisible(), true);
    await opened.send(layersMessage(comparedLayers(mobileNet()).slice(0, 2), 2));
    await opened.page.locator('.compare-grid').waitFor();
    assert.equal((await names()).length, 2);
  });

  it('draws the rows in sight alone, of ten thousand', async () => {
    await show(compareOf(), comparedLayers(longNet(10_000)));
    assert.ok((await names()).length < 60);
    const grid = opened.page.locator('.compare-grid');
    assert.equal(await grid.getAttribute('aria-rowcount'), '10001');
    await grid.evaluate((element) => element.scrollTo(0, 100_000));
    await opened.page.locator('[aria-rowindex="4550"]').waitFor();
    assert.ok((await names()).length < 60);
  });

  it('takes names of layers as text', async () => {
    const name = '<img src=x onerror=alert(1)>';
    const [first] = comparedLayers(mobileNet());
    assert.ok(first);
    await show(compareOf(), [{ ...first, name }]);
    assert.deepEqual(await names(), [name]);
    assert.equal(await opened.page.locator('.compare-grid img').count(), 0);
  });
});
