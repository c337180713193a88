import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** An empty temporary folder with a copy of the sample model; `settings` go to its `.vscode/settings.json`. */
export function sampleWorkspace(settings: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'thimble-'));
  cpSync(resolve('media', 'samples', 'digits-resnet8.onnx'), join(folder, 'digits-resnet8.onnx'));
  mkdirSync(join(folder, '.vscode'));
  writeFileSync(join(folder, '.vscode', 'settings.json'), `${JSON.stringify(settings, null, 2)}\n`);
  return folder;
}
