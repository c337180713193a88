import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Installs a small extension that opens a model once the editor is up. A file named in the address is opened before extensions are
 * known, and so as text.
 */
export function installOpener(extensions: string, model: string): void {
  const folder = join(extensions, 'thimble.thimble-opener-0.0.1');
  mkdirSync(folder, { recursive: true });
  const manifest = {
    name: 'thimble-opener',
    publisher: 'thimble',
    version: '0.0.1',
    engines: { vscode: '^1.100.0' },
    main: './main.cjs',
    activationEvents: ['onStartupFinished'],
    capabilities: { untrustedWorkspaces: { supported: true } },
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const open = `executeCommand('vscode.openWith', Uri.file(${JSON.stringify(model)}), 'thimble.model')`;
  writeFileSync(
    join(folder, 'main.cjs'),
    `const { commands: { executeCommand }, Uri } = require('vscode');\nexports.activate = () => ${open};\n`,
  );
}
