import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { launchChromium } from './chromium';
import { openPage } from './open-page';
import { comparedLayers, compareOf, layersMessage, nothingCompared, unmatchedLayers } from './sample-compare';
import { plannedState } from './sample-quantize';
import { mobileNet } from './sample-state';
import { themeNames } from './themes';

const folder = 'screenshots/page';
const sizes = [
  { width: 1200, height: 780 },
  { width: 720, height: 860 },
] as const;

describe('pictures of Compare', function () {
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
        await page.getByRole('tab', { name: 'Compare' }).click();
        await page.mouse.move(1, 1);
        await opened.send({ type: 'compare', state: nothingCompared() });
        await page.getByText('Compare with the last commit').waitFor();
        await shoot('compare-empty');
        await opened.send({ type: 'compare', state: compareOf() });
        await opened.send(layersMessage());
        await page.getByText('sorted by weights saved').waitFor();
        await shoot('compare');
        const facts = { matched: 30, onlyBefore: 1, onlyAfter: 1, sameShapes: false, weighted: 28, retyped: 28 };
        const state = compareOf({ version: 2, outputs: undefined }, { facts });
        await opened.send({ type: 'compare', state });
        await opened.send(layersMessage([...comparedLayers(mobileNet()), ...unmatchedLayers], 2));
        await page.locator('.compare-grid').evaluate((grid) => grid.scrollTo(0, 10_000));
        await page.getByText('Only after: 1 layer').waitFor();
        await shoot('compare-end');
        assert.deepEqual(opened.faults, []);
        await page.close();
      });
    }
  }
});
