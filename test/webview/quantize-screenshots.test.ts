import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { launchChromium } from './chromium';
import { openPage } from './open-page';
import { plannedState, quantizeOf, withoutData } from './sample-quantize';
import { themeNames } from './themes';

const folder = 'screenshots/page';
const sizes = [
  { width: 1200, height: 780 },
  { width: 720, height: 860 },
] as const;

describe('pictures of Quantize', function () {
  this.timeout(120_000);
  let browser: Browser;

  before(async () => {
    mkdirSync(folder, { recursive: true });
    browser = await launchChromium();
  });

  after(() => browser?.close());

  for (const theme of themeNames) {
    for (const size of sizes) {
      it(`draws it in ${theme} at ${size.width} without a fault`, async () => {
        const opened = await openPage(browser, { theme, ...size });
        const { page } = opened;
        page.setDefaultTimeout(10_000);
        const shoot = (name: string): Promise<unknown> =>
          page.screenshot({ path: `${folder}/${name}-${theme}-${size.width}.png` });
        await opened.send({ type: 'state', state: plannedState() });
        await page.getByRole('tab', { name: 'Quantize' }).click();
        await page.mouse.move(1, 1);
        await opened.send({ type: 'quantize', state: quantizeOf() });
        await page.locator('.frontier-ring').waitFor();
        await shoot('quantize');
        await page.locator('.quantize-scroll').evaluate((view) => view.scrollTo(0, 10_000));
        await shoot('quantize-end');
        await page.locator('.quantize-scroll').evaluate((view) => view.scrollTo(0, 0));
        const { data } = withoutData();
        await opened.send({ type: 'quantize', state: withoutData() });
        await page.getByText('plans that mix precisions').waitFor();
        await shoot('quantize-empty');
        await opened.send({ type: 'quantize', state: quantizeOf({ data: { ...data, source: 'random' } }) });
        await page.locator('.warning-bar').waitFor();
        await shoot('quantize-random');
        assert.deepEqual(opened.faults, []);
        await page.close();
      });
    }
  }
});
