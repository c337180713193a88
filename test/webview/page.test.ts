import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import { MemoryByteSource } from '../../extension/onnx/byte-source';
import { analyseModel } from '../../extension/worker/analyse';
import type { FromPage, PageState } from '../../webview/protocol';
import { buildModel } from '../fixtures/model-builder';
import { launchChromium } from './chromium';
import { type OpenedPage, type OpenOptions, openPage } from './open-page';
import { detailsOf, f746, l432, longNet, mobileNet, stateOf, verdictOf } from './sample-state';

const hostile = '<img src=x onerror="document.title=1">';

describe('the page', function () {
  this.timeout(60_000);
  let browser: Browser;
  let opened: OpenedPage;
  let page: Page;

  before(async () => {
    browser = await launchChromium();
  });
  after(() => browser?.close());

  async function open(state?: PageState, options?: OpenOptions): Promise<void> {
    opened = await openPage(browser, options);
    page = opened.page;
    page.setDefaultTimeout(10_000);
    if (state) await opened.send({ type: 'state', state });
  }

  afterEach(async () => {
    assert.deepEqual(opened.faults, []);
    await page.close();
  });

  const tab = (name: string) => page.getByRole('tab', { name });
  const layerRow = (name: string | RegExp) => page.getByRole('row', { name });
  const last = async (type: FromPage['type']) =>
    (await opened.sent()).filter((message) => message.type === type).at(-1);

  it('asks for its state when it is loaded and shows the file name while it waits', async () => {
    await open();
    assert.deepEqual(await opened.sent(), [{ type: 'ready' }, { type: 'summary-shown', shown: true }]);
    await opened.send({ type: 'loading', fileName: 'net.onnx' });
    await page.getByRole('heading', { name: 'net.onnx' }).waitFor();
    assert.equal(await page.getByRole('progressbar').isVisible(), true);
    await opened.send({ type: 'state', state: stateOf(mobileNet()) });
    await page.getByRole('heading', { name: 'vww_96_float.onnx' }).waitFor();
    assert.equal(await page.getByRole('progressbar').isVisible(), false);
  });

  it('asks for a chip where none is chosen, and draws meters without a limit', async () => {
    await open(stateOf(mobileNet()));
    await page.getByText('Choose a chip to see whether it fits').waitFor();
    await page.getByRole('button', { name: 'Target', exact: true }).click();
    assert.deepEqual(await last('choose-target'), { type: 'choose-target' });
    assert.equal(await page.locator('.bar .limit').count(), 0);
    assert.equal(await page.getByRole('columnheader', { name: /STM32/ }).count(), 0);
  });

  it('says the verdict in a live region and follows a change of chip', async () => {
    await open(stateOf(mobileNet(), { target: f746 }));
    const verdict = page.locator('[aria-live=polite]');
    await verdict.getByText('Model data fits STM32F746ZG:').waitFor();
    await opened.send({ type: 'state', state: stateOf(mobileNet(), { target: l432, revision: 2 }) });
    await verdict.getByText('Does not fit STM32L432KC:').waitFor();
    assert.equal(await page.locator('.meter-state', { hasText: 'short' }).count(), 2);
    assert.equal(await page.locator('.bar .over').count(), 2);
    await page.getByText('both', { exact: true }).first().waitFor();
  });

  it('offers only schemes that are ready, and says that another precision is a what-if', async () => {
    const state = stateOf(mobileNet(), { target: l432 });
    const [file, half] = state.schemes;
    assert.ok(file && half);
    const refused = {
      id: 'int8-weights',
      label: 'int8 weights only',
      state: { kind: 'refused', reason: `Upsample of ${hostile} cannot be upgraded.` },
    } as const;
    await open({
      ...state,
      schemes: [file, half, refused],
      suggestion: { id: 'float16', label: 'float16', text: 'it fits.' },
    });
    const precision = page.getByLabel('Precision', { exact: true });
    assert.deepEqual(await precision.locator('option').allTextContents(), ['as in file (float32)', 'float16']);
    await precision.selectOption('float16');
    assert.deepEqual(await last('set-precision'), { type: 'set-precision', precision: 'float16' });
    await page.getByText(`Upsample of ${hostile}`).waitFor();
    await page.getByRole('status').getByRole('button', { name: 'float16' }).click();
    assert.equal((await opened.sent()).filter(({ type }) => type === 'set-precision').length, 2);
    await opened.send({ type: 'state', state: { ...state, revision: 2, precision: 'float16' } });
    await page.getByText('What-if: the file itself is float32.').waitFor();
  });

  it('keeps the height of the header when the precision changes', async () => {
    const state = stateOf(mobileNet(), { target: f746 });
    for (const width of [1200, 1000, 720]) {
      await open(state, { width });
      await page.getByText('Where the weights are').waitFor();
      const before = await page.locator('header').evaluate((header) => header.clientHeight);
      await opened.send({
        type: 'state',
        state: {
          ...state,
          revision: 2,
          precision: 'int8-weights',
          analysis: {
            ...state.analysis,
            totals: { ...state.analysis.totals, quantizationBytes: 5000, constantBytes: 300_000, weightBytes: 250_000 },
          },
        },
      });
      await page.getByText('quantization', { exact: false }).first().waitFor();
      assert.equal(await page.locator('header').evaluate((header) => header.clientHeight), before);
      if (width !== 720) await page.close();
    }
  });

  it('sets the precision by the name of a scheme, and marks measured errors', async () => {
    await open(stateOf(mobileNet(), { target: f746 }));
    const table = page.locator('table.what-if');
    assert.equal(await table.locator('tbody tr').count(), 3);
    assert.match((await table.locator('tbody tr').nth(1).textContent()) ?? '', /float16.*73\.7/);
    await table.getByRole('img', { name: 'measured' }).waitFor();
    await table.getByRole('img', { name: '12 become zero' }).waitFor();
    await table.getByRole('button', { name: 'int8 weights only', exact: true }).click();
    assert.deepEqual(await last('set-precision'), { type: 'set-precision', precision: 'int8-weights' });
  });

  it('asks for the size of unbound dimensions and sends what is typed', async () => {
    const state = stateOf(mobileNet());
    await open({ ...state, analysis: { ...state.analysis, bindables: [{ key: 'batch', inputs: ['input_1'] }] } });
    const field = page.getByLabel('batch =');
    assert.equal(await field.getAttribute('placeholder'), '1');
    await field.fill('4');
    await field.press('Enter');
    assert.deepEqual(await last('set-binding'), { type: 'set-binding', key: 'batch', size: 4 });
    await field.fill('');
    await field.press('Enter');
    assert.equal((await last('set-binding'))?.type, 'set-binding');
  });

  it('shows formulas where a dimension is open, says what totals count, and marks what the file contradicts', async () => {
    const source = new MemoryByteSource(
      buildModel({
        graph: {
          inputs: [{ name: 'x', dims: ['batch', 1024] }],
          outputs: [{ name: 'z' }],
          values: [{ name: 'y', dims: ['batch', 1000] }],
          nodes: [
            { op: 'Relu', name: 'first', inputs: ['x'], outputs: ['y'] },
            { op: 'Relu', name: 'second', inputs: ['y'], outputs: ['z'] },
          ],
        },
      }),
    );
    const { analysis } = await analyseModel({ fileName: 'open.onnx', source });
    await open({ ...stateOf(mobileNet()), analysis });
    await page.getByText('batch counted as 1').waitFor();
    await tab('Layers').click();
    const row = layerRow(/first/);
    await row.getByText('4·batch KiB').waitFor();
    await row.getByText('8·batch KiB').waitFor();
    await row.getByRole('img', { name: /\[batch, 1000\] in the file, \[batch, 1024\] inferred/ }).waitFor();
    await row.click();
    const side = page.getByRole('complementary', { name: 'Details of first' });
    await side.getByText(/\[batch, 1000\] in the file/).waitFor();
    await side.getByText('Other operations').waitFor();
    assert.match((await side.textContent()) ?? '', /Bytes read4,096 bytesBytes written4,096 bytes/);
  });

  it('changes views by press, arrows and Ctrl with a number, and remembers the one', async () => {
    await open(stateOf(mobileNet(), { target: f746 }));
    await tab('Layers').click();
    await page.keyboard.press('ArrowRight');
    assert.equal(await tab('Memory').getAttribute('aria-selected'), 'true');
    await page.getByText('At the peak, step 2').waitFor();
    await page.keyboard.press('Control+1');
    await page.getByText('Where the weights are').waitFor();
    await page.keyboard.press('Control+2');
    await page.waitForFunction(() => JSON.stringify(window.hostSide.state ?? '').includes('"tab":"layers"'));
    const kept = await opened.memory();
    await page.close();
    await open(stateOf(mobileNet(), { target: f746 }), { memory: kept });
    assert.equal(await tab('Layers').getAttribute('aria-selected'), 'true');
    await page.getByRole('grid').waitFor();
  });

  it('explains a part of a meter on press, and closes the explanation with Esc', async () => {
    await open(stateOf(mobileNet(), { target: f746 }));
    await page.getByRole('button', { name: /^Flash, weights/ }).click();
    await page.getByRole('dialog').getByText('843,400 bytes').waitFor();
    await page.keyboard.press('Escape');
    assert.equal(await page.getByRole('dialog').count(), 0);
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-key')), 'Flash:weights');
  });

  it('opens a layer of a top list in Layers, selected', async () => {
    await open(stateOf(mobileNet(), { target: f746 }));
    await page.getByRole('button', { name: /block_13\/pointwise.*257\.0 KiB/ }).click();
    await page.getByRole('row', { name: /block_13\/pointwise/, selected: true }).waitFor();
    await page.getByText('Selected: /features/block_13/pointwise/Conv').waitFor();
  });

  it('opens the layer of a note', async () => {
    await open(stateOf(mobileNet(), { target: f746 }));
    await page.getByRole('button', { name: /Calibrate of domain/ }).click();
    await page.getByRole('row', { name: /Calibrate/, selected: true }).waitFor();
    await page.locator('.side').getByText('its MACs are left out').waitFor();
  });

  it('draws few rows of ten thousand and reaches the last', async () => {
    await open(stateOf(longNet(10_000)));
    await tab('Layers').click();
    const grid = page.getByRole('grid');
    await grid.focus();
    assert.equal(await grid.getAttribute('aria-rowcount'), '10001');
    assert.ok((await page.locator('.grid-body .grid-row').count()) < 80);
    await page.keyboard.press('End');
    await layerRow(/conv9999 /).waitFor();
    assert.ok((await page.locator('.grid-body .grid-row').count()) < 80);
    await page.keyboard.press('Home');
    await page.keyboard.press('PageDown');
    await page.locator('.grid-row.selected').waitFor();
    assert.equal(
      await grid.getAttribute('aria-activedescendant'),
      await page.locator('.grid-row.selected').getAttribute('id'),
    );
  });

  it('sorts by a head, and returns to execution order at the third press', async () => {
    await open(stateOf(mobileNet()));
    await tab('Layers').click();
    const head = page.getByRole('columnheader', { name: 'Weights' });
    const first = () => page.locator('.grid-body .grid-row').first().textContent();
    await head.getByRole('button').click();
    assert.equal(await head.getAttribute('aria-sort'), 'descending');
    assert.match((await first()) ?? '', /block_13\/pointwise/);
    await head.getByRole('button').click();
    assert.equal(await head.getAttribute('aria-sort'), 'ascending');
    await head.getByRole('button').click();
    assert.equal(await head.getAttribute('aria-sort'), 'none');
    assert.match((await first()) ?? '', /stem/);
  });

  it('filters, says when nothing matches, and clears the filter', async () => {
    await open(stateOf(mobileNet()));
    await tab('Layers').click();
    await page.keyboard.press('Control+f');
    await page.keyboard.type('op:gemm');
    await page.getByText('1 of 31 layers').waitFor();
    assert.equal(await page.locator('.grid-body .grid-row').count(), 1);
    await page.keyboard.press('Control+f');
    await page.keyboard.type('no such thing');
    await page.getByText('No layer matches').waitFor();
    await page.getByRole('button', { name: 'Clear filter' }).click();
    await page.getByText('31 layers', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('role')), 'grid');
  });

  it('adds up rows selected with Shift and copies them as tab-separated text', async () => {
    await open(stateOf(mobileNet()));
    await tab('Layers').click();
    await layerRow(/stem/).click();
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('Shift+ArrowDown');
    await page.getByText('Sum of 3 selected layers').waitFor();
    await page.keyboard.press('Control+c');
    const copied = await last('copy');
    assert.ok(copied?.type === 'copy');
    assert.equal(copied.text.split('\n').length, 3);
    await page.getByRole('button', { name: 'Copy CSV' }).click();
    const csv = await last('copy');
    assert.ok(csv?.type === 'copy');
    assert.equal(csv.text.split('\r\n').length, 33);
  });

  it('closes and opens modules by keyboard', async () => {
    await open(stateOf(mobileNet()));
    await tab('Layers').click();
    await page.getByRole('button', { name: 'Group by module' }).click();
    const group = page.getByRole('row', { name: /features\/block_1 / });
    await group.click();
    assert.equal(await group.getAttribute('aria-expanded'), 'false');
    await page.locator('.grid').focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await group.getAttribute('aria-expanded'), 'true');
  });

  it('shows details of the selected layer, and the reason when they cannot be had', async () => {
    const state = stateOf(mobileNet());
    await open(state);
    await tab('Layers').click();
    await layerRow(/stem/).click();
    const request = async (count: number) => {
      await page.waitForFunction(
        (wanted) => window.hostSide.sent.filter(({ type }) => type === 'layer-details').length === wanted,
        count,
      );
      const message = await last('layer-details');
      assert.ok(message?.type === 'layer-details');
      return message;
    };
    const [layer] = state.analysis.layers;
    assert.ok(layer);
    await opened.send({ type: 'reply', id: (await request(1)).id, ok: true, value: detailsOf(layer) });
    await page.getByRole('img', { name: /Histogram of weight: from −1\.192 to 1\.149/ }).waitFor();
    await page.keyboard.press('ArrowDown');
    await opened.send({ type: 'reply', id: (await request(2)).id, ok: false, error: 'External data is missing.' });
    await page.getByText('External data is missing.').waitFor();
  });

  it('walks through the steps of the timeline, and shows it as a table', async () => {
    await open(stateOf(mobileNet(), { target: f746 }));
    await tab('Memory').click();
    const timeline = page.getByRole('slider', { name: /Peak 216\.0 KiB at step 2/ });
    await timeline.focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await timeline.getAttribute('aria-valuenow'), '3');
    await page.getByRole('tooltip').getByText('Step 3,').waitFor();
    await page.getByText('Selected: /features/block_2/depthwise/Conv').waitFor();
    await page.getByRole('button', { name: 'Show as table' }).click();
    assert.equal(await page.locator('.step-table tbody tr').count(), 31);
    assert.equal(await page.locator('.peak-row .number').textContent(), '221,184');
  });

  it('descends and comes back up in the treemap by keyboard', async () => {
    await open(stateOf(longNet(3000)));
    const map = page.getByRole('listbox', { name: /Treemap/ });
    await map.focus();
    const before = await map.getAttribute('aria-label');
    await page.locator('.module-head').first().click();
    assert.notEqual(await map.getAttribute('aria-label'), before);
    await map.focus();
    await page.keyboard.press('Backspace');
    assert.equal(await map.getAttribute('aria-label'), before);
  });

  it('moves between header, view and side panel with F6', async () => {
    await open(stateOf(mobileNet(), { target: f746 }));
    await tab('Layers').click();
    await layerRow(/stem/).click();
    await tab('Layers').focus();
    const place = () =>
      page.evaluate(() => document.activeElement?.getAttribute('role') ?? document.activeElement?.className);
    await page.keyboard.press('F6');
    assert.equal(await place(), 'grid');
    await page.keyboard.press('F6');
    assert.equal(await place(), 'side');
    await page.keyboard.press('F6');
    assert.equal(await place(), 'tab');
  });

  it('shows names of a model as text everywhere', async () => {
    const [first, ...others] = mobileNet();
    assert.ok(first);
    const state = stateOf([{ ...first, name: hostile, operator: hostile, weights: 900_000, macs: 1e9 }, ...others], {
      target: l432,
    });
    await open({
      ...state,
      analysis: {
        ...state.analysis,
        file: { ...state.analysis.file, name: hostile },
        bindables: [{ key: hostile, inputs: [hostile] }],
        operators: [{ name: hostile, count: 1 }],
        diagnostics: [{ severity: 'error', code: 'x', message: hostile, place: { nodeIndex: 0 } }],
        peak: state.analysis.peak && { ...state.analysis.peak, layer: hostile },
      },
      verdict: { ...verdictOf(state.analysis, l432), lead: hostile, detail: hostile },
    });
    for (const name of ['Summary', 'Layers', 'Memory']) {
      await tab(name).click();
      await page.getByText('onerror').first().waitFor();
      assert.equal(await page.locator('img').count(), 0);
    }
    assert.equal(await page.title(), 'Thimble');
  });

  it('says why a model cannot be read and what can be done', async () => {
    await open();
    await opened.send({ type: 'failed', title: 'net.onnx', message: 'The file ends inside a tensor.', offset: 1204 });
    await page.getByRole('alert').getByText('The file ends inside a tensor. At byte 1,204.').waitFor();
    await page.getByRole('button', { name: 'Open as text' }).click();
    assert.deepEqual(await last('open-as-text'), { type: 'open-as-text' });
    await page.getByRole('button', { name: 'Copy details' }).click();
    assert.deepEqual(await last('copy'), {
      type: 'copy',
      text: 'net.onnx\nThe file ends inside a tensor.\nAt byte 1,204.',
    });
    await opened.send({ type: 'state', state: stateOf(mobileNet()) });
    await page.getByText('Where the weights are').waitFor();
  });

  it('says so when there are no weights or no nodes', async () => {
    await open(stateOf([]));
    await page.getByText('This model holds no weights.').first().waitFor();
    await tab('Layers').click();
    await page.getByText('The graph has no nodes.').waitFor();
    await tab('Memory').click();
    await page.getByText('The graph has no nodes.').waitFor();
  });

  it('keeps tab and selection when the file changes on disk', async () => {
    await open(stateOf(mobileNet()));
    await tab('Layers').click();
    await layerRow(/block_2\/pointwise/).click();
    const [, ...shorter] = mobileNet();
    await opened.send({ type: 'state', state: stateOf(shorter, { revision: 2 }) });
    await page.getByText('30 layers').first().waitFor();
    await page.getByRole('row', { name: /block_2\/pointwise/, selected: true }).waitFor();
  });

  it('redraws its charts when the theme changes', async () => {
    await open(stateOf(mobileNet()));
    await tab('Memory').click();
    const canvas = page.locator('.timeline canvas');
    await canvas.waitFor();
    const dark = await canvas.evaluate((one) => (one instanceof HTMLCanvasElement ? one.toDataURL() : ''));
    await opened.setTheme('light');
    await page.waitForFunction(
      (before) => document.querySelector<HTMLCanvasElement>('.timeline canvas')?.toDataURL() !== before,
      dark,
    );
  });
});
