import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { launchChromium } from './chromium';
import { openPage } from './open-page';
import { runtimeStateOf } from './sample-runtime';
import { f746, longNet } from './sample-state';
import { themeNames } from './themes';

const folder = 'screenshots/page';
const sizes = [
  { width: 1200, height: 900 },
  { width: 720, height: 1000 },
] as const;

describe('pictures of the page with a runtime', function () {
  this.timeout(120_000);
  let browser: Browser;

  before(async () => {
    mkdirSync(folder, { recursive: true });
    browser = await launchChromium();
  });

  after(() => browser?.close());

  for (const theme of themeNames) {
    for (const size of sizes) {
      it(`draws summary, lowered layers and memory in ${theme} at ${size.width} without a fault`, async () => {
        const opened = await openPage(browser, { theme, ...size });
        const { page } = opened;
        page.setDefaultTimeout(10_000);
        const shoot = async (name: string): Promise<void> => {
          await page.mouse.move(1, 1);
          await page.screenshot({ path: `${folder}/runtime-${name}-${theme}-${size.width}.png` });
        };
        await opened.send({ type: 'state', state: runtimeStateOf({ target: f746 }) });
        await page.getByText('Peak RAM, arena').waitFor();
        await shoot('summary');
        await page.getByRole('tab', { name: 'Memory' }).click();
        await page.locator('.arena-map canvas').waitFor();
        await shoot('memory');
        await page.locator('.arena-map').focus();
        await page.keyboard.press('ArrowUp');
        await page.keyboard.press('Enter');
        await page.screenshot({ path: `${folder}/runtime-memory-keys-${theme}-${size.width}.png` });
        await opened.send({ type: 'state', state: runtimeStateOf({ target: f746, precision: 'int8', revision: 2 }) });
        await page.getByText('What-if: the file itself is float32.').waitFor();
        await shoot('memory-int8');
        await page.locator('.scroll').evaluate((view) => view.scrollTo(0, 10_000));
        await shoot('memory-end');
        await page.getByRole('tab', { name: 'Layers' }).click();
        await page.getByRole('row', { name: /stem/ }).first().dblclick();
        await page.keyboard.press('ArrowRight');
        await page.getByText('Lowered from').waitFor();
        await shoot('layers');
        assert.deepEqual(opened.faults, []);
        await page.close();
      });
    }
  }

  it('draws an arena of two thousand buffers', async () => {
    const opened = await openPage(browser, { width: 1200, height: 900 });
    await opened.send({ type: 'state', state: runtimeStateOf({ plans: longNet(3000), target: f746 }) });
    await opened.page.getByRole('tab', { name: 'Memory' }).click();
    await opened.page.locator('.arena-map canvas').waitFor();
    await opened.page.screenshot({ path: `${folder}/runtime-memory-long.png` });
    assert.deepEqual(opened.faults, []);
    await opened.page.close();
  });
});
