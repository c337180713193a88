import assert from 'node:assert/strict';
import {
  settledGuess,
  settledProjects,
  settledTargets,
  withBudgets,
  workspaceTarget,
} from '../../../extension/editor/settled-workspace';
import { findTarget } from '../../../extension/targets/catalogue';
import type { FileDiagnostic } from '../../../extension/targets/file-diagnostic';
import { limitsOf } from '../../../extension/targets/limits';
import { parseTargetFile } from '../../../extension/targets/target-file';
import { runtimesFor } from '../../../extension/targets/target-runtimes';
import { detectWorkspace } from '../../../extension/targets/workspace/detect-workspace';
import { patternExpression } from '../../../extension/targets/workspace/files';

function detect(files: Readonly<Record<string, string>>) {
  const paths = Object.keys(files);
  return detectWorkspace(
    {
      find: async (pattern) => paths.filter((path) => patternExpression(pattern).test(path)),
      read: async (path) => files[path],
    },
    { findTarget },
  );
}

const board = (name: string) => `[env:main]\nplatform = ststm32\nboard = ${name}\n`;
const script = (ram: string) =>
  `MEMORY\n{\n  FLASH (rx) : ORIGIN = 0x08000000, LENGTH = 512K\n  RAM (rwx) : ORIGIN = 0x20000000, LENGTH = ${ram}\n}\n`;

describe('what a workspace settles on', () => {
  it('keeps the last target while its file is faulty, and drops it with the file', async () => {
    const before = (await detect({ 'platformio.ini': board('nucleo_f746zg') })).chosen;
    assert.equal(before?.target?.id, 'stm32f746zg');
    const faulty = await detect({ 'platformio.ini': board('no_such_board') });
    assert.equal(faulty.chosen, undefined);
    assert.equal(settledGuess(before, faulty), before);
    assert.equal(settledGuess(before, await detect({})), undefined);
    assert.equal(settledGuess(undefined, faulty), undefined);
  });

  it('keeps the budget of a linker script that is broken for now', async () => {
    const ini = board('nucleo_f746zg');
    const before = settledGuess(undefined, await detect({ 'platformio.ini': ini, 'app.ld': script('96K') }));
    assert.equal(before?.ramBudget?.bytes, 96 * 1024);
    const broken = await detect({ 'platformio.ini': ini, 'app.ld': script('96K + (') });
    assert.ok(broken.diagnostics.some(({ file }) => file === 'app.ld'));
    assert.equal(settledGuess(before, broken)?.ramBudget?.bytes, 96 * 1024);
  });

  it('keeps what a faulty file said of its own project, and drops a project with its files', async () => {
    const files = { 'a/platformio.ini': board('nucleo_f746zg'), 'b/platformio.ini': board('pico') };
    const before = settledProjects([], await detect(files));
    const chips = (projects: typeof before) => projects.map(({ folder, chosen }) => `${folder} ${chosen?.target?.id}`);
    assert.deepEqual(chips(before), ['a stm32f746zg', 'b rp2040']);
    const faulty = await detect({ ...files, 'b/platformio.ini': board('no_such_board') });
    assert.deepEqual(chips(settledProjects(before, faulty)), ['a stm32f746zg', 'b rp2040']);
    assert.deepEqual(chips(settledProjects([], faulty)), ['a stm32f746zg', 'b undefined']);
    const gone = await detect({ 'a/platformio.ini': board('nucleo_f746zg') });
    assert.deepEqual(chips(settledProjects(before, gone)), ['a stm32f746zg']);
  });

  it('lets the budget of a project win over what the chip has', async () => {
    const chosen = (await detect({ 'platformio.ini': board('nucleo_f746zg'), 'app.ld': script('96K') })).chosen;
    assert.ok(chosen?.target);
    const { flash, ram } = limitsOf(withBudgets(chosen.target, chosen));
    assert.deepEqual(ram, { bytes: 96 * 1024, label: chosen.ramBudget?.label });
    assert.deepEqual(flash, { bytes: 512 * 1024, label: chosen.flashBudget?.label });
    assert.equal(withBudgets(chosen.target, {}), chosen.target);
  });

  it('keeps own targets while their file has errors', () => {
    const good = '{ "targets": [{ "id": "a", "extends": "nrf52840" }, { "id": "b", "extends": "nrf52840" }] }';
    const before = parseTargetFile(good, 'thimble.targets.json').targets;
    const ids = (text: string) =>
      settledTargets(before, parseTargetFile(text, 'thimble.targets.json')).map(({ id }) => id);
    assert.deepEqual(ids('{ "targets": [{ "id": "a",'), ['a', 'b']);
    assert.deepEqual(ids('{ "targets": [{ "id": "b", "extends": "nrf52840" }] }'), ['b']);
  });

  it('says faults of the files as diagnostics at their line', async () => {
    const { diagnostics } = await detect({ 'platformio.ini': board('no_such_board') });
    const lines = diagnostics.map(({ line }: FileDiagnostic) => line);
    assert.deepEqual(lines, [3]);
  });

  it('holds models against the memory of a linker script where no file names a chip', async () => {
    const chosen = (await detect({ 'boot/app.ld': script('96K') })).chosen;
    assert.ok(chosen && !chosen.target);
    const target = workspaceTarget(chosen);
    assert.equal(target?.name, 'memory of boot/app.ld');
    const { flash, ram } = limitsOf(target);
    assert.deepEqual(ram, { bytes: 96 * 1024, label: 'region RAM of boot/app.ld' });
    assert.equal(flash?.bytes, 512 * 1024);
    assert.deepEqual(runtimesFor(target), []);
  });

  it('holds them against nothing where a chip is named that nobody knows', async () => {
    const { guesses } = await detect({ 'platformio.ini': board('no_such_board'), 'app.ld': script('96K') });
    const named = guesses.find(({ kind }) => kind === 'platformio');
    assert.ok(named);
    assert.equal(workspaceTarget(named), undefined);
  });
});
