import { resolve } from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import type { FromFitTable, ToFitTable } from '../../webview/fit-table-protocol';
import { pageHtml } from '../../webview/page-html';
import type { FromPage, ToPage } from '../../webview/protocol';
import { type ThemeName, themes } from './themes';

const origin = 'http://thimble.test';
const bundled = new Map<string, Promise<{ readonly script: string; readonly style: string }>>();

function pageBundles(entry: string) {
  const known = bundled.get(entry);
  if (known) return known;
  const made = build({
    bundle: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    write: false,
    sourcemap: 'inline',
    logLevel: 'warning',
    outdir: 'page',
    entryPoints: [resolve(entry), resolve('media/styles/index.css')],
  }).then(({ outputFiles }) => ({
    script: outputFiles.find(({ path }) => path.endsWith('.js'))?.text ?? '',
    style: outputFiles.find(({ path }) => path.endsWith('.css'))?.text ?? '',
  }));
  bundled.set(entry, made);
  return made;
}

export interface OpenOptions {
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  /** What an earlier page left with setState. */
  readonly memory?: unknown;
}

/** A page in a browser, with the test in the place of the extension host. */
export interface OpenedPage<From = FromPage, To = ToPage> {
  readonly page: Page;
  /** Messages of the page so far. */
  sent(): Promise<readonly From[]>;
  send(message: To): Promise<void>;
  /** What the page has kept with setState. */
  memory(): Promise<unknown>;
  /** Console errors, uncaught errors and violations of the content security policy. */
  readonly faults: readonly string[];
  setTheme(theme: ThemeName): Promise<void>;
}

declare global {
  interface Window {
    hostSide: { sent: FromPage[]; state: unknown };
  }
}

/** Opens the model's page as the host serves it: same document, same policy, theme variables on the root element. */
export function openPage(browser: Browser, options: OpenOptions = {}): Promise<OpenedPage> {
  return openBundle(browser, 'webview/main.ts', options);
}

/** Opens the table of a folder's models as the host serves it. */
export function openFitTable(
  browser: Browser,
  options: OpenOptions = {},
): Promise<OpenedPage<FromFitTable, ToFitTable>> {
  return openBundle(browser, 'webview/fit-table/main.ts', options);
}

async function openBundle<From, To>(
  browser: Browser,
  entry: string,
  options: OpenOptions,
): Promise<OpenedPage<From, To>> {
  const { theme = 'dark', width = 1200, height = 868, memory } = options;
  const page = await browser.newPage({ viewport: { width, height }, reducedMotion: 'reduce', locale: 'en-US' });
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  const html = pageHtml({
    scriptUri: `${origin}/webview.js`,
    styleUri: `${origin}/webview.css`,
    nonce: 'n0nce',
    cspSource: origin,
  });
  const { script, style } = await pageBundles(entry);
  const files: Readonly<Record<string, { readonly contentType: string; readonly body: string }>> = {
    '/': { contentType: 'text/html; charset=utf-8', body: html },
    '/webview.js': { contentType: 'text/javascript; charset=utf-8', body: script },
    '/webview.css': { contentType: 'text/css; charset=utf-8', body: style },
  };
  await page.route('**/*', (route) => {
    const file = files[new URL(route.request().url()).pathname];
    return file ? route.fulfill(file) : route.fulfill({ status: 204, body: '' });
  });
  await page.addInitScript((saved) => {
    window.hostSide = { sent: [], state: saved };
    const host = {
      postMessage: (message: FromPage) => window.hostSide.sent.push(message),
      getState: () => window.hostSide.state,
      setState: (state: unknown) => {
        window.hostSide.state = state;
      },
    };
    Object.assign(window, { acquireVsCodeApi: () => host });
  }, memory);
  await page.addInitScript(paint, themes[theme]);
  await page.goto(`${origin}/`);
  return {
    page,
    faults,
    sent: () => page.evaluate<readonly From[]>('window.hostSide.sent'),
    send: (message) => page.evaluate((data: unknown) => window.postMessage(data, '*'), message),
    memory: () => page.evaluate(() => window.hostSide.state),
    setTheme: (name) => page.evaluate(paint, themes[name]),
  };
}

/** Sets a theme as VS Code does. Runs in the page. */
function paint({
  bodyClass,
  variables,
}: {
  readonly bodyClass: string;
  readonly variables: Readonly<Record<string, string>>;
}): void {
  const apply = (): void => {
    const root = document.documentElement;
    root.removeAttribute('style');
    for (const [name, value] of Object.entries(variables)) root.style.setProperty(name, value);
    document.body.className = bodyClass;
  };
  if (document.body) apply();
  else document.addEventListener('DOMContentLoaded', apply);
}
