import assert from 'node:assert/strict';
import fc from 'fast-check';
import { budgetsOf } from '../../../../extension/targets/workspace/linker-budget';
import { parseLinkerScript } from '../../../../extension/targets/workspace/linker-script';

function parse(text: string, includes: Readonly<Record<string, string>> = {}) {
  return parseLinkerScript(text, 'app.ld', async (name) => {
    const included = includes[name];
    return included === undefined ? undefined : { file: name, text: included };
  });
}

/** The length of a region whose LENGTH is the expression. */
async function lengthOf(expression: string, before = '') {
  const { regions } = await parse(`${before}\nMEMORY { RAM (rwx) : ORIGIN = 0x20000000, LENGTH = ${expression} }`);
  return regions[0]?.length;
}

async function faults(text: string, includes: Readonly<Record<string, string>> = {}) {
  const { diagnostics, regions } = await parse(text, includes);
  return { codes: diagnostics.map(({ code, line }) => `${code} ${line}`), regions };
}

describe('linker script', () => {
  const expressions: Record<string, number> = {
    '0x40000': 0x40000,
    '256K': 256 * 1024,
    '1M': 1024 * 1024,
    '64k': 64 * 1024,
    '0x10K': 16 * 1024,
    $100: 256,
    '010': 8,
    '128K - 16': 128 * 1024 - 16,
    '2 + 3 * 4': 14,
    '(2 + 3) * 4': 20,
    '100 - 10 - 1': 89,
    '1 << 10 + 1': 2048,
    '0x1000 >> 4': 256,
    '1000 / 3 * 3': 999,
    '0xFF & 0x0F | 0x30': 0x3f,
    '1024 % 1000': 24,
    '-(-5)': 5,
    'MAX(3, 4) + MIN(3, 4)': 7,
    '1 == 1 ? 10K : 20K': 10 * 1024,
    '3 > 4 ? 1 : 2 > 1 ? 5 : 6': 5,
    'ORIGIN(RAM) - 0x1FFFFF00': 256,
  };
  for (const [expression, expected] of Object.entries(expressions)) {
    it(`computes ${expression}`, async () => assert.equal(await lengthOf(expression), expected));
  }

  it('agrees with JavaScript on random arithmetic', async () => {
    const expression = fc.letrec<{ node: string; leaf: string; sum: string; product: string; group: string }>(
      (tie) => ({
        leaf: fc
          .nat(1000)
          .map(String)
          .map((digits) => digits.replace(/^0+(?=\d)/, '')),
        sum: fc.tuple(tie('node'), fc.constantFrom('+', '-'), tie('node')).map(([a, sign, b]) => `${a} ${sign} ${b}`),
        product: fc.tuple(tie('leaf'), tie('leaf')).map(([a, b]) => `${a} * ${b}`),
        group: tie('node').map((inner) => `(${inner})`),
        node: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('sum'), tie('product'), tie('group')),
      }),
    ).node;
    await fc.assert(
      fc.asyncProperty(expression, async (text) => {
        const value: unknown = Function(`return ${text}`)();
        const wanted = typeof value === 'number' && value >= 0 ? value : undefined;
        assert.equal(await lengthOf(text), wanted);
      }),
    );
  });

  it('follows symbols, also those set further down and by #define', async () => {
    assert.equal(await lengthOf('SIZE - RESERVED', 'SIZE = 64K;\n#define RESERVED (4 * 1024) /* four */'), 60 * 1024);
    assert.equal(await lengthOf('A', 'A = B + 1; B = C; PROVIDE(C = 7);'), 8);
  });

  it('knows the short names of ORIGIN and LENGTH, and any attributes', async () => {
    const { regions, diagnostics } = await parse(`MEMORY {
      rom (!rx) : org = 0x0, len = 256K
      ram : o = 0x20000000 l = 4M
      "odd.name" (RWX!I) : ORIGIN = 0x10000000, LENGTH = 8;
    }`);
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(
      regions.map(({ name, origin, length, line }) => [name, origin, length, line]),
      [
        ['rom', 0, 256 * 1024, 2],
        ['ram', 0x20000000, 4 * 1024 * 1024, 3],
        ['odd.name', 0x10000000, 8, 4],
      ],
    );
  });

  it('reads included files, also inside MEMORY, and survives those that are missing', async () => {
    const text = 'INCLUDE "sizes.ld"\nMEMORY {\nINCLUDE regions.ld\n}\nINCLUDE nowhere.ld\n';
    const includes = { 'sizes.ld': 'N = 4;', 'regions.ld': 'RAM : ORIGIN = 0,\nLENGTH = N' };
    const { codes, regions } = await faults(text, includes);
    assert.deepEqual(codes, ['missing-include 5']);
    assert.equal(regions[0]?.length, 4);
    assert.equal(regions[0]?.file, 'regions.ld');
    assert.deepEqual((await faults('INCLUDE a.ld', { 'a.ld': 'INCLUDE a.ld' })).codes, ['include-cycle 1']);
  });

  it('leaves undefined what only the command line says, never a wrong number', async () => {
    const { codes, regions } = await faults(
      'MEMORY {\nRAM (rw) : ORIGIN = 0, LENGTH = LD_MAX\nROM (r) : ORIGIN = 0, LENGTH = 4K\n}',
    );
    assert.deepEqual(codes, ['unresolved-expression 2']);
    assert.deepEqual(
      regions.map(({ length }) => length),
      [undefined, 4096],
    );
    for (const expression of ['SIZEOF(.data)', 'A', '__unknown']) {
      assert.equal(await lengthOf(expression, 'A = 1; A = 2;'), undefined, expression);
    }
  });

  it('notes what it takes as not defined', async () => {
    const { codes, regions } = await faults('MEMORY { RAM (rw) : ORIGIN = 0, LENGTH = DEFINED(big) ? 8K : 4K }');
    assert.deepEqual(codes, ['assumed-undefined 1']);
    assert.equal(regions[0]?.length, 4096);
    assert.equal(await lengthOf('DEFINED(big) ? 8K : 4K', 'big = 1;'), 8192);
  });

  const broken: Record<string, readonly [string, string]> = {
    'a misspelt word': ['MEMORY {\nRAM (rw) : ORIGIN = 0 LENGHT = 4K\n}', 'broken-linker-script 2'],
    'a missing brace': ['MEMORY {\nRAM (rw) : ORIGIN = 0, LENGTH = 4K', 'broken-linker-script 2'],
    'a missing value': ['MEMORY {\nRAM : ORIGIN = 0, LENGTH =\n}', 'broken-linker-script 3'],
    'a comment without end': ['MEMORY {\n/* never closed\n}', 'broken-linker-script 2'],
    'a negative size': ['MEMORY {\nRAM : ORIGIN = 0, LENGTH = 1K - 2K }', 'negative-size 2'],
    'a size no memory has': ['MEMORY {\nRAM : ORIGIN = 0, LENGTH = 1 << 50 }', 'invalid-size 2'],
    'division by zero': ['MEMORY {\nRAM : ORIGIN = 0, LENGTH = 1 / 0 }', 'broken-linker-script 2'],
    'a number that is none': ['MEMORY {\nRAM : ORIGIN = 0, LENGTH = 09 }', 'broken-linker-script 2'],
    'a symbol that depends on itself': [
      'A = B; B = A;\nMEMORY { R : ORIGIN = 0, LENGTH = A }',
      'broken-linker-script 1',
    ],
    'a region that does not exist': ['MEMORY {\nRAM : ORIGIN = 0, LENGTH = LENGTH(ROM) }', 'broken-linker-script 2'],
    'a condition of the preprocessor': [
      '#ifdef BIG\nMEMORY { R : ORIGIN = 0, LENGTH = 4 }\n#endif',
      'preprocessor-condition 1',
    ],
  };
  for (const [what, [text, fault]] of Object.entries(broken)) {
    it(`reports ${what} at its line and uses no size`, async () => {
      for (const variant of [text, text.replaceAll('\n', '\r\n')]) {
        const { codes, regions } = await faults(variant);
        assert.ok(codes.includes(fault), codes.join());
        assert.deepEqual(regions, []);
      }
    });
  }

  it('ends on any text', async () => {
    const piece = fc.constantFrom(
      'MEMORY',
      '{',
      '}',
      '(',
      ')',
      ':',
      '=',
      'ORIGIN',
      'LENGTH',
      '1K',
      '+',
      '-',
      'RAM',
      '?',
      '\n',
      '/*',
      '"',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
        const { regions } = await parse(pieces.join(' '));
        for (const { length } of regions) assert.ok(length === undefined || length >= 0);
      }),
    );
  });

  it('survives very long and very deep expressions', async () => {
    assert.equal(await lengthOf('('.repeat(100_000)), undefined);
    assert.equal(await lengthOf(Array.from({ length: 100_000 }, () => '1').join('+')), undefined);
    const chain = Array.from({ length: 10_000 }, (_, index) => `S${index} = S${index + 1};`).join('\n');
    assert.equal(await lengthOf('S0', `${chain}\nS10000 = 1;`), undefined);
  });
});

