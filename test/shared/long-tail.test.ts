import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTarget } from '../../extension/targets/catalogue';
import { parseLongTail } from '../../extension/targets/long-tail';

const folder = join(process.cwd(), '..', 'shared', 'targets');
const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const longTail = parseLongTail(readFileSync('extension/targets/long-tail.generated.json', 'utf8'));

describe('long tail against the device lists', () => {
  it('finds every device of the CMSIS packs', () => {
    const devices: readonly { device: string }[] = read('cmsis-devices.json');
    const missing = devices.filter(({ device }) => !findTarget(device, { longTail }));
    assert.deepEqual(
      missing.map(({ device }) => device),
      [],
    );
  });

  it('finds the variants of probe-rs, but for chips that run Linux and other views of a chip', () => {
    const variants: readonly { variant: string; cores: readonly string[] }[] = read('probe-rs-variants.json');
    const missing = variants.filter(({ variant }) => !findTarget(variant, { longTail }));
    assert.deepEqual(
      missing
        .map(({ variant }) => variant)
        .filter((name) => !/_(selfdebug|apponly|dual|lockstep|riscv|lp|ram)$/i.test(name))
        .sort(),
      ['FU740-C000', 'Nuclei_EvalSoC_UX600', 'RaspberryPi4B', 'RaspberryPi5B', 'X7Z', 'iMX7ULP'],
    );
  });

  it('gives a target for nearly every board of PlatformIO', () => {
    const boards: readonly { id: string }[] = read('platformio-boards.json');
    const missing = boards.filter(({ id }) => !findTarget(id, { longTail }));
    assert.ok(missing.length < 15, missing.map(({ id }) => id).join(' '));
  });
});
