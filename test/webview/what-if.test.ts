import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import type { FromPage } from '../../webview/protocol';
import { launchChromium } from './chromium';
import { type OpenedPage, type OpenOptions, openPage } from './open-page';
import { pinnedNames, type SampleTable, whatIfStateOf } from './sample-what-if';
import { themeNames } from './themes';

const folder = 'screenshots/what-if';

describe('the what-if table', function () {
  this.timeout(60_000);
  let browser: Browser;
  let opened: OpenedPage;
  let page: Page;

  before(async () => {
    mkdirSync(folder, { recursive: true });
    browser = await launchChromium();
  });

  after(() => browser?.close());

  afterEach(async () => {
    assert.deepEqual(opened.faults, []);
    await page.close();
  });

  async function open(sample: SampleTable = {}, options: OpenOptions = {}): Promise<void> {
    opened = await openPage(browser, { height: 1000, ...options });
    page = opened.page;
    page.setDefaultTimeout(10_000);
    await opened.send({ type: 'state', state: whatIfStateOf(sample) });
    await page.locator('table.what-if').waitFor();
  }

  async function last<Type extends FromPage['type']>(type: Type): Promise<FromPage | undefined> {
    return (await opened.sent()).findLast((message) => message.type === type);
  }

  const row = (name: string) => page.locator('table.what-if tbody tr', { hasText: name });
  const cell = (scheme: string, chip: string) =>
    page.getByRole('button', { name: new RegExp(`^${scheme} on ${chip}:`) });

  it('has a row for every usual scheme and a column for every chip, the chosen one first', async () => {
    await open();
    const names = await page.locator('table.what-if tbody tr td:first-child').allInnerTexts();
    assert.deepEqual(names, [
      'float32 (file)',
      'float16',
      'int8 per channel',
      'int8 per tensor',
      'int16 × 8',
      'int8 weights only',
      'int4 weights',
      'fixed point Qm.n',
      'ternary',
      'binary',
    ]);
    const heads = await page.locator('.chip-name').allInnerTexts();
    assert.deepEqual(heads, ['F746ZG', 'L432KC', 'nRF52840', 'ESP32-S3', 'RP2040']);
    assert.match(await page.locator('th.chosen').innerText(), /F746ZG\s+1\s?MiB \/ 320K/);
  });

  it('says fits, tight, what is short and what cannot run in a word', async () => {
    await open();
    const words = async (name: string) =>
      (await row(name).locator('td.chip').allInnerTexts()).map((text) => text.trim());
    assert.deepEqual((await words('int8 per channel')).slice(0, 3), ['fits', 'both', 'fits']);
    assert.equal((await words('float32'))[0], 'RAM');
    assert.equal((await words('float16'))[0], 'no kernel');
    assert.ok((await words('int16')).includes('tight'));
    assert.equal(
      await cell('float32 \\(file\\)', 'STM32F746ZG').getAttribute('aria-label'),
      'float32 (file) on STM32F746ZG: RAM short',
    );
  });

  it('shows the numbers of a cell on a press, and closes them with Esc', async () => {
    await open();
    await cell('float32 \\(file\\)', 'STM32F746ZG').click();
    const numbers = page.getByRole('dialog', { name: 'float32 (file) on STM32F746ZG' });
    const text = (await numbers.innerText()).replace(/\s+/g, ' ');
    assert.match(text, /Flash ~1,016\.8 KiB of 1 MiB, internal flash 7\.2 KiB free/);
    assert.match(text, /RAM ~340\.9 KiB of 320 KiB, .* 20\.9 KiB short/);
    assert.match(text, /reserve 48\.0 KiB/);
    assert.match(text, /File 411\.7 KiB as ONNX|File .* as ONNX/);
    await page.keyboard.press('Escape');
    await numbers.waitFor({ state: 'detached' });
  });

  it('names the operators that cannot run, with layer and reason', async () => {
    await open();
    await cell('int4 weights', 'nRF52840').press('Enter');
    const text = await page.getByRole('dialog').innerText();
    assert.match(text, /24 operators cannot run/);
    assert.match(text, /Conv at \/stem\/conv\/Conv: TensorFlow Lite Micro has no kernel/);
    assert.match(text, /and 23 more/);
  });

  it('says what codes take in the file and packed', async () => {
    await open();
    await page.getByText('ternary 208.0 KiB, packed 61.0 KiB; binary 208.0 KiB, packed 35.7 KiB').waitFor();
    await cell('ternary', 'ESP32-S3').click();
    assert.match(await page.getByRole('dialog').innerText(), /codes packed\s+61\.0 KiB/);
  });

  it('is one tab stop; arrows walk through it', async () => {
    await open();
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-key'));
    assert.equal(await page.locator('table.what-if [data-column][tabindex="0"]').count(), 1);
    await page.locator('[data-key="scheme-as-in-file"]').focus();
    await page.keyboard.press('ArrowDown');
    assert.equal(await focused(), 'scheme-float16');
    await page.keyboard.press('ArrowRight');
    assert.equal(await focused(), 'cell-float16-stm32f746zg');
    await page.keyboard.press('ArrowDown');
    assert.equal(await focused(), 'cell-int8-stm32f746zg');
    await page.keyboard.press('End');
    assert.equal(await focused(), 'cell-int8-rp2040');
    for (let times = 0; times < 3; times++) await page.keyboard.press('ArrowUp');
    assert.equal(await focused(), 'chip-rp2040');
    assert.equal(await page.locator('table.what-if [data-column][tabindex="0"]').count(), 1);
  });

  it('pins, removes and orders chips by menu and by key', async () => {
    await open();
    await page.getByRole('button', { name: 'Pin a chip…' }).click();
    assert.deepEqual(await last('pin-chip'), { type: 'pin-chip' });
    await page.locator('[data-key="chip-esp32s3"]').press('Alt+ArrowLeft');
    assert.deepEqual(await last('move-chip'), { type: 'move-chip', key: 'esp32s3', before: 'nrf52840' });
    await page.locator('[data-key="chip-esp32s3"]').press('Alt+ArrowRight');
    assert.deepEqual(await last('move-chip'), { type: 'move-chip', key: 'esp32s3', before: undefined });
    await page.locator('[data-key="chip-rp2040"]').press('Delete');
    assert.deepEqual(await last('unpin-chip'), { type: 'unpin-chip', key: 'rp2040' });
    await page.locator('[data-key="chip-nrf52840"]').click();
    await page.getByRole('dialog', { name: 'nRF52840' }).getByRole('button', { name: 'Make it the target' }).click();
    assert.deepEqual(await last('set-target'), { type: 'set-target', id: 'nrf52840' });
    await page.locator('[data-key="chip-stm32f746zg"]').press('Delete');
    assert.deepEqual(await last('unpin-chip'), { type: 'unpin-chip', key: 'rp2040' });
  });

  it('keeps the focus on a chip that moved', async () => {
    await open();
    await page.locator('[data-key="chip-esp32s3"]').focus();
    const [first = '', second = '', third = ''] = pinnedNames;
    await opened.send({ type: 'state', state: whatIfStateOf({ pinned: [first, third, second], revision: 2 }) });
    await page.locator('.chip-name').nth(3).getByText('nRF52840').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-key')), 'chip-esp32s3');
  });

  it('orders chips by dragging', async () => {
    await open();
    const head = (key: string) => page.locator('th.chip', { has: page.locator(`[data-key="chip-${key}"]`) });
    await head('rp2040').dragTo(head('stm32l432kc'), { targetPosition: { x: 4, y: 10 } });
    assert.deepEqual(await last('move-chip'), { type: 'move-chip', key: 'rp2040', before: 'stm32l432kc' });
    await head('stm32l432kc').dragTo(head('esp32s3'), { targetPosition: { x: 60, y: 10 } });
    assert.deepEqual(await last('move-chip'), { type: 'move-chip', key: 'stm32l432kc', before: 'rp2040' });
  });

  it('shows what is planned as dashes, and a refusal with its reason', async () => {
    await open({
      known: ['as-in-file', 'float16', 'int8'],
      refused: { int8: 'net.onnx is quantized already: it has QuantizeLinear q.' },
    });
    assert.match((await row('int16 × 8').innerText()).replace(/\s+/g, ' '), /^int16 × 8( –)+ ?$/);
    await row('int8 per channel').getByText('net.onnx is quantized already').waitFor();
    assert.equal(await row('int8 per channel').getByRole('button').count(), 0);
  });

  it('says a reason that several schemes share once', async () => {
    const reason = 'net.onnx is quantized already: it has QuantizeLinear q.';
    await open({ refused: { int8: reason, 'int8-per-tensor': reason, int16x8: reason, ternary: 'another reason' } });
    await row('int8 per channel, int8 per tensor, int16 × 8: net.onnx is quantized already').waitFor();
    assert.equal(await page.locator('tr.refused').count(), 2);
    await page.screenshot({ path: `${folder}/refused.png` });
  });

  it('keeps a pinned name that no chip is known by, so that it can be removed', async () => {
    await open({ pinned: ['nrf52840', 'nonesuch'] });
    await cell('float16', 'nonesuch').hover();
    await page.getByRole('tooltip').getByText('No chip is known by the name "nonesuch".').waitFor();
    await page.locator('[data-key="chip-nonesuch"]').press('Delete');
    assert.deepEqual(await last('unpin-chip'), { type: 'unpin-chip', key: 'nonesuch' });
  });

  it('asks before it works out a large model, and before it reads large weights', async () => {
    await open({ nodeCount: 100_000 });
    await page.getByText('With 100,000 nodes the schemes take a while.').waitFor();
    await page.getByRole('button', { name: 'Work out 9 schemes' }).click();
    assert.deepEqual(await last('work-out-schemes'), { type: 'work-out-schemes' });
    const asked = whatIfStateOf({
      nodeCount: 100_000,
      view: { asked: true },
      known: ['as-in-file', 'float16', 'int8'],
      revision: 2,
    });
    await opened.send({ type: 'state', state: asked });
    await page.getByText('2 of 9 schemes worked out').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    assert.deepEqual(await last('stop-schemes'), { type: 'stop-schemes' });
    await opened.send({ type: 'state', state: whatIfStateOf({ constantBytes: 2 ** 30, revision: 3 }) });
    await page.getByRole('button', { name: 'measure the weights of int8 per channel' }).click();
    assert.deepEqual(await last('measure-weights'), { type: 'measure-weights', scheme: 'int8' });
  });

  it('offers the rare schemes', async () => {
    await open();
    await page.getByRole('button', { name: '6 more schemes' }).click();
    assert.deepEqual(await last('show-all-schemes'), { type: 'show-all-schemes', all: true });
    await opened.send({ type: 'state', state: whatIfStateOf({ view: { allSchemes: true }, revision: 2 }) });
    await row('codebook').waitFor();
    await page.getByRole('button', { name: 'Fewer schemes' }).waitFor();
  });

  it('says when Summary is in front', async () => {
    await open();
    assert.deepEqual(await last('summary-shown'), { type: 'summary-shown', shown: true });
    await page.getByRole('tab', { name: 'Layers' }).click();
    assert.deepEqual(await last('summary-shown'), { type: 'summary-shown', shown: false });
  });

  for (const theme of themeNames) {
    for (const width of [1200, 720]) {
      it(`is drawn in ${theme} at ${width}`, async () => {
        await open({}, { theme, width });
        await page.screenshot({ path: `${folder}/summary-${theme}-${width}.png` });
        await cell('int4 weights', 'nRF52840').click();
        await page.screenshot({ path: `${folder}/numbers-${theme}-${width}.png` });
      });
    }
  }
});
