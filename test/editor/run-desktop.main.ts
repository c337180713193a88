import { resolve } from 'node:path';
import { runTests } from '@vscode/test-electron';
import { sampleWorkspace } from './workspace';

/** Runs the same suite inside VS Code desktop, which test-electron fetches. */
runTests({
  extensionDevelopmentPath: resolve('.'),
  extensionTestsPath: resolve('out', 'test', 'editor', 'suite', 'index.main.cjs'),
  launchArgs: [sampleWorkspace({}), '--disable-extensions', '--disable-workspace-trust'],
}).then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
