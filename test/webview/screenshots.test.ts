import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import type { FromPage } from '../../webview/protocol';
import { launchChromium } from './chromium';
import { type OpenedPage, openPage } from './open-page';
import { detailsOf, f746, longNet, mobileNet, stateOf } from './sample-state';
import { themeNames } from './themes';

const folder = 'screenshots/page';
const sizes = [
  { width: 1200, height: 780 },
  { width: 720, height: 860 },
] as const;

/** Answers the requests for details that are waiting, as the host would. */
async function answerDetails(opened: OpenedPage, state = stateOf(mobileNet(), { target: f746 })): Promise<void> {
  await opened.page.waitForFunction(() => window.hostSide.sent.some(({ type }) => type === 'layer-details'));
  const isRequest = (message: FromPage) => message.type === 'layer-details';
  for (const message of (await opened.sent()).filter(isRequest)) {
    if (message.type !== 'layer-details') continue;
    const layer = state.analysis.layers.find(({ index }) => index === message.index);
    if (layer) await opened.send({ type: 'reply', id: message.id, ok: true, value: detailsOf(layer) });
  }
}

describe('pictures of the page', function () {
  this.timeout(120_000);
  let browser: Browser;

  before(async () => {
    mkdirSync(folder, { recursive: true });
    browser = await launchChromium();
  });

  after(() => browser?.close());

  for (const theme of themeNames) {
    for (const size of sizes) {
      it(`draws every view in ${theme} at ${size.width} without a fault`, async () => {
        const opened = await openPage(browser, { theme, ...size });
        const { page } = opened;
        page.setDefaultTimeout(10_000);
        const shoot = async (name: string): Promise<void> => {
          await page.mouse.move(1, 1);
          await page.screenshot({ path: `${folder}/${name}-${theme}-${size.width}.png` });
        };
        await shoot('loading');
        await opened.send({ type: 'state', state: stateOf(mobileNet(), { target: f746 }) });
        await page.getByText('Where the weights are').waitFor();
        await shoot('summary');
        await page.locator('.scroll').evaluate((view) => view.scrollTo(0, 10_000));
        await shoot('summary-end');
        await page.getByRole('tab', { name: 'Layers' }).click();
        await page.getByRole('button', { name: 'Group by module' }).click();
        await page
          .getByRole('row', { name: /Conv 1×1/ })
          .first()
          .dblclick();
        await answerDetails(opened);
        await page.getByText('Mean, deviation').waitFor();
        await shoot('layers');
        await page.getByRole('tab', { name: 'Memory' }).click();
        await page.locator('canvas').first().waitFor();
        await shoot('memory');
        await page.locator('.timeline').hover({ position: { x: 200, y: 100 } });
        await page.screenshot({ path: `${folder}/memory-hover-${theme}-${size.width}.png` });
        await opened.send({
          type: 'failed',
          title: 'vww_96_float.onnx',
          message: 'Not an ONNX model: a length runs past the end of the file.',
          offset: 1204,
        });
        await page.getByRole('alert').waitFor();
        await shoot('failed');
        assert.deepEqual(opened.faults, []);
        await page.close();
      });
    }
  }

  it('draws ten thousand layers', async () => {
    const opened = await openPage(browser, { width: 1200, height: 780 });
    await opened.send({ type: 'state', state: stateOf(longNet(10_000)) });
    await opened.page.getByText('Where the weights are').waitFor();
    await opened.page.screenshot({ path: `${folder}/summary-long.png` });
    await opened.page.getByRole('tab', { name: 'Memory' }).click();
    await opened.page.locator('canvas').first().waitFor();
    await opened.page.screenshot({ path: `${folder}/memory-long.png` });
    assert.deepEqual(opened.faults, []);
    await opened.page.close();
  });
});
