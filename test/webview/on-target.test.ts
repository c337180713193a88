import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { checkAccelerator } from '../../extension/targets/accelerators';
import { allTargets } from '../../extension/targets/catalogue';
import type { AcceleratorFit } from '../../extension/worker/accelerator-fit';
import { latencyOf } from '../../extension/worker/latency';
import { formatTimeRange, useLocale } from '../../webview/format';
import type { PageState } from '../../webview/protocol';
import { launchChromium } from './chromium';
import { type OpenedPage, type OpenOptions, openPage } from './open-page';
import { runtimeStateOf } from './sample-runtime';
import { f746, mobileNet, stateOf } from './sample-state';
import { themeNames } from './themes';

const folder = 'screenshots/page';

function chip(id: string) {
  const found = allTargets().find((target) => target.id === id);
  assert.ok(found, id);
  return found;
}

/** The state with the latency of a chip in a precision, and what its accelerator makes of the model. */
function stateOn(
  id: string,
  latencyIn: string,
  options: { readonly precision?: 'int8'; readonly revision?: number } = {},
) {
  const state = runtimeStateOf({ target: f746, ...options });
  const { analysis } = state;
  return { ...state, latency: latencyOf({ analysis }, chip(id), 'tflm-cmsis-nn-m4', latencyIn) } satisfies PageState;
}

function withAccelerator(state: PageState, id: string): PageState {
  const layers = state.analysis.layers.map(({ macs, ...layer }) => ({
    ...layer,
    weights: layer.parameters,
    ...(macs !== undefined && { macs }),
  }));
  const check = checkAccelerator(layers, chip(id), 'int8');
  assert.ok(check);
  const latency = latencyOf(state, chip(id), 'accelerator', 'int8').figure;
  const fit: AcceleratorFit = { check, insteadOf: 'float32', ...(check.outcome !== 'none' && { latency }) };
  return { ...state, accelerator: fit };
}

