import { deepEqual, equal, match } from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { thimble } from './memory-io';
import { smallModel } from './small-model';

const board = { id: 'our-board', name: 'Our board', extends: 'nrf52840', minus: { ram: '248K' } };

describe("a project's own targets on the command line", () => {
  const folder = mkdtempSync(join(tmpdir(), 'thimble-own-'));
  const nested = join(folder, 'models', 'float');
  const model = join(nested, 'small.onnx');
  before(() => {
    mkdirSync(nested, { recursive: true });
    writeFileSync(model, smallModel());
  });
  after(() => rmSync(folder, { recursive: true }));
  const write = (text: string) => writeFileSync(join(folder, 'thimble.targets.json'), text);

  it('are found from a folder below the file', async () => {
    write(JSON.stringify({ targets: [board] }));
    const { exitCode, out, err } = await thimble(['check', '--target', 'our-board', '--json', model], {
      folder: nested,
    });
    equal(err, '');
    equal(exitCode, 1);
    match(out, /"limit": 8192/);
  });

  it('may extend a chip of the long tail, and stand in the list', async () => {
    write(JSON.stringify([{ id: 'tail', name: 'Tail board', extends: 'stm32f100c4' }]));
    const { exitCode, out } = await thimble(['targets', 'tail board', '--json'], { folder });
    equal(exitCode, 0);
    deepEqual(
      JSON.parse(out).targets.map(({ id }: { readonly id: string }) => id),
      ['tail'],
    );
  });

  it('say at their line what is wrong, and leave the others', async () => {
    write(
      `{ "targets": [\n${JSON.stringify(board)},\n{ "id": "bad", "extends": "nrf52840", "minus": { "ram": "-1K" } }] }`,
    );
    const good = await thimble(['check', '--target', 'our-board', model], { folder });
    equal(good.exitCode, 1);
    match(good.err, /^thimble\.targets\.json:3:\d+: error: /);
    const bad = await thimble(['check', '--target', 'bad', model], { folder });
    equal(bad.exitCode, 2);
    match(bad.err, /unknown target "bad"/);
  });
});
