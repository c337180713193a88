import Mocha from 'mocha';

/** Runs the suite inside an extension host; the same for VS Code desktop and for the server. Rejects when a test fails. */
export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: 'bdd', color: false, timeout: 60_000, reporter: 'spec' });
  mocha.suite.emit('pre-require', globalThis, 'suite', mocha);
  await import('./opening');
  await import('./quantizing');
  await import('./chips');
  if (process.env['THIMBLE_TEST_BRIDGE']) {
    await import('./reviewing');
    await import('./page');
    await import('./comparing');
    await import('./comparing-models');
    await import('./checking');
    await import('./quantize-view');
  }
  await new Promise<void>((done, failed) => {
    mocha.run((failures) => (failures > 0 ? failed(new Error(`${failures} editor tests failed`)) : done()));
  });
}