describe('the page on a target', function () {
  this.timeout(60_000);
  let browser: Browser;
  let opened: OpenedPage;
  let page: Page;

  before(async () => {
    useLocale('en-US');
    mkdirSync(folder, { recursive: true });
    browser = await launchChromium();
  });
  after(() => {
    useLocale(undefined);
    return browser?.close();
  });

  async function open(state: PageState, options?: OpenOptions): Promise<void> {
    opened = await openPage(browser, options);
    page = opened.page;
    page.setDefaultTimeout(10_000);
    await opened.send({ type: 'state', state });
  }

  afterEach(async () => {
    assert.deepEqual(opened.faults, []);
    await page.close();
  });

  const card = () => page.locator('.card').filter({ hasText: /^Latency/ });
  const text = async () => (await card().innerText()).replace(/\s+/g, ' ');

  it('shows the latency as a range with its kind, and derives it in words', async () => {
    const state = stateOn('stm32f746zg', 'int8', { precision: 'int8' });
    await open(state);
    assert.match(await text(), /^Latency ~[\d.]+ ?ms ?\([\d.]+–[\d.]+\) int8, one inference$/);
    await card()
      .getByRole('button', { name: /^Latency, estimated [\d.]+ ms/ })
      .click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Published latencies: ').waitFor();
    await dialog.getByText(/the median error was 2\d %/).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('footer.kinds').getByText('~ estimated').waitFor();
  });

  it('says that there is no evidence and why, and what int8 would take', async () => {
    await open(stateOn('stm32u585ai', 'float32'));
    assert.match(await text(), /^Latency no evidence as int8 ~[\d.]+ ms \([\d.]+–[\d.]+\)$/);
    await card().getByText('no evidence').hover();
    await page.getByRole('tooltip').getByText('No float32 latency is published').waitFor();
    await card().getByRole('button').click();
    await page.getByRole('dialog', { name: 'Latency in int8, estimated' }).waitFor();
  });

  it('says what is waited for', async () => {
    await open(stateOf(mobileNet()));
    assert.match(await text(), /choose a chip$/);
    await opened.send({ type: 'state', state: stateOf(mobileNet(), { target: f746, revision: 2 }) });
    await card().getByText('choose a runtime').waitFor();
    await opened.send({ type: 'state', state: runtimeStateOf({ target: f746, revision: 3 }) });
    await card().getByText('estimating…').waitFor();
  });

  it('lists the latency of each layer only where there is an estimate; sorts and copies it', async () => {
    await open(runtimeStateOf({ target: f746 }));
    await page.getByRole('tab', { name: 'Layers' }).click();
    const head = page.getByRole('columnheader', { name: '~Latency' });
    await page.getByRole('columnheader', { name: 'Live RAM' }).waitFor();
    assert.equal(await head.isVisible(), false);
    await opened.send({ type: 'state', state: stateOn('stm32f746zg', 'int8', { precision: 'int8', revision: 2 }) });
    await head.waitFor();
    await head.getByRole('button').click();
    const cells = await page.locator('.grid-body .column-latency').allInnerTexts();
    const times = cells.map((cell) => Number.parseFloat(cell) * (cell.endsWith('µs') ? 0.001 : 1));
    assert.ok(times.length > 5);
    assert.deepEqual(
      times,
      [...times].sort((a, b) => b - a),
    );
    await page.locator('.grid-body .column-latency').first().hover();
    await page
      .getByRole('tooltip')
      .getByText(/^Estimated\. .* range [\d.]+–[\d.]+$/)
      .waitFor();
    assert.match(await page.locator('.foot').innerText(), /~[\d.]+ ms latency/);
    const { figure } = stateOn('stm32f746zg', 'int8').latency;
    assert.ok(!('missing' in figure));
    await page.locator('.foot').getByText('latency').hover();
    await page.getByRole('tooltip').getByText(formatTimeRange(figure)).waitFor();
    await page.getByRole('button', { name: 'Copy CSV' }).click();
    const sent = (await opened.sent()).filter((message) => message.type === 'copy').at(-1);
    assert.ok(sent?.type === 'copy');
    const [first = '', second = ''] = sent.text.split('\r\n');
    assert.match(first, /,"Latency ms, estimated","Latency ms, lower end","Latency ms, upper end"$/);
    assert.match(second, /,int8,[\d.]+,[\d.]+,[\d.]+$/);
  });

  it('keeps the columns of a copy where nothing is estimated', async () => {
    await open(runtimeStateOf({ target: f746 }));
    await page.getByRole('tab', { name: 'Layers' }).click();
    await page.getByRole('button', { name: 'Copy CSV' }).click();
    const sent = (await opened.sent()).filter((message) => message.type === 'copy').at(-1);
    assert.ok(sent?.type === 'copy');
    assert.match(sent.text, /Precision\r\n/);
  });

  it('says what an accelerator refuses, with its memory for weights, and opens the layer', async () => {
    await open(withAccelerator(stateOn('stm32f746zg', 'int8'), 'max78000'));
    const section = page.getByRole('region', { name: 'Accelerator: MAX78000 CNN accelerator' });
    const words = (await section.innerText()).replace(/\s+/g, ' ');
    assert.match(
      words,
      /As int8 \(the model is float32\): the model cannot be compiled for it: it takes \d+ of \d+ layers/,
    );
    assert.match(words, /depthwise; it takes no groups: .* and \d+ more/);
    assert.match(words, /Weights there at least 20\d\.\d KiB of 432 KiB/);
    assert.match(words, /Not checked: How weights and data are laid out.*Source: analogdevicesinc\/ai8x-training/);
    await section.getByRole('listitem').getByRole('button').first().click();
    const side = page.locator('aside');
    await side.getByText('On MAX78000 CNN accelerator, as int8').waitFor();
    await side.getByText('depthwise; it takes no groups').waitFor();
  });

  it('says that an accelerator takes all, with the time there', async () => {
    await open(withAccelerator(stateOn('stm32f746zg', 'int8'), 'alif_e7'));
    const section = page.getByRole('region', { name: /^Accelerator: Ethos-U55/ });
    const words = (await section.innerText()).replace(/\s+/g, ' ');
    assert.match(words, /it takes all \d+ layers\. Latency there: ~[\d.]+ (ms|µs) \([\d.]+–[\d.]+\)/);
    assert.equal(await section.getByRole('listitem').count(), 0);
  });

  it('writes names and reasons as text', async () => {
    const hostile = '<img src=x onerror="document.title=1">';
    const state = withAccelerator(stateOn('stm32f746zg', 'int8'), 'max78000');
    assert.ok(state.accelerator);
    const { check } = state.accelerator;
    const problems = [{ layer: hostile, index: 0, reason: hostile }];
    await open({ ...state, accelerator: { check: { ...check, problems, runsOn: hostile, source: hostile } } });
    await page.getByRole('heading', { name: 'Accelerator' }).waitFor();
    assert.equal(await page.locator('.accelerator img').count(), 0);
  });

  for (const theme of themeNames) {
    for (const width of [1200, 720]) {
      it(`draws card, column and section in ${theme} at ${width}`, async () => {
        const state = withAccelerator(stateOn('stm32f746zg', 'int8', { precision: 'int8' }), 'max78000');
        await open(state, { theme, width, height: 900 });
        await card().waitFor();
        await page.mouse.move(1, 1);
        await page.screenshot({ path: `${folder}/target-summary-${theme}-${width}.png` });
        await card().getByRole('button').click();
        await page.getByRole('dialog').waitFor();
        await page.screenshot({ path: `${folder}/target-latency-${theme}-${width}.png` });
        await page.keyboard.press('Escape');
        await page.getByRole('tab', { name: 'Layers' }).click();
        await page
          .getByRole('row', { name: /depthwise/ })
          .first()
          .dblclick();
        await page.locator('aside').getByText('Because').waitFor();
        await page.screenshot({ path: `${folder}/target-layers-${theme}-${width}.png` });
      });
    }
  }
});
