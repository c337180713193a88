import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { fitColumns, fitRow, runtimesOf } from '../../extension/editor/fit-rows';
import type { RowId } from '../../extension/editor/what-if';
import { findTarget } from '../../extension/targets/catalogue';
import type { FitRow, FromFitTable, ToFitTable } from '../../webview/fit-table-protocol';
import { launchChromium } from './chromium';
import { type OpenedPage, openFitTable } from './open-page';
import { analysisOf, mobileNet } from './sample-state';
import { choicesFor, figuresOf, pinnedNames } from './sample-what-if';
import { themeNames } from './themes';

const folder = 'screenshots/fit-table';
const analysis = analysisOf(mobileNet());
const chosen = choicesFor('stm32f746zg');
const { chips } = fitColumns(
  [chosen],
  pinnedNames.map((name) => ({ name, choices: findTarget(name) && choicesFor(name) })),
);
const runtimes = runtimesOf(chips).map((id) => ({ id, label: id }));

function row(path: string, scheme: RowId, parameters: number): FitRow {
  return { path, own: 0, state: fitRow({ parameters, figures: figuresOf(scheme, runtimes, analysis) }, chips, 0) };
}

const rows: readonly FitRow[] = [
  { path: 'broken.onnx', state: { kind: 'unreadable', reason: 'The file is a pointer of Git LFS, not a model.' } },
  row('kws/ds-cnn.int8.onnx', 'int8', 22_604),
  row('kws/ds-cnn.onnx', 'float16', 22_604),
  row('vision/<b>mobilenet</b>.onnx', 'as-in-file', 210_850),
];

const table: Extract<ToFitTable, { type: 'table' }> = {
  type: 'table',
  folder: 'models',
  chips: chips.map(({ page }) => page),
  rows,
  progress: { kind: 'done', leftOut: 0 },
};