describe('budgets of a linker script', () => {
  async function budgets(memory: string) {
    const { regions } = await parse(`MEMORY {\n${memory}\n}`);
    const { flash, ram } = budgetsOf(regions);
    return [flash?.bytes, ram?.bytes];
  }

  it('takes the largest RAM region and the flash', async () => {
    const h7 = `ITCM (xrw) : ORIGIN = 0, LENGTH = 64K
      DTCMRAM (xrw) : ORIGIN = 0x20000000, LENGTH = 128K
      RAM_D1 (xrw) : ORIGIN = 0x24000000, LENGTH = 512K
      FLASH (rx) : ORIGIN = 0x8000000, LENGTH = 2M`;
    assert.deepEqual(await budgets(h7), [2048 * 1024, 512 * 1024]);
  });

  it('adds up flash regions in a row, and decides nothing where they are apart', async () => {
    const row = 'm_vectors (RX) : ORIGIN = 0, LENGTH = 1K\nm_text (RX) : ORIGIN = 0x400, LENGTH = 63K';
    assert.deepEqual(await budgets(row), [64 * 1024, undefined]);
    const apart = 'bank1 (RX) : ORIGIN = 0, LENGTH = 1K\nbank2 (RX) : ORIGIN = 0x10000, LENGTH = 63K';
    assert.deepEqual(await budgets(apart), [undefined, undefined]);
  });

  it('does not count memory outside the chip where there is some inside', async () => {
    const mixed = `RAM (xrw) : ORIGIN = 0x20000000, LENGTH = 192K
      SDRAM (xrw) : ORIGIN = 0xC0000000, LENGTH = 8M
      FLASH (rx) : ORIGIN = 0x8000000, LENGTH = 2M
      QSPI_FLASH (rx) : ORIGIN = 0x90000000, LENGTH = 16M`;
    assert.deepEqual(await budgets(mixed), [2048 * 1024, 192 * 1024]);
  });

  it('decides nothing about RAM when one of its regions is not known', async () => {
    assert.deepEqual(await budgets('RAM1 (rw) : ORIGIN = 0, LENGTH = 4K\nRAM2 (rw) : ORIGIN = 0, LENGTH = X'), [
      undefined,
      undefined,
    ]);
  });
});
