import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildModel } from '../../fixtures/model-builder';
import { thimble } from './memory-io';
import { smallModel } from './small-model';

const goldens = join(process.cwd(), 'test', 'golden');

describe('thimble', () => {
  const startedIn = process.cwd();
  let folder = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'thimble-cli-'));
    // Files are given as relative names, so that reports and errors hold no path of this machine.
    process.chdir(folder);
    writeFileSync('small.onnx', smallModel());
    writeFileSync('broken.onnx', 'not a model');
  });

  after(() => {
    process.chdir(startedIn);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Compares with test/golden/NAME; `THIMBLE_UPDATE_GOLDENS=1` writes it instead. */
  function assertGolden(name: string, text: string): void {
    const path = join(goldens, name);
    if (process.env['THIMBLE_UPDATE_GOLDENS']) writeFileSync(path, text);
    assert.equal(text, readFileSync(path, 'utf8'), name);
  }

  describe('inspect', () => {
    it('reports to a person', async () => {
      const { exitCode, out, err } = await thimble([
        'inspect',
        'small.onnx',
        '--target',
        'STM32F103C8T6',
        '--dim',
        'batch=2',
      ]);
      assert.equal(exitCode, 0);
      assert.equal(err, '');
      assertGolden('inspect.txt', out);
    });

    it('writes one JSON document', async () => {
      const { exitCode, out } = await thimble(['inspect', 'small.onnx', '--json', '--tensors', '--target', 'nrf52840']);
      assert.equal(exitCode, 0);
      assertGolden('inspect.generated.json', out);
    });

    it('shortens long names for a person, keeping their ends, and nowhere else', async () => {
      const long = `${'/model/decoder/layers'.repeat(20)}/attention/output_MatMul`;
      const graph = {
        inputs: [{ name: 'x', dims: [4] }],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'Relu', name: long, inputs: ['x'], outputs: ['y'] }],
      };
      writeFileSync('long.onnx', buildModel({ graph }));
      const { out } = await thimble(['inspect', 'long.onnx']);
      assert.ok(out.split('\n').every((line) => line.length < 140));
      assert.match(out, /\/model\/decoder\S*…\S*\/attention\/output_MatMul/);
      for (const format of ['--json', '--csv']) {
        assert.ok((await thimble(['inspect', 'long.onnx', format])).out.includes(long), format);
      }
    });

    it('writes the layers as CSV and as Markdown', async () => {
      assertGolden('inspect.csv', (await thimble(['inspect', 'small.onnx', '--csv'])).out);
      assertGolden('inspect.md', (await thimble(['inspect', 'small.onnx', '--markdown'])).out);
    });

    it('colours only where it may', async () => {
      const plain = await thimble(['inspect', 'small.onnx', '-t', 'nrf52840']);
      const colored = await thimble(['inspect', 'small.onnx', '-t', 'nrf52840'], { color: true });
      assert.ok(!plain.out.includes('\u001b'));
      assert.ok(colored.out.includes('\u001b[32mModel data fits'));
    });

    it('goes on after a bad file: a line with an error in --jsonl, an entry in --json', async () => {
      const files = ['broken.onnx', 'small.onnx', 'missing.onnx'];
      const lines = await thimble(['inspect', ...files, '--jsonl']);
      assert.equal(lines.exitCode, 2);
      const documents = lines.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.deepEqual(
        documents.map(({ file }) => file),
        files,
      );
      assert.deepEqual(
        documents.map((document) => 'error' in document),
        [true, false, true],
      );
      assert.equal(lines.err.trimEnd().split('\n').length, 2);
      const array = await thimble(['inspect', ...files, '--json']);
      assert.equal(array.exitCode, 2);
      assert.deepEqual(JSON.parse(array.out), documents);
    });

    it('writes no document for a single unreadable file', async () => {
      for (const format of [[], ['--json'], ['--csv'], ['--markdown']]) {
        const { exitCode, out, err } = await thimble(['inspect', 'broken.onnx', ...format]);
        assert.deepEqual([exitCode, out], [2, '']);
        assert.match(err, /^thimble: broken\.onnx: .+\n$/);
      }
    });

    it('binds dimensions, split at the last =, and names the valid keys', async () => {
      writeFileSync(
        'odd.onnx',
        buildModel({
          graph: {
            inputs: [{ name: 'x', dims: ['a=b', null] }],
            outputs: [{ name: 'y' }],
            nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
          },
        }),
      );
      const bound = await thimble(['inspect', 'odd.onnx', '--json', '--dim', 'a=b=3', '--dim', 'x[1]=5']);
      assert.equal(JSON.parse(bound.out).totals.peakLiveBytes, 2 * 4 * 15);
      const unknown = await thimble(['inspect', 'odd.onnx', '--dim', 'a=3']);
      assert.equal(unknown.exitCode, 2);
      assert.match(unknown.err, /a=b.*x\[1\]/);
    });

    it('shows faults of a readable model in diagnostics and exits 0', async () => {
      writeFileSync(
        'faulty.onnx',
        buildModel({
          graph: {
            inputs: [{ name: 'x', dims: [4] }],
            outputs: [{ name: 'y' }],
            nodes: [{ op: 'Add', inputs: ['x', 'nobody\u001b[31m'], outputs: ['y'] }],
          },
        }),
      );
      const json = await thimble(['inspect', 'faulty.onnx', '--json']);
      assert.equal(json.exitCode, 0);
      assert.ok(JSON.parse(json.out).diagnostics.some(({ severity }: { severity: string }) => severity === 'error'));
      const text = await thimble(['inspect', 'faulty.onnx']);
      assert.ok(text.out.includes('nobody\\u001b[31m'));
      assert.ok(!text.out.includes('\u001b'));
    });
  });

  describe('check', () => {
    it('tells by its exit code whether everything fits', async () => {
      assert.equal((await thimble(['check', 'small.onnx', '--target', 'nrf52840'])).exitCode, 0);
      assert.equal((await thimble(['check', 'small.onnx', '--target', 'nrf52840', '--max-flash', '1K'])).exitCode, 1);
      assert.equal((await thimble(['check', 'small.onnx', '--max-ram', '15.9K'])).exitCode, 1);
      assert.equal((await thimble(['check', 'small.onnx', '--max-ram', '16KiB'])).exitCode, 0);
      assert.equal((await thimble(['check', 'small.onnx', 'broken.onnx', '--max-ram', '1K'])).exitCode, 2);
      assert.equal((await thimble(['check', 'small.onnx', '--target', 'coral_edgetpu'])).exitCode, 2);
    });

    it('says what is short', async () => {
      const { out } = await thimble([
        'check',
        'small.onnx',
        '--target',
        'stm32f103c8',
        '--max-ram',
        '8K',
        '--max-flash',
        '6K',
      ]);
      assertGolden('check.txt', out);
    });

    it('writes verdicts as JSON', async () => {
      const { out } = await thimble(['check', 'small.onnx', 'broken.onnx', '--target', 'nrf52840', '--json']);
      const [good, bad] = JSON.parse(out);
      assert.deepEqual(good.verdict.ram, {
        bytes: 16384,
        limit: 262144,
        kind: 'lower bound',
        limitLabel: 'largest contiguous on-chip RAM',
        fits: true,
      });
      assert.deepEqual(
        good.diagnostics.map(({ severity, code }: { severity: string; code: string }) => [severity, code]),
        [['note', 'unbound-dimension']],
      );
      assert.equal(bad.file, 'broken.onnx');
      assert.equal(typeof bad.error, 'string');
    });

    it('says that lower bounds that fit are no proof, and what they assume', async () => {
      const { out } = await thimble(['check', 'small.onnx', '--target', 'nrf52840']);
      assert.match(out, /^small\.onnx: model data fits; runtime not counted {2}\(flash at least /);
      assert.match(out, /\n {2}note: Dimension batch of .* count it as 1/);
      assert.equal(out.match(/runtime not counted/g)?.length, 1);
    });

    it('has no verdict where a value is given by nobody or the model has another fault', async () => {
      const graph = { inputs: [{ name: 'x', dims: [4] }], outputs: [{ name: 'y' }] };
      const add = { op: 'Add', inputs: ['x', 'nobody'], outputs: ['y'] };
      const relu = { op: 'Relu', inputs: ['x'], outputs: ['y'] };
      writeFileSync('missing-input.onnx', buildModel({ graph: { ...graph, nodes: [add] } }));
      writeFileSync('twice.onnx', buildModel({ graph: { ...graph, nodes: [relu, relu] } }));
      for (const file of ['missing-input.onnx', 'twice.onnx']) {
        const { exitCode, out, err } = await thimble(['check', file, '--max-ram', '1K', '--json']);
        assert.equal(exitCode, 2, file);
        assert.equal(err, `thimble: ${file}: bad input or a needed figure is unknown.\n`);
        assert.equal(JSON.parse(out).verdict.outcome, 'unknown', file);
        assert.ok(JSON.parse(out).diagnostics.some(({ severity }: { severity: string }) => severity === 'error'));
        assert.equal((await thimble(['check', file, '--max-ram', '8'])).exitCode, 1, 'a shortage is certain');
      }
    });
  });

  describe('quantize', () => {
    it('predicts the size to the byte, writes nothing in a dry run, and leaves the source as it is', async () => {
      const source = readFileSync('small.onnx');
      const before = readdirSync('.');
      const dry = await thimble([
        'quantize',
        'small.onnx',
        '--scheme',
        'int8-weights',
        '--dry-run',
        '--json',
        '-o',
        'out.onnx',
      ]);
      assert.equal(dry.exitCode, 0, dry.err);
      assert.deepEqual(readdirSync('.'), before);
      const { predictedFileBytes, writtenFileBytes } = JSON.parse(dry.out);
      assert.equal(writtenFileBytes, undefined);
      const wet = await thimble(['quantize', 'small.onnx', '--scheme', 'int8-weights', '--json', '-o', 'out.onnx']);
      assert.equal(wet.exitCode, 0, wet.err);
      const report = JSON.parse(wet.out);
      assert.equal(report.writtenFileBytes, predictedFileBytes);
      assert.equal(readFileSync('out.onnx').length, predictedFileBytes);
      assert.ok(report.changes.length > 0);
      assert.deepEqual(readFileSync('small.onnx'), source);
      rmSync('out.onnx');
    });

    it('says when the file grows, by how much and why', async () => {
      // Softmax of opset 11 flattens its input, which takes several nodes of a newer one.
      const graph = {
        inputs: [{ name: 'v0', dims: [2, 4, 16] }],
        outputs: [{ name: 'y' }],
        nodes: [
          ...Array.from({ length: 20 }, (_, index) => ({
            op: 'Softmax',
            inputs: [`v${index}`],
            outputs: [`v${index + 1}`],
            attributes: { axis: 1 },
          })),
          { op: 'MatMul', inputs: ['v20', 'w'], outputs: ['y'] },
        ],
        initializers: [{ name: 'w', type: 'FLOAT' as const, dims: [16, 16] }],
      };
      writeFileSync('old.onnx', buildModel({ opset: 11, graph }));
      const { exitCode, out, err } = await thimble([
        'quantize',
        'old.onnx',
        '-s',
        'int8-weights',
        '--dry-run',
        '--json',
      ]);
      assert.equal(exitCode, 0, err);
      const { sourceFileBytes, predictedFileBytes, changes } = JSON.parse(out);
      const growth = changes.find(({ pass }: { pass: string }) => pass === 'file size').changes[0];
      assert.match(
        growth,
        new RegExp(`^The file grows by ${predictedFileBytes - sourceFileBytes} bytes: .*opset upgrade`),
      );
      assert.equal(err, `thimble: ${growth}\n`);
    });

    it('gives the place of the data file as the output was given', async () => {
      writeFileSync('weights.bin', new Uint8Array(4096));
      mkdirSync('made', { recursive: true });
      const graph = {
        inputs: [{ name: 'x', dims: [1, 32] }],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
        initializers: [{ name: 'w', type: 'FLOAT' as const, dims: [32, 32], external: { location: 'weights.bin' } }],
      };
      writeFileSync('external.onnx', buildModel({ graph }));
      const output = join('made', 'half.onnx');
      const { exitCode, out, err } = await thimble([
        'quantize',
        'external.onnx',
        '-s',
        'float16',
        '-o',
        output,
        '--json',
      ]);
      assert.equal(exitCode, 0, err);
      assert.equal(JSON.parse(out).dataFile, `${output}.data`);
      assert.equal(readFileSync(`${output}.data`).length, 2048);
    });

    it('names its output after the scheme, beside the model', async () => {
      const { exitCode, out } = await thimble(['quantize', 'small.onnx', '-s', 'float16']);
      assert.equal(exitCode, 0);
      assert.ok(out.startsWith('small.float16.onnx\n'));
      rmSync('small.float16.onnx');
    });

    it('refuses models with faults and outputs that are the source', async () => {
      writeFileSync(
        'fault.onnx',
        buildModel({
          graph: { nodes: [{ op: 'Relu', inputs: ['nobody'], outputs: ['y'] }], outputs: [{ name: 'y' }] },
        }),
      );
      const faulty = await thimble(['quantize', 'fault.onnx', '-s', 'float16']);
      assert.equal(faulty.exitCode, 2);
      assert.match(faulty.err, /nobody/);
      const same = await thimble(['quantize', 'small.onnx', '-s', 'float16', '-o', 'small.onnx']);
      assert.equal(same.exitCode, 2);
      assert.equal(same.out, '');
    });

    it('leaves nothing behind when it is interrupted', async () => {
      const before = readdirSync('.');
      const controller = new AbortController();
      controller.abort();
      const { exitCode, err } = await thimble(['quantize', 'small.onnx', '-s', 'int8-weights'], {
        signal: controller.signal,
      });
      assert.equal(exitCode, 2);
      assert.equal(err, 'thimble: cancelled; nothing was written.\n');
      assert.deepEqual(readdirSync('.'), before);
    });
  });

  describe('targets', () => {
    it('lists what matches all words', async () => {
      const { exitCode, out } = await thimble(['targets', 'nordic', 'm33']);
      assert.equal(exitCode, 0);
      assertGolden('targets.txt', out);
    });

    it('writes targets with sources and limits as JSON', async () => {
      const { out } = await thimble(['targets', 'STM32F746ZGT6', '--json']);
      const [target] = JSON.parse(out).targets;
      assert.equal(target.id, 'stm32f746zg');
      assert.deepEqual(target.limits.flash, { bytes: 1048576, label: 'internal flash' });
      assert.ok(target.sources.memory);
    });

    it('exits 2 when nothing matches', async () => {
      assert.equal((await thimble(['targets', 'nothing-like-this'])).exitCode, 2);
    });

    it('searches the long tail too, marked unreviewed, where it is installed', async () => {
      const { exitCode, out } = await thimble(['targets', 'stm32f100c4']);
      assert.equal(exitCode, 0);
      assert.match(out, /STM32F100C4\S* \(unreviewed\)/);
      const sizes = await thimble(['targets', 'at', 'least', '256K', 'RAM', 'cortex-m4', '--json']);
      for (const { limits } of JSON.parse(sizes.out).targets) assert.ok(limits.ram.bytes >= 256 * 1024);
      const without = await thimble(['targets', 'stm32f100c4'], { longTail: false });
      assert.equal(without.exitCode, 2);
    });

    it('reports to build servers about all models, with the exit code of the worst', async () => {
      const files = ['small.onnx', 'broken.onnx'];
      const github = await thimble(['check', ...files, '-t', 'nrf52840', '--format', 'github']);
      assert.equal(github.exitCode, 2);
      assert.match(github.out, /^small\.onnx: .*\n::error file=broken\.onnx,/);
      const junit = await thimble(['check', ...files, '--max-ram', '1K', '--format=junit']);
      assert.match(junit.out, /tests="2" failures="1" errors="1"/);
      const sarif = await thimble(['check', 'small.onnx', '--max-ram', '1K', '--format', 'sarif']);
      assert.equal(sarif.exitCode, 1);
      assert.equal(JSON.parse(sarif.out).runs[0].results[0].ruleId, 'does-not-fit');
      const json = ['check', 'small.onnx', '--max-ram', '1K'];
      assert.equal((await thimble([...json, '--format', 'json'])).out, (await thimble([...json, '--json'])).out);
    });

    it('holds a model against a chip of the long tail', async () => {
      const argv = ['check', 'small.onnx', '--target', 'stm32f100c4', '--json'];
      const { out } = await thimble(argv);
      assert.match(JSON.parse(out).verdict.target, /^stm32f100c4/);
      const without = await thimble(argv, { longTail: false });
      assert.equal(without.exitCode, 2);
      assert.match(without.err, /unknown target "stm32f100c4"/);
    });
  });

  describe('usage', () => {
    const mistakes: readonly (readonly [readonly string[], RegExp])[] = [
      [['frobnicate'], /unknown command "frobnicate"/],
      [['inspect'], /at least one model/],
      [['inspect', 'small.onnx', '--jason'], /--jason/],
      [['inspect', 'small.onnx', '--json', '--csv'], /only one of --json, --csv/],
      [['check', 'small.onnx', '--max-ram', '1K', '--json', '--format', 'text'], /only one of --json, --format/],
      [['check', 'small.onnx', '--max-ram', '1K', '--format', 'html'], /"html" is not one of text, json/],
      [['inspect', 'small.onnx', '--tensors'], /--tensors needs/],
      [['inspect', 'small.onnx', '--dim', 'batch'], /KEY=N/],
      [['inspect', 'small.onnx', '--dim', 'batch=x'], /KEY=N/],
      [['inspect', 'small.onnx', '--target', 'stm32f746'], /did you mean stm32f746zg/],
      [['check', 'small.onnx'], /--target ID, --max-flash SIZE or --max-ram SIZE/],
      [['check', 'small.onnx', '--max-ram', 'lots'], /not a size/],
      [['quantize', 'small.onnx'], /needs --scheme: one of/],
      [['quantize', 'small.onnx', '--scheme', 'int3'], /unknown scheme "int3"/],
      [['quantize', 'a.onnx', 'b.onnx', '--scheme', 'float16'], /one model at a time/],
    ];
    for (const [argv, message] of mistakes) {
      it(`explains what is wrong with: ${argv.join(' ')}`, async () => {
        const { exitCode, out, err } = await thimble(argv);
        assert.deepEqual([exitCode, out], [2, '']);
        assert.match(err, message);
      });
    }

    it('prints help and version on standard output', async () => {
      assert.match((await thimble(['--help'])).out, /^usage: thimble COMMAND/);
      assert.match((await thimble(['quantize', '--help'])).out, /--dry-run/);
      assert.match((await thimble(['--version'])).out, /^\d+\.\d+\.\d+\n$/);
      const bare = await thimble([]);
      assert.deepEqual([bare.exitCode, bare.out], [2, '']);
    });
  });
});
