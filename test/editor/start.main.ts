import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { installOpener } from './opener';
import { ensureServer, extensionsFolder, startServer, workbenchAddress } from './vscode-server';
import { sampleWorkspace } from './workspace';

/** The chip the sample is held against: its float weights do not fit, its int8 weights do. */
const sampleTarget = 'stm32l432kc';

/** `npm start [-- MODEL]`: prints the footprint of a model and opens it in a real editor. */
async function main(): Promise<void> {
  const given = process.argv[2];
  const model = given === undefined ? copyOfSample() : resolve(given);
  if (!existsSync(model)) {
    console.error(`${given}: there is no such file`);
    process.exit(2);
  }
  const target = given === undefined ? ['--target', sampleTarget] : [];
  spawnSync(process.execPath, [resolve('dist', 'thimble.cjs'), 'inspect', model, ...target], { stdio: 'inherit' });
  if (openInInstalledEditor(model)) return;
  await openInServer(model);
}

function copyOfSample(): string {
  return join(sampleWorkspace({ 'thimble.target': sampleTarget }), 'digits-resnet8.onnx');
}

/** Opens the model in the VS Code of this computer; false when there is none. */
function openInInstalledEditor(model: string): boolean {
  const words = ['--new-window', `--extensionDevelopmentPath=${resolve('.')}`, dirname(model), '--goto', model];
  const started = spawnSync('code', words, { stdio: 'ignore', shell: process.platform === 'win32' });
  if (started.status !== 0) return false;
  console.log(`\nOpened ${basename(model)} in Visual Studio Code.`);
  return true;
}

async function openInServer(model: string): Promise<void> {
  console.log('\nNo Visual Studio Code found on this computer: using a VS Code server.');
  const vscode = await ensureServer();
  const token = randomBytes(24).toString('hex');
  const dataFolder = mkdtempSync(join(tmpdir(), 'thimble-editor-'));
  installOpener(extensionsFolder(dataFolder), model);
  const server = await startServer(vscode, { dataFolder, token });
  const address = workbenchAddress(server, {
    folder: dirname(model),
    extension: resolve('.'),
    token,
  });
  console.log(`\nOpen this address in a browser on this computer:\n\n  ${address}\n\nPress Ctrl+C to stop.`);
  const stop = () => {
    server.stop();
    rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 });
    process.exit(0);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  process.on('SIGHUP', stop);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
