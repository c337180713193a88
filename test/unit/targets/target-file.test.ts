import assert from 'node:assert/strict';
import { limitsOf } from '../../../extension/targets/limits';
import { parseTargetFile } from '../../../extension/targets/target-file';
import { fixtureWorkspace } from '../../fixtures/workspace-files';

const KiB = 1024;

function parse(text: string) {
  return parseTargetFile(text, '.thimble/targets.json');
}

function only(text: string) {
  const { targets, diagnostics } = parse(text);
  assert.deepEqual(diagnostics, []);
  const [target] = targets;
  assert.ok(target);
  return target;
}

/** `code line:column` of each diagnostic. */
function faults(text: string): readonly string[] {
  return parse(text).diagnostics.map(({ code, line, column }) => `${code} ${line}:${column}`);
}

describe('target file', () => {
  it('reads full and derived definitions', async () => {
    const text = await fixtureWorkspace('own-targets').read('.thimble/targets.json');
    const { targets, diagnostics } = parse(text ?? '');
    assert.deepEqual(diagnostics, []);
    const [feather, soc] = targets;
    assert.ok(feather && soc);
    assert.equal(feather.name, 'Feather nRF52840 with SoftDevice');
    assert.equal(feather.vendor, 'Nordic Semiconductor');
    assert.deepEqual(feather.reserves, { flash: 64 * KiB, ram: 0, stack: 4096 });
    assert.equal(limitsOf(feather).flash?.bytes, (1024 - 152) * KiB);
    assert.equal(limitsOf(feather).ram?.bytes, (256 - 6) * KiB);
    assert.match(feather.sources['derived'] ?? '', /nRF52840 without 155648 bytes of flash and 6144 bytes of ram/);
    assert.equal(soc.clockHz, 96e6);
    assert.equal(limitsOf(soc).flash?.bytes, 2048 * KiB);
    assert.equal(limitsOf(soc).ram?.bytes, 256 * KiB);
  });

  it('takes sizes as numbers, with units and in hexadecimal', () => {
    const sizes = ['65536', '"64K"', '"64 KiB"', '"0x10000"', '"0.0625M"'];
    for (const size of sizes) {
      const target = only(`[{"id": "a", "memories": [{"kind": "sram", "size": ${size}}]}]`);
      assert.equal(target.memories[0]?.bytes, 65536, size);
    }
  });

  it('derives from targets of the same file, in any order', () => {
    const { targets, diagnostics } = parse(`{"targets": [
      {"id": "c", "extends": "b", "minus": {"ram": "1K"}},
      {"id": "b", "extends": "a", "minus": {"ram": "2K"}},
      {"id": "a", "memories": [{"kind": "sram", "size": "64K"}, {"kind": "flash", "size": "1M"}]}
    ]}`);
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(
      targets.map(({ id, memories }) => [id, memories[0]?.bytes]),
      [
        ['c', 61 * KiB],
        ['b', 62 * KiB],
        ['a', 64 * KiB],
      ],
    );
  });

  it('may refine a target of the catalogue under its own id', () => {
    const target = only('[{"id": "nrf52840", "extends": "nrf52840", "reserves": {"ram": "16K"}}]');
    assert.equal(target.id, 'nrf52840');
    assert.equal(target.reserves?.ram, 16 * KiB);
    assert.equal(limitsOf(target).ram?.bytes, 256 * KiB);
  });

  it('takes RAM from the piece the arena would lie in', () => {
    const h7 = only('[{"id": "h7", "extends": "stm32h743zi", "minus": {"ram": "100K"}}]');
    assert.equal(limitsOf(h7).ram?.bytes, 412 * KiB);
    const f7 = only('[{"id": "f7", "extends": "stm32f746zg", "minus": {"ram": "10K"}}]');
    assert.equal(limitsOf(f7).ram?.bytes, 310 * KiB);
    // Another piece is larger than what is left.
    const less = only('[{"id": "h7", "extends": "stm32h743zi", "minus": {"ram": "400K"}}]');
    assert.equal(limitsOf(less).ram?.bytes, 288 * KiB);
  });

  it('replaces the regions of the base where regions are given', () => {
    const target = only('[{"id": "x", "extends": "nrf52840", "memories": [{"kind": "sram", "size": "100K"}]}]');
    assert.equal(target.core, 'Cortex-M4F');
    assert.equal(limitsOf(target).ram?.bytes, 100 * KiB);
    assert.equal(limitsOf(target).flash, undefined);
  });

  it('allows comments, trailing commas, CRLF and a byte order mark', () => {
    const text = '\uFEFF{\r\n  // mine\r\n  "targets": [ /* one */ {"id": "x", "extends": "nrf52840",},],\r\n}\r\n';
    assert.equal(only(text).id, 'x');
  });

  it('names the line and column of each fault, and keeps the targets without one', () => {
    const text = `{
  "targets": [
    { "id": "negative", "memories": [{ "kind": "sram", "size": -64 }] },
    { "id": "kind", "memories": [{ "kind": "ramm", "size": "64K" }] },
    { "id": "size", "memories": [{ "kind": "sram", "size": "64Q" }] },
    { "id": "base", "extends": "nrf99999" },
    { "id": "good", "extends": "nrf52840" },
    { "id": "good", "extends": "nrf52832" },
    { "id": "much", "extends": "nrf52840", "minus": { "flash": "2M" } },
    { "id": "none" },
    { "id": "minus", "extends": "nrf52840", "minus": { "ram": "-1K" } },
    { "name": "nameless", "extends": "nrf52840" },
    { "id": "typo", "extends": "nrf52840", "reservs": {} }
  ]
}
`;
    const { targets } = parse(text);
    assert.deepEqual(
      targets.map(({ id }) => id),
      ['good', 'typo'],
    );
    assert.deepEqual([...faults(text)].sort(byLine), [
      'negative-size 3:64',
      'unknown-kind 4:44',
      'invalid-size 5:60',
      'unknown-base 6:32',
      'duplicate-id 8:13',
      'not-enough-memory 9:64',
      'missing-memories 10:13',
      'negative-size 11:63',
      'missing-id 12:5',
      'unknown-key 13:44',
    ]);
  });

  it('reports a circle of extends at each target in it', () => {
    const text = '[\n{"id": "a", "extends": "b"},\n{"id": "b", "extends": "c"},\n{"id": "c", "extends": "b"}\n]';
    const { targets, diagnostics } = parse(text);
    assert.deepEqual(targets, []);
    assert.deepEqual(
      diagnostics.map(({ code, line }) => `${code} ${line}`),
      ['extends-cycle 3', 'extends-cycle 4', 'unknown-base 2'],
    );
    assert.match(diagnostics[0]?.message ?? '', /b extends c extends b/);
  });

  it('reports what is no JSON at its place', () => {
    assert.deepEqual(faults('{\n  "targets": [\n    {"id": "a" "name": "b"}\n  ]\n}'), ['invalid-json 3:16']);
    assert.deepEqual(faults(''), ['invalid-json 1:1']);
    assert.deepEqual(faults('[{"id": "a"'), ['invalid-json 1:12']);
    assert.deepEqual(faults('"text"'), ['no-targets 1:1']);
    assert.deepEqual(faults(`${'['.repeat(100_000)}`), ['invalid-json 1:66']);
  });

  it('follows a chain of ten thousand targets', () => {
    const chain = Array.from({ length: 10_000 }, (_, index) => ({ id: `t${index}`, extends: `t${index + 1}` }));
    const text = JSON.stringify([...chain, { id: 't10000', extends: 'nrf52840' }]);
    const { targets, diagnostics } = parse(text);
    assert.deepEqual(diagnostics, []);
    assert.equal(targets.length, 10_001);
  });
});

function byLine(a: string, b: string): number {
  const line = (text: string) => Number(/ (\d+):/.exec(text)?.[1]);
  return line(a) - line(b);
}
