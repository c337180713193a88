import assert from 'node:assert/strict';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildModel, type GraphSpec } from '../../fixtures/model-builder';
import { type CommandResult, thimble } from './memory-io';
import { smallModel } from './small-model';

/** A field of a protobuf message: a length-delimited one for bytes or text, a varint for a number. */
function field(number: number, content: Uint8Array | string | number): Buffer {
  if (typeof content === 'number') return Buffer.concat([varint(number * 8), varint(content)]);
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), Buffer.from(content)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** A ModelProto with these bytes as its graph. */
function modelOf(graph: Uint8Array): Buffer {
  return Buffer.concat([field(1, 8), field(8, field(2, 17)), field(7, graph)]);
}

function repeated(piece: Uint8Array, times: number): Buffer {
  return Buffer.alloc(piece.length * times, piece);
}

/** One clear sentence on standard error and no document; or a document and nothing beside it. */
function assertCleanEnd({ exitCode, out, err }: CommandResult, label: string): void {
  if (exitCode === 2) {
    assert.equal(out, '', label);
    assert.match(err, /^thimble: model\.onnx: [^\n]+\n$/, label);
    assert.doesNotMatch(err, /TypeError|RangeError|undefined|is not a function/, label);
  } else {
    assert.equal(exitCode, 0, label);
    assert.equal(err, '', label);
    assert.notEqual(out, '', label);
  }
}

