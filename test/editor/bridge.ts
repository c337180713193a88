import { mkdirSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { dirname, join } from 'node:path';
import type { Frame, Page } from 'playwright-core';

/** What the suite in the extension host may ask of the browser around it. */
export type BridgeRequest =
  | { readonly do: 'screenshot'; readonly name: string }
  /** Text of an element inside the model page, once it is there. */
  | { readonly do: 'page-text'; readonly selector: string }
  | { readonly do: 'page-click'; readonly selector: string }
  | { readonly do: 'page-press'; readonly key: string }
  /** True when the selector is in the page within a few seconds. */
  | { readonly do: 'page-has'; readonly selector: string }
  | { readonly do: 'workbench-text'; readonly selector: string }
  | { readonly do: 'press'; readonly key: string };

export interface Bridge {
  readonly address: string;
  attach(page: Page): void;
  close(): void;
}

/** How long an element may take to appear, in milliseconds. */
const patience = 20_000;

/** Serves bridge requests on loopback, at an address that only the suite is told. */
export async function startBridge(screenshotFolder: string): Promise<Bridge> {
  let page: Page | undefined;
  const server = createServer((request, response) => {
    void (async () => {
      try {
        if (!page) throw new Error('no page yet');
        const asked: BridgeRequest = JSON.parse(await bodyOf(request));
        response.end(JSON.stringify({ ok: true, value: await perform(page, asked, screenshotFolder) }));
      } catch (error) {
        response.end(JSON.stringify({ ok: false, error: String(error) }));
      }
    })();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('the bridge has no address');
  return {
    address: `http://127.0.0.1:${address.port}/`,
    attach: (attached) => {
      page = attached;
    },
    close: () => server.close(),
  };
}

async function perform(page: Page, asked: BridgeRequest, folder: string): Promise<unknown> {
  switch (asked.do) {
    case 'screenshot': {
      const path = join(folder, `${asked.name}.png`);
      mkdirSync(dirname(path), { recursive: true });
      await page.screenshot({ path });
      return path;
    }
    case 'press':
      return page.keyboard.press(asked.key);
    case 'workbench-text':
      return page.locator(asked.selector).first().innerText({ timeout: patience });
    case 'page-text':
      return (await modelFrame(page)).locator(asked.selector).first().innerText({ timeout: patience });
    case 'page-click':
      return (await modelFrame(page)).locator(asked.selector).first().click({ timeout: patience });
    case 'page-press':
      return (await modelFrame(page)).locator('body').press(asked.key);
    case 'page-has':
      return (await modelFrame(page))
        .locator(asked.selector)
        .first()
        .waitFor({ timeout: patience })
        .then(
          () => true,
          () => false,
        );
  }
}

/** The visible frame that holds the model page: a webview nests it in a frame of its own. */
async function modelFrame(page: Page): Promise<Frame> {
  const until = Date.now() + patience;
  while (Date.now() < until) {
    for (const frame of page.frames()) {
      if (!frame.parentFrame()?.url().includes('/webview/')) continue;
      const element = await frame.frameElement().catch(() => undefined);
      if (element && (await element.isVisible().catch(() => false))) return frame;
    }
    await page.waitForTimeout(100);
  }
  throw new Error('no model page is visible');
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
