import { fitFigures } from '../targets/fit-figures';
import type { Verdict } from '../targets/verdict';
import { type MatrixRow, verdictMatrix } from '../targets/verdict-matrix';
import { compareModels } from '../worker/compare';
import { withTargets } from './arguments';
import { type CompareArguments, compareArguments } from './compare-arguments';
import { compareDocument, compareMarkdown, compareText } from './compare-report';
import type { ExitCode, Io } from './io';
import { jsonText } from './json-text';
import { type MeasuredModel, measureFile } from './measure';
import { reservesFor } from './runtime-arguments';
import { makeStyle } from './style';
import { printable } from './table';

/** `thimble compare`: two models, totals and layer by layer. 2 when a file cannot be read. */
export async function compare(argv: readonly string[], io: Io): Promise<ExitCode> {
  const options = await withTargets(io, (more) => compareArguments(argv, more));
  const { bindings, onRuntime } = options;
  const measured: MeasuredModel[] = [];
  let exitCode: ExitCode = 0;
  for (const file of [options.before, options.after]) {
    // Reserves are the application's own, and the same on both sides: the figures go without them.
    const model = await measureFile(file, { bindings, onRuntime, target: undefined });
    if ('error' in model) {
      io.err(`thimble: ${printable(model.error)}\n`);
      exitCode = 2;
    } else measured.push(model);
  }
  const [before, after] = measured;
  if (exitCode !== 0 || !before || !after) return exitCode;
  const comparison = compareModels(
    { analysed: before.analysed, footprint: before.onRuntime?.footprint },
    { analysed: after.analysed, footprint: after.onRuntime?.footprint },
  );
  const compared = { ...options, comparison, verdicts: verdictsOf(before, after, options) };
  if (options.format === 'json') io.out(jsonText(compareDocument(compared), 'indented'));
  else if (options.format === 'markdown') io.out(compareMarkdown(compared));
  else io.out(compareText(compared, makeStyle(io.color)));
  return exitCode;
}

function verdictsOf(
  before: MeasuredModel,
  after: MeasuredModel,
  { target, externalRam, onRuntime }: CompareArguments,
): { readonly before: Verdict; readonly after: Verdict } | undefined {
  if (!target) return undefined;
  const reserves = onRuntime ? reservesFor(onRuntime, target) : { flash: 0, ram: 0, stack: 0 };
  const column = { target, runtime: onRuntime?.runtime.id, reserves, externalRam };
  const [[one] = [], [other] = []] = verdictMatrix([rowOf(before), rowOf(after)], [column]);
  return one && other && { before: one, after: other };
}

function rowOf({ analysed, onRuntime }: MeasuredModel): MatrixRow {
  const footprint = onRuntime?.footprint;
  return {
    data: analysed.footprint,
    onRuntimes: new Map(footprint ? [[footprint.runtime.id, fitFigures(footprint)]] : []),
  };
}
