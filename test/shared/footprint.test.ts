import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Footprint } from '../../extension/budget/footprint';
import { analyseModel } from '../../extension/worker/analyse';
import { openOrigin } from '../../extension/worker/model-sessions';

const shared = join(process.cwd(), '..', 'shared');

/** One row of expected.json: what an independent oracle found by running the model. */
interface Expected {
  readonly name: string;
  readonly source?: string;
  readonly macs_from?: string;
  readonly macs_excludes?: readonly string[];
  readonly substituted?: readonly string[];
  readonly dangling_inputs?: number;
  readonly dim_bindings?: Readonly<Record<string, number>>;
  readonly params?: number;
  readonly quant_params?: number;
  readonly macs?: number | null;
  readonly peak_live_bytes?: number | null;
  readonly peak_live_step?: number | null;
}

/** Rows whose peak rests on what the oracle fed in, which no file says. */
const inputDependent: Readonly<Record<string, string>> = {
  'ort-sequence-insert': 'the length of the input sequence stands in no file',
};

async function footprintOfFile(path: string, dims: Readonly<Record<string, number>> = {}): Promise<Footprint> {
  const opened = await openOrigin({ kind: 'file', path });
  try {
    return (await analyseModel(opened, new Map(Object.entries(dims)))).footprint;
  } finally {
    await opened.close();
  }
}

function figures({ totals }: Footprint) {
  const { parameters, quantizationParameters, macs, peakLiveBytes, peakLiveStep } = totals;
  return { parameters, quantizationParameters, macs, peakLiveBytes, peakLiveStep };
}

function expectedFigures(row: Expected) {
  return {
    parameters: row.params,
    quantizationParameters: row.quant_params,
    macs: row.macs,
    peakLiveBytes: row.peak_live_bytes,
    peakLiveStep: row.peak_live_step,
  };
}

function reasonNotCompared(row: Expected): string | undefined {
  if (row.source !== 'ort') return `source ${row.source ?? 'none'}`;
  const marks = (['macs_from', 'macs_excludes', 'substituted', 'dangling_inputs'] as const).filter((mark) => row[mark]);
  return marks.length > 0 ? marks.join(', ') : inputDependent[row.name];
}

describe('footprints of the shared models', () => {
  const rows: readonly Expected[] = JSON.parse(readFileSync(join(shared, 'models', 'expected.json'), 'utf8')).models;
  const compared = rows.filter((row) => reasonNotCompared(row) === undefined);

  for (const row of compared) {
    it(`${row.name} costs what the oracle found`, async () => {
      const footprint = await footprintOfFile(join(shared, 'models', `${row.name}.onnx`), row.dim_bindings);
      assert.deepEqual(figures(footprint), expectedFigures(row));
    });
  }

  it('are measured or refused with a sentence where the oracle had no clean run', async () => {
    const others = rows.filter((row) => reasonNotCompared(row) !== undefined);
    for (const row of others) {
      const outcome = await describeOther(row);
      console.log(`      ${row.name} (${reasonNotCompared(row)}): ${outcome}`);
    }
    console.log(`      ${compared.length} of ${rows.length} rows compared, ${others.length} listed above`);
  });
});

async function describeOther(row: Expected): Promise<string> {
  try {
    const actual = figures(await footprintOfFile(join(shared, 'models', `${row.name}.onnx`), row.dim_bindings));
    const differences = Object.entries(expectedFigures(row))
      .map(([key, value]) => ({ key, value, found: Object.entries(actual).find(([name]) => name === key)?.[1] }))
      .filter(({ value, found }) => value !== undefined && value !== null && value !== found)
      .map(({ key, value, found }) => `${key} ${found}, oracle ${value}`);
    return differences.join('; ') || 'the same';
  } catch (error) {
    assert.ok(error instanceof Error);
    assert.ok(['UnreadableModel', 'UnknownBinding'].includes(error.name), String(error.stack));
    return error.message;
  }
}

describe('footprints of the samples', () => {
  const { models } = JSON.parse(readFileSync(join(shared, 'samples', 'samples.json'), 'utf8'));
  for (const { file, params, macs } of models) {
    it(`${file} has the parameters and multiply-accumulates its maker counted`, async () => {
      const path = join(shared, 'samples', file);
      assert.ok(existsSync(path), path);
      const { totals } = await footprintOfFile(path);
      assert.deepEqual({ params: totals.parameters, macs: totals.macs }, { params, macs });
    });
  }
});
