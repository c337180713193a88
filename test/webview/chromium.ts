import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const quiet = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Starts a headless browser. On Linux it is the one in the package `@sparticuz/chromium`, with the system libraries and fonts
 * that come in it, so that a bare machine needs no other step; elsewhere an installed Chrome or Edge. CHROME_PATH names another.
 */
export async function launchChromium(): Promise<Browser> {
  const named = process.env['CHROME_PATH'];
  if (named) return chromium.launch({ executablePath: named, args: quiet });
  if (process.platform !== 'linux') return launchInstalled();
  const folder = await bundledFolder();
  const libraries = [join(folder, 'al2023', 'lib'), process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':');
  return chromium.launch({
    executablePath: join(folder, 'chromium'),
    args: quiet,
    env: { ...process.env, LD_LIBRARY_PATH: libraries, FONTCONFIG_FILE: join(folder, 'fonts.conf') },
  });
}

async function launchInstalled(): Promise<Browser> {
  try {
    return await chromium.launch({ channel: 'chrome', args: quiet });
  } catch {
    return chromium.launch({ channel: 'msedge', args: quiet });
  }
}

/** Unpacks the package's browser once for this project: beside the place and renamed, so that a second run never sees half of it. */
async function bundledFolder(): Promise<string> {
  const folder = resolve('.vscode-test', `chromium-${process.arch}`);
  if (existsSync(folder)) return folder;
  mkdirSync(resolve('.vscode-test'), { recursive: true });
  const partial = mkdtempSync(`${folder}-`);
  const before = { ...process.env };
  // The package unpacks into the temporary folder, and its system libraries only where it believes to be on Lambda.
  process.env['TMPDIR'] = partial;
  process.env['AWS_LAMBDA_JS_RUNTIME'] = 'nodejs20.x';
  try {
    const { default: bundled } = await import('@sparticuz/chromium');
    await bundled.executablePath();
  } finally {
    // The package changes more of the environment than these two.
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  }
  writeFileSync(join(partial, 'fonts.conf'), fontConfiguration(folder));
  try {
    renameSync(partial, folder);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/**
 * The package's own configuration looks in folders of Lambda only. Without any font the browser's renderer crashes at the first
 * `<select>`. Fonts of the system come second, for signs that the bundled one lacks.
 */
function fontConfiguration(folder: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(folder, 'fonts')}</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>${join(folder, 'fonts-cache')}</cachedir>
  <match target="pattern"><edit name="family" mode="append_last"><string>Open Sans</string></edit></match>
</fontconfig>
`;
}
