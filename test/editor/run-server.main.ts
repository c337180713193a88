import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { format } from 'node:util';
import { launchChromium } from '../webview/chromium';
import { startBridge } from './bridge';
import { ensureServer, startServer, workbenchAddress } from './vscode-server';
import { sampleWorkspace } from './workspace';

/** The whole suite must end within this time, in milliseconds; a hang is a failure. */
const patience = 8 * 60_000;

/** Runs the editor suite inside a VS Code server that a headless Chromium shows. */
async function main(): Promise<number> {
  const vscode = await ensureServer();
  const bridge = await startBridge(resolve('screenshots', 'editor'));
  const dataFolder = mkdtempSync(join(tmpdir(), 'thimble-server-'));
  const workspace = sampleWorkspace({ 'window.commandCenter': false, 'workbench.startupEditor': 'none' });
  const server = await startServer(vscode, {
    dataFolder,
    // Without a gallery the editor asks no server for extensions.
    environment: { THIMBLE_TEST_BRIDGE: bridge.address, EXTENSIONS_GALLERY: JSON.stringify({ serviceUrl: '' }) },
  });
  const browser = await launchChromium();
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    bridge.attach(page);
    let finish: (code: number) => void = () => {};
    const finished = new Promise<number>((done) => {
      finish = done;
    });
    await page.exposeFunction('codeAutomationLog', (type: string, words: unknown[]) => print(type, words));
    await page.exposeFunction('codeAutomationExit', (code: number) => finish(code));
    const address = workbenchAddress(server, {
      folder: workspace,
      extension: resolve('.'),
      tests: resolve('out', 'test', 'editor', 'suite', 'index.main.cjs'),
    });
    await page.goto(address);
    const late = new Promise<number>((done) => {
      setTimeout(() => {
        console.error('The editor suite did not end in time.');
        done(1);
      }, patience).unref();
    });
    return await Promise.race([finished, late]);
  } finally {
    await browser.close();
    server.stop();
    bridge.close();
    for (const folder of [dataFolder, workspace]) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** What a server without native modules says of itself; it does no harm and hides what the suite says. */
const serverNoise =
  /spdlog|ripgrep|bindings file|native-watchdog|a socket|connection token|ServiceWorker|gallery|ChatSession/;

function print(type: string, words: unknown[]): void {
  const text = format(...words);
  if (serverNoise.test(text)) return;
  (type === 'error' ? console.error : console.log)(text);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
