import { version } from '../../package.json';
import { type FitFigures, fitFigures } from '../targets/fit-figures';
import type { Verdict } from '../targets/verdict';
import { type MatrixColumn, verdictMatrix } from '../targets/verdict-matrix';
import type { Analysis } from '../worker/analysis';
import { type ModelSession, startSession } from '../worker/model-sessions';
import { measureSession } from '../worker/runtime-figures';
import type { CheckArguments, CheckedChip } from './arguments';
import { type CheckedModel, checkReport, isReportFormat } from './check-formats';
import { exitCodes, heedFault, noVerdict, outcomeWords, worse } from './check-outcome';
import { diagnosticDocument, errorDocument, schemaVersion, verdictDocument } from './document';
import type { ExitCode, Io } from './io';
import { jsonText } from './json-text';
import { errorSentence, openModel } from './measure';
import { reservesFor, runtimeRequest } from './runtime-arguments';
import { printable, textTable } from './table';

/** A file held against all chips, in their order. */
interface ComparedModel {
  readonly file: string;
  readonly diagnostics: Analysis['diagnostics'];
  readonly verdicts: readonly Verdict[];
}

type Compared = ComparedModel | { readonly file: string; readonly error: string };

/** `thimble check` with several targets: a table of models and chips. Ends as with one: the worst of all cells decides. */
export async function checkChips(options: CheckArguments, io: Io): Promise<ExitCode> {
  const { files, chips, format } = options;
  const compared: Compared[] = [];
  let exitCode: ExitCode = 0;
  for (const file of files) {
    const model = await compare(file, options);
    compared.push(model);
    if ('error' in model) {
      exitCode = 2;
      io.err(`thimble: ${printable(model.error)}\n`);
    } else {
      for (const { outcome, targetName } of model.verdicts) {
        exitCode = worse(exitCode, exitCodes[outcome]);
        if (outcome === 'unknown') io.err(`thimble: ${printable(file)} on ${targetName}: ${noVerdict}.\n`);
      }
    }
  }
  if (isReportFormat(format)) io.out(checkReport(format, compared.flatMap(checkedModels), version));
  else if (format === 'text') io.out(textReport(compared, chips));
  else {
    const documents = compared.map((model) => documentOf(model, chips));
    if (format === 'jsonl') for (const document of documents) io.out(jsonText(document, 'line'));
    else io.out(jsonText(documents.length === 1 ? documents[0] : documents, 'indented'));
  }
  return exitCode;
}

async function compare(file: string, { chips, bindings, externalRam }: CheckArguments): Promise<Compared> {
  try {
    const opened = await openModel(file);
    try {
      const session = await startSession(opened, [...bindings]);
      const columns = chips.map(
        ({ target, onRuntime }): MatrixColumn => ({
          target,
          runtime: onRuntime?.runtime.id,
          reserves: onRuntime ? reservesFor(onRuntime, target) : { flash: 0, ram: 0, stack: 0 },
          externalRam,
        }),
      );
      const row = { data: session.analysed.footprint, onRuntimes: await measureOnce(session, chips) };
      const [verdicts = []] = verdictMatrix([row], columns);
      const { diagnostics } = session.analysed.analysis;
      return {
        file,
        diagnostics,
        verdicts: verdicts.flatMap((verdict) => (verdict ? [heedFault(verdict, diagnostics)] : [])),
      };
    } finally {
      await opened.close();
    }
  } catch (error) {
    return { file, error: errorSentence(file, error) };
  }
}

/** The figures of each runtime, which chips share. */
async function measureOnce(
  session: ModelSession,
  chips: readonly CheckedChip[],
): Promise<ReadonlyMap<string, FitFigures>> {
  const figures = new Map<string, FitFigures>();
  for (const { onRuntime } of chips) {
    if (!onRuntime || figures.has(onRuntime.runtime.id)) continue;
    const request = { ...runtimeRequest(onRuntime, undefined), flashReserveBytes: 0 };
    figures.set(onRuntime.runtime.id, fitFigures(await measureSession(session, request)));
  }
  return figures;
}

function checkedModels(model: Compared): readonly CheckedModel[] {
  return 'error' in model ? [model] : model.verdicts.map((verdict) => ({ file: model.file, verdict }));
}

function documentOf(model: Compared, chips: readonly CheckedChip[]) {
  if ('error' in model) return errorDocument(model.file, model.error);
  const { file, verdicts, diagnostics } = model;
  return {
    schemaVersion,
    file,
    verdicts: verdicts.map((verdict, index) => ({
      ...verdictDocument(verdict),
      runtime: chips[index]?.onRuntime?.runtime.id ?? null,
    })),
    diagnostics: diagnostics.map(diagnosticDocument),
  };
}

/** The table, and under it what is short or lacks, a line a cell. */
function textReport(compared: readonly Compared[], chips: readonly CheckedChip[]): string {
  const models = compared.flatMap((model) => ('error' in model ? [] : [model]));
  if (models.length === 0) return '';
  const columns = [{ head: 'model' }, ...chips.map(({ target }) => ({ head: target.name }))];
  const rows = models.map(({ file, verdicts }) => [file, ...verdicts.map(word)]);
  const reasons = models.flatMap(({ file, verdicts }) =>
    verdicts.flatMap(({ outcome, targetName, reasons: why }) =>
      exitCodes[outcome] === 0 ? [] : [`${printable(file)} on ${targetName}: ${printable(why.join('; '))}\n`],
    ),
  );
  return textTable(columns, rows) + (reasons.length > 0 ? `\n${reasons.join('')}` : '');
}

function word({ outcome, flash, ram }: Verdict): string {
  if (outcome !== 'does-not-fit') return outcomeWords[outcome];
  const short = [flash.fits === false && 'flash', ram.fits === false && 'RAM'].filter((name) => name !== false);
  return `${short.join(' and ')} short`;
}