describe('thimble with hostile and odd input', () => {
  const startedIn = process.cwd();
  let folder = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'thimble-hostile-'));
    process.chdir(folder);
  });

  afterEach(() => {
    process.chdir(startedIn);
    rmSync(folder, { recursive: true, force: true });
  });

  async function inspect(bytes: Uint8Array, ...options: string[]): Promise<CommandResult> {
    writeFileSync('model.onnx', bytes);
    const result = await thimble(['inspect', 'model.onnx', ...options]);
    assertCleanEnd(result, options.join(' '));
    return result;
  }

  describe('files', () => {
    it('ends with one sentence or a document for a file cut anywhere', async () => {
      const bytes = smallModel();
      for (let part = 0; part < 50; part++) {
        const length = Math.floor((bytes.length * part) / 50);
        const { exitCode } = await inspect(bytes.subarray(0, length), '--json');
        assert.equal(exitCode, 2, `cut at ${length}`);
      }
    });

    it('ends with one sentence or a document whatever bytes are changed', async () => {
      const whole = smallModel();
      let state = 42;
      const random = (below: number) => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return Math.floor((state / 2 ** 32) * below);
      };
      for (let round = 0; round < 400; round++) {
        const bytes = Uint8Array.from(whole);
        for (let change = 0; change <= random(4); change++) bytes[random(bytes.length)] = random(256);
        await inspect(bytes, ...(round % 2 === 0 ? ['--json', '--tensors'] : []));
        const planned = await thimble(['quantize', 'model.onnx', '--scheme', 'int8-weights', '--dry-run']);
        assertCleanEnd(planned, `round ${round}`);
      }
    });

    it('says what is no model file', async () => {
      mkdirSync('folder.onnx');
      for (const [name, reason] of [
        ['missing.onnx', /there is no such file/],
        ['folder.onnx', /it is a folder/],
        ['folder.onnx/inside.onnx', /there is no such file/],
      ] as const) {
        const { exitCode, out, err } = await thimble(['inspect', name]);
        assert.deepEqual([exitCode, out], [2, ''], name);
        assert.match(err, reason);
      }
      assert.match((await thimble(['inspect', '-'])).err, /not from standard input/);
      assert.match((await thimble(['inspect', ''])).err, /empty/);
    });

    it('reports a file that is given twice, twice', async () => {
      writeFileSync('model.onnx', smallModel());
      const { exitCode, out } = await thimble(['inspect', 'model.onnx', 'model.onnx', '--json']);
      assert.equal(exitCode, 0);
      const [first, second, ...more] = JSON.parse(out);
      assert.deepEqual(first, second);
      assert.deepEqual(more, []);
    });
  });

  describe('structures', () => {
    it('refuses messages nested ten thousand deep', async () => {
      let graph: Buffer = Buffer.alloc(0);
      for (let depth = 0; depth < 10_000; depth++) graph = field(1, field(5, field(6, graph)));
      const { exitCode, err } = await inspect(modelOf(graph));
      assert.equal(exitCode, 2);
      assert.match(err, /nested more than/);
    });

    it('refuses a length that is longer than what encloses it', async () => {
      const { err } = await inspect(Buffer.concat([field(1, 8), varint(7 * 8 + 2), varint(2 ** 31)]));
      assert.match(err, /byte 2|byte 3/);
    });

    it('refuses millions of nodes of two bytes each', async () => {
      const { exitCode, err } = await inspect(modelOf(repeated(field(1, ''), 1_000_000)));
      assert.equal(exitCode, 2);
      assert.match(err, /larger than any model/);
    });

    it('leaves a list of a million numbers unread and says so', async () => {
      const attribute = Buffer.concat([field(1, 'values'), repeated(field(8, 1), 1_000_000), field(20, 7)]);
      const node = Buffer.concat([field(4, 'Odd'), field(5, attribute)]);
      const { out } = await inspect(modelOf(field(1, node)), '--json');
      const codes = JSON.parse(out).diagnostics.map(({ code }: { code: string }) => code);
      assert.ok(codes.includes('attribute-not-read'));
    });

    it('keeps a thousand faults of a kind and counts the others', async () => {
      const tensors = Array.from({ length: 1200 }, (_, index) =>
        field(5, Buffer.concat([field(8, `t${index}`), field(1, 5), field(2, 1), field(9, 'abcd')])),
      );
      const { out } = await inspect(modelOf(Buffer.concat(tensors)), '--json');
      const messages: { severity: string; message: string }[] = JSON.parse(out).diagnostics;
      assert.equal(messages.filter(({ severity }) => severity === 'error').length, 1000);
      assert.match(messages.at(-1)?.message ?? '', /^200 more .* left out/);
    });

    it('does not believe dimensions that no file can hold', async () => {
      for (const dims of [[1e9, 1e9, 1e9], [-3], [2 ** 40]]) {
        const { out } = await inspect(
          buildModel({
            graph: {
              inputs: [{ name: 'x', dims: [1e9, 1e9] }],
              outputs: [{ name: 'y' }],
              nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
              initializers: [{ name: 'w', type: 'FLOAT', dims, raw: new Uint8Array(4) }],
            },
          }),
          '--json',
        );
        const { diagnostics } = JSON.parse(out);
        assert.ok(diagnostics.some(({ severity }: { severity: string }) => severity === 'error'));
      }
    });

    it('never counts below zero where a window is larger than its input', async () => {
      const { out } = await inspect(
        buildModel({
          graph: {
            inputs: [{ name: 'x', dims: [1, 1, 'length'] }],
            outputs: [{ name: 'y' }],
            nodes: [{ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'] }],
            initializers: [{ name: 'w', type: 'FLOAT', dims: [4, 1, 64] }],
          },
        }),
        '--json',
      );
      assert.equal(JSON.parse(out).totals.macs, 0);
    });
  });

  describe('names', () => {
    const color = '\u001b[31m';
    const names = [
      `=cmd|' /C calc'!A0`,
      `+1,"2"`,
      `${color}red`,
      'bidi\u202eevil',
      'c1\u009b2J',
      'a|b`c`<i>',
      '@x\r\ny',
    ];
    const graph: GraphSpec = {
      inputs: [{ name: 'x', dims: [4] }],
      outputs: [{ name: 'y', dims: [4] }],
      nodes: names.map((name, index) => ({
        op: 'Relu',
        name,
        inputs: [index === 0 ? 'x' : `v${index}`],
        outputs: [index === names.length - 1 ? 'y' : `v${index + 1}`],
      })),
    };
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    const steering = /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

    it('cannot steer a terminal in any format', async () => {
      const bytes = buildModel({ graph });
      for (const format of [[], ['--json', '--tensors'], ['--jsonl'], ['--csv'], ['--markdown']]) {
        const { out } = await inspect(bytes, ...format);
        assert.doesNotMatch(out, steering, format.join(' '));
      }
    });

    it('stay as they are in JSON', async () => {
      const { out } = await inspect(buildModel({ graph }), '--json');
      assert.deepEqual(
        JSON.parse(out).layers.map(({ name }: { name: string }) => name),
        names,
      );
    });

    it('are no formulas in CSV, and no rows or markup in Markdown', async () => {
      const bytes = buildModel({ graph });
      const csv = (await inspect(bytes, '--csv')).out.trimEnd().split('\r\n');
      assert.equal(csv.length, 1 + names.length);
      assert.ok(csv[1]?.includes(`,'=cmd|' /C calc'!A0,`), csv[1]);
      assert.ok(csv[2]?.includes(`,"'+1,""2""",`), csv[2]);
      const markdown = (await inspect(bytes, '--markdown')).out.trimEnd().split('\n');
      assert.equal(markdown.length, 2 + names.length);
      assert.ok(markdown[7]?.includes('a\\|b\\`c\\`\\<i\\>'), markdown[7]);
    });

    it('cannot steer a terminal in messages', async () => {
      const loop = buildModel({
        graph: {
          outputs: [{ name: 'a' }],
          nodes: [
            { op: 'Relu', name: `${color}\u202e\u009b`, inputs: ['b'], outputs: ['a'] },
            { op: 'Relu', inputs: ['a'], outputs: ['b'] },
          ],
        },
      });
      const { exitCode, err } = await inspect(loop);
      assert.equal(exitCode, 2);
      assert.doesNotMatch(err, steering);
      assert.doesNotMatch((await thimble(['inspect', `no${color}such.onnx`])).err, steering);
      assert.doesNotMatch((await thimble([`${color}x`])).err, steering);
    });
  });

  describe('options', () => {
    it('takes odd keys of --dim and refuses what cannot be', async () => {
      const bytes = buildModel({
        graph: {
          inputs: [{ name: 'x', dims: ['a=b+1', 4] }],
          outputs: [{ name: 'y' }],
          nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
        },
      });
      writeFileSync('model.onnx', bytes);
      const bound = await thimble(['inspect', 'model.onnx', '--json', '--dim', 'a=b+1=3', '--dim', 'a=b+1=3']);
      assert.equal(JSON.parse(bound.out).totals.peakLiveBytes, 2 * 4 * 12);
      const largest = `a=b+1=${Number.MAX_SAFE_INTEGER}`;
      assert.equal((await thimble(['inspect', 'model.onnx', '--json', '--dim', largest])).err, '');
      for (const [dim, reason] of [
        ['a=b+1=4', /two sizes/],
        ['x[1]=2', /a=b\+1/],
        ['nobody=2', /a=b\+1/],
        ['a=b+1=-1', /whole number/],
        ['a=b+1=1e3', /whole number/],
        ['a=b+1=9007199254740993', /whole number/],
        ['=3', /whole number/],
        ['3', /whole number/],
      ] as const) {
        const { exitCode, out, err } = await thimble(['inspect', 'model.onnx', '--dim', 'a=b+1=3', '--dim', dim]);
        assert.deepEqual([exitCode, out], [2, ''], dim);
        assert.match(err, reason);
      }
    });

    it('refuses sizes that are none', async () => {
      writeFileSync('model.onnx', smallModel());
      for (const size of ['lots', '', '1e9', '-5', '0x10', '99999999999999999999G', 'NaN']) {
        const { exitCode, out, err } = await thimble(['check', 'model.onnx', `--max-flash=${size}`]);
        assert.deepEqual([exitCode, out], [2, ''], size);
        assert.match(err, /--max-flash/);
      }
    });

    it('names targets near the one that was meant', async () => {
      writeFileSync('model.onnx', smallModel());
      assert.match((await thimble(['check', 'model.onnx', '-t', 'nrf5284'])).err, /did you mean nrf52840/);
      assert.match((await thimble(['check', 'model.onnx', '-t', 'stm32f4O7vg'])).err, /did you mean stm32f407vg/);
      assert.match((await thimble(['check', 'model.onnx', '-t', 'xyzzy'])).err, /see thimble targets/);
      assert.match((await thimble(['check', 'model.onnx', '-t', ''])).err, /--target needs/);
    });

    it('explains wrong usage in one line', async () => {
      for (const argv of [['inspect'], ['inspect', 'a', '--frob'], ['inspect', 'a', '--dim'], ['quantize', 'a', 'b']]) {
        const { exitCode, out, err } = await thimble(argv);
        assert.deepEqual([exitCode, out], [2, ''], argv.join(' '));
        assert.match(err, /^thimble [a-z]+: [^\n]+\nSee thimble [a-z]+ --help\.\n$/);
      }
    });
  });

  describe('quantize', () => {
    const toInt8 = (...argv: string[]) => ['quantize', 'model.onnx', '--scheme', 'int8-weights', ...argv];

    it('never writes over the source, by whatever name', async () => {
      const bytes = smallModel();
      writeFileSync('model.onnx', bytes);
      mkdirSync('sub');
      symlinkSync(join('..', 'model.onnx'), join('sub', 'symbolic.onnx'));
      symlinkSync(folder, join('sub', 'self'));
      linkSync('model.onnx', 'hard.onnx');
      const names = ['model.onnx', 'sub/../model.onnx', 'sub/symbolic.onnx', 'sub/self/model.onnx', 'hard.onnx'];
      for (const output of [...names, join(folder, 'model.onnx')]) {
        const { exitCode, out, err } = await thimble(toInt8('-o', output));
        assert.deepEqual([exitCode, out], [2, ''], output);
        assert.match(err, /source model/);
      }
      assert.ok(readFileSync('model.onnx').equals(bytes));
    });

    it('never writes over a data file of the source', async () => {
      const data = new Uint8Array(4096);
      writeFileSync('weights.bin', data);
      writeFileSync(
        'model.onnx',
        buildModel({
          graph: {
            inputs: [{ name: 'x', dims: [1, 32] }],
            outputs: [{ name: 'y' }],
            nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
            initializers: [{ name: 'w', type: 'FLOAT', dims: [32, 32], external: { location: 'weights.bin' } }],
          },
        }),
      );
      const { exitCode, err } = await thimble(toInt8('-o', 'weights.bin'));
      assert.equal(exitCode, 2);
      assert.match(err, /data files/);
      assert.ok(readFileSync('weights.bin').equals(data));
    });

    it('leaves nothing where it cannot write or is interrupted', async () => {
      writeFileSync('model.onnx', smallModel());
      mkdirSync('folder.onnx');
      for (const [output, reason] of [
        ['nowhere/out.onnx', /nowhere[\\/]out\.onnx cannot be written: there is no such folder/],
        ['model.onnx/out.onnx', /not a folder/],
        ['folder.onnx', /not a file/],
      ] as const) {
        const { exitCode, out, err } = await thimble(toInt8('-o', output));
        assert.deepEqual([exitCode, out], [2, ''], output);
        assert.match(err, reason);
      }
      const interrupted = await thimble(toInt8(), { signal: AbortSignal.abort() });
      assert.equal(interrupted.exitCode, 2);
      assert.match(interrupted.err, /cancelled; nothing was written/);
      assert.deepEqual(readdirSync('.').sort(), ['folder.onnx', 'model.onnx']);
    });

    it('refuses a model with faults that inspect shows', async () => {
      const sound: GraphSpec = {
        inputs: [{ name: 'x', dims: [1, 64] }],
        outputs: [{ name: 'y' }],
        nodes: [
          { op: 'MatMul', inputs: ['x', 'w'], outputs: ['h'] },
          { op: 'Relu', inputs: ['h'], outputs: ['y'] },
        ],
        initializers: [{ name: 'w', type: 'FLOAT', dims: [64, 64] }],
      };
      const [matMul, relu] = sound.nodes;
      assert.ok(matMul && relu);
      const faulty: Record<string, Uint8Array> = {
        'an input nobody produces': buildModel({
          graph: { ...sound, nodes: [matMul, { op: 'Add', inputs: ['h', 'nobody'], outputs: ['y'] }] },
        }),
        'a name twice': buildModel({ graph: { ...sound, nodes: [matMul, relu, relu] } }),
        'missing data': buildModel({
          graph: {
            ...sound,
            initializers: [{ name: 'w', type: 'FLOAT', dims: [64, 64], external: { location: 'no' } }],
          },
        }),
        'refused data': buildModel({
          graph: {
            ...sound,
            initializers: [{ name: 'w', type: 'FLOAT', dims: [64, 64], external: { location: '../no' } }],
          },
        }),
        'no ir_version': buildModel({ ir: undefined, graph: sound }),
        'no opset': buildModel({ opsets: {}, graph: sound }),
      };
      for (const [fault, bytes] of Object.entries(faulty)) {
        const { out } = await inspect(bytes, '--json');
        assert.ok(JSON.parse(out).diagnostics.length > 0, fault);
        const { exitCode, out: document, err } = await thimble(toInt8('--json'));
        assert.deepEqual([exitCode, document], [2, ''], fault);
        assert.match(err, /fault/, fault);
      }
    });

    it('sorts nodes that are merely out of order, and says so', async () => {
      const bytes = buildModel({
        graph: {
          inputs: [{ name: 'x', dims: [1, 64] }],
          outputs: [{ name: 'y' }],
          nodes: [
            { op: 'Relu', inputs: ['h'], outputs: ['y'] },
            { op: 'MatMul', inputs: ['x', 'w'], outputs: ['h'] },
          ],
          initializers: [{ name: 'w', type: 'FLOAT', dims: [64, 64] }],
        },
      });
      const { out } = await inspect(bytes, '--json');
      assert.match(JSON.stringify(JSON.parse(out).diagnostics), /nodes-out-of-order/);
      const quantized = await thimble(toInt8('-o', 'out.onnx', '--json'));
      assert.equal(quantized.exitCode, 0);
      assert.match(JSON.stringify(JSON.parse(quantized.out).changes), /order/);
      const after = await thimble(['inspect', 'out.onnx', '--json']);
      assert.doesNotMatch(after.out, /nodes-out-of-order/);
    });
  });
});