describe('the table of a folder’s models', function () {
  this.timeout(60_000);
  let browser: Browser;
  let opened: OpenedPage<FromFitTable, ToFitTable>;
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

  async function open(shown: ToFitTable = table, memory?: unknown): Promise<void> {
    opened = await openFitTable(browser, { height: 500, memory });
    page = opened.page;
    page.setDefaultTimeout(10_000);
    await opened.send(shown);
    await page.locator('table.fit').waitFor();
  }

  const names = () => page.locator('table.fit tbody tr td:first-child').allInnerTexts();
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-key'));
  const last = async () => (await opened.sent()).at(-1);

  it('has a row for every model, those that cannot be read too, and a column for every chip', async () => {
    await open();
    assert.deepEqual(await opened.sent(), [{ type: 'ready' }]);
    assert.deepEqual(
      await names(),
      rows.map(({ path }) => path),
    );
    assert.match(await page.locator('tbody tr').first().innerText(), /Cannot be read: The file is a pointer/);
    const heads = (await page.locator('table.fit thead').innerText()).replace(/\s+/g, ' ');
    assert.match(heads, /Model Parameters Flash RAM F746ZG .* L432KC .* nRF52840 .* ESP32-S3 .* RP2040/);
    assert.equal(await page.locator('tbody tr').nth(1).locator('td').count(), 4 + 5);
    assert.equal(await page.getByRole('status').innerText(), '4 models in models · 1 cannot be read');
  });

  it('says in words what a cell means, and whose chip it is', async () => {
    await open();
    const cell = page.getByRole('button', {
      name: 'vision/<b>mobilenet</b>.onnx on STM32F746ZG, its own chip: RAM short',
    });
    assert.equal(await cell.innerText(), 'RAM');
    await cell.hover();
    assert.match(await page.getByRole('tooltip').innerText(), /Does not fit STM32F746ZG/);
  });

  it('opens the model of a cell or of a name', async () => {
    await open();
    await page.getByRole('button', { name: /^kws\/ds-cnn.onnx on RP2040/ }).click();
    assert.deepEqual(await last(), { type: 'open', path: 'kws/ds-cnn.onnx' });
    await page.getByRole('button', { name: 'broken.onnx: open' }).press('Enter');
    assert.deepEqual(await last(), { type: 'open', path: 'broken.onnx' });
  });

  it('sorts by any column, what is not known last, and remembers it', async () => {
    await open();
    await page.getByRole('button', { name: 'Flash', exact: true }).click();
    assert.equal(await page.getByRole('columnheader', { name: 'Flash' }).getAttribute('aria-sort'), 'ascending');
    const [smallest, , largest, unknown] = await names();
    assert.deepEqual(
      [smallest, largest, unknown],
      ['kws/ds-cnn.int8.onnx', 'vision/<b>mobilenet</b>.onnx', 'broken.onnx'],
    );
    await page.getByRole('button', { name: 'Flash', exact: true }).click();
    assert.deepEqual((await names()).at(-1), 'broken.onnx');
    assert.equal((await names())[0], 'vision/<b>mobilenet</b>.onnx');
    assert.deepEqual(await opened.memory(), { sorting: { column: 'flash', descending: true } });
    await page.getByRole('button', { name: 'Sort by STM32F746ZG' }).click();
    assert.equal((await names())[0], 'kws/ds-cnn.int8.onnx');
    await page.close();
    await open(table, { sorting: { column: 'path', descending: true } });
    assert.equal((await names())[0], 'vision/<b>mobilenet</b>.onnx');
    await page.close();
    await open(table, { sorting: { column: 'nonsense' } });
    assert.equal((await names())[0], 'broken.onnx');
  });

  it('takes rows one by one, in their place, and keeps the focus', async () => {
    const waiting = rows.map(({ path }): FitRow => ({ path, own: 0, state: { kind: 'waiting' } }));
    await open({ ...table, rows: waiting, progress: { kind: 'running', leftOut: 3 } });
    assert.equal(await page.getByRole('status').innerText(), '0 of 4 models in models measured · 3 more are not shown');
    await page.getByRole('button', { name: 'RAM', exact: true }).click();
    await page.locator('[data-key="row-0-kws/ds-cnn.onnx"]').focus();
    for (const each of [...rows].reverse()) await opened.send({ type: 'row', row: each });
    await page.getByRole('status').filter({ hasText: '4 of 4' }).waitFor();
    assert.deepEqual(await names(), [
      'kws/ds-cnn.int8.onnx',
      'kws/ds-cnn.onnx',
      'vision/<b>mobilenet</b>.onnx',
      'broken.onnx',
    ]);
    assert.equal(await focused(), 'row-0-kws/ds-cnn.onnx');
    assert.equal(await page.locator('table.fit [data-column][tabindex="0"]').count(), 1);
    await page.getByRole('button', { name: 'Stop' }).click();
    assert.deepEqual(await last(), { type: 'stop' });
    await opened.send({ type: 'progress', progress: { kind: 'stopped', leftOut: 0 } });
    await page.getByRole('button', { name: 'Go on' }).click();
    assert.deepEqual(await last(), { type: 'check' });
  });

  it('is one tab stop; arrows walk through it', async () => {
    await open();
    await page.locator('[data-key="row-0-kws/ds-cnn.onnx"]').focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await focused(), 'row-4-kws/ds-cnn.onnx');
    await page.keyboard.press('ArrowUp');
    assert.equal(await focused(), 'row-4-kws/ds-cnn.int8.onnx');
    await page.keyboard.press('End');
    assert.equal(await focused(), 'row-8-kws/ds-cnn.int8.onnx');
    assert.equal(await page.locator('table.fit [data-column][tabindex="0"]').count(), 1);
  });

  it('is copied as Markdown and as CSV in the order it is shown in', async () => {
    await open();
    await page.getByRole('button', { name: 'Copy as CSV' }).click();
    const csv = await last();
    assert.ok(csv?.type === 'copy');
    const lines = csv.text.split('\r\n');
    assert.match(lines[0] ?? '', /^Model,Parameters,Flash bytes,Flash kind,RAM bytes,RAM kind,STM32F746ZG,.*,Remark$/);
    assert.match(lines[1] ?? '', /^broken\.onnx,{11}.*cannot be read: The file is a pointer/);
    assert.match(lines[2] ?? '', /^kws\/ds-cnn\.int8\.onnx,22604,386560,estimated,100762,exact,/);
    await page.getByRole('button', { name: 'Copy as Markdown' }).click();
    const markdown = await last();
    assert.ok(markdown?.type === 'copy');
    assert.match(markdown.text, /^\| Model \| Parameters \| Flash \| RAM \| STM32F746ZG \|/);
    assert.match(markdown.text, /vision\/\\<b\\>mobilenet\\<\/b\\>\.onnx/);
  });

  it('pins and removes chips as the what-if table does', async () => {
    await open();
    await page.getByRole('button', { name: 'Pin a chip…' }).click();
    assert.deepEqual(await last(), { type: 'pin-chip' });
    await page.locator('[data-key="chip-rp2040"]').press('Delete');
    assert.deepEqual(await last(), { type: 'unpin-chip', key: 'rp2040' });
  });

  for (const theme of themeNames) {
    it(`looks right in ${theme}`, async () => {
      await open();
      await opened.setTheme(theme);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false);
      await page.screenshot({ path: `${folder}/${theme}.png` });
    });
  }
});
