import { version } from '../../package.json';
import { formatLimit } from '../model/format';
import { limitsOf } from '../targets/limits';
import type { Limit, Limits } from '../targets/target';
import type { MemoryVerdict, Verdict } from '../targets/verdict';
import { acceleratorLine } from './accelerator-report';
import { type CheckArguments, checkArguments, withTargets } from './arguments';
import { checkChips } from './check-chips';
import { type CheckedModel, checkReport, isReportFormat } from './check-formats';
import { exitCodes, heedFault, noVerdict, outcomeWords, worse } from './check-outcome';
import { diagnosticDocument, errorDocument, schemaVersion, verdictDocument } from './document';
import type { ExitCode, Io } from './io';
import { jsonText } from './json-text';
import { heedLatency } from './latency-report';
import { type MeasuredModel, measureFile } from './measure';
import { runtimeDocument } from './runtime-document';
import { figureText } from './runtime-report';
import { makeStyle, type Style } from './style';
import { printable } from './table';
import { targetDocument } from './target-report';
import { verdictOf } from './verdict';

/** `thimble check`: 0 when every model fits, 1 when one does not or its runtime cannot run it, 2 when a file is bad or a needed figure is not known. */
export async function check(argv: readonly string[], io: Io): Promise<ExitCode> {
  const options = await withTargets(io, (more) => checkArguments(argv, more));
  if (options.chips.length > 1) return checkChips(options, io);
  const limits = limitsFor(options);
  const style = makeStyle(io.color);
  const documents: unknown[] = [];
  const checked: CheckedModel[] = [];
  let exitCode: ExitCode = 0;
  for (const file of options.files) {
    const measured = await measureFile(file, options);
    const verdict = 'analysed' in measured ? soundVerdict(measured, options, limits) : undefined;
    exitCode = worse(exitCode, verdict ? exitCodes[verdict.outcome] : 2);
    const document =
      'error' in measured
        ? errorDocument(file, measured.error)
        : verdict && {
            schemaVersion,
            file,
            ...(measured.onRuntime && runtimeDocument(measured.onRuntime)),
            ...(measured.onTarget && targetDocument(measured.onTarget)),
            verdict: verdictDocument(verdict),
            diagnostics: measured.analysed.analysis.diagnostics.map(diagnosticDocument),
          };
    if ('error' in measured) io.err(`thimble: ${printable(measured.error)}\n`);
    else if (verdict?.outcome === 'unknown') io.err(`thimble: ${printable(file)}: ${noVerdict}.\n`);
    if ('error' in measured) checked.push(measured);
    else if (verdict) checked.push({ file, verdict });
    if (isReportFormat(options.format)) continue;
    if (options.format === 'jsonl') io.out(jsonText(document, 'line'));
    else if (options.format === 'json') {
      if ('analysed' in measured || options.files.length > 1) documents.push(document);
    } else if (verdict && 'analysed' in measured) {
      io.out(line(measured, verdict, style) + remarks(measured, style));
    }
  }
  if (isReportFormat(options.format)) io.out(checkReport(options.format, checked, version));
  if (options.format === 'json' && documents.length > 0) {
    io.out(jsonText(options.files.length === 1 ? documents[0] : documents, 'indented'));
  }
  return exitCode;
}

function soundVerdict(
  measured: MeasuredModel,
  { target, externalRam, maxLatency }: CheckArguments,
  limits: Limits,
): Verdict {
  const inMemory = verdictOf(measured, target, limits, externalRam);
  const verdict = maxLatency === undefined ? inMemory : heedLatency(inMemory, measured.onTarget?.latency, maxLatency);
  return heedFault(verdict, measured.analysed.analysis.diagnostics);
}

function limitsFor({ target, externalRam, maxFlash, maxRam }: CheckArguments): Limits {
  const own = target ? limitsOf(target, { externalRam }) : { flash: undefined, ram: undefined };
  return { flash: given(maxFlash, '--max-flash') ?? own.flash, ram: given(maxRam, '--max-ram') ?? own.ram };
}

function given(bytes: number | undefined, label: string): Limit | undefined {
  return bytes === undefined ? undefined : { bytes, label };
}

function line({ file, onRuntime }: MeasuredModel, { flash, ram, outcome, reasons }: Verdict, style: Style): string {
  const isDataOnly = outcome === 'model-data-fits' && !onRuntime;
  const word = isDataOnly ? `${outcomeWords[outcome]}; runtime not counted` : outcomeWords[outcome];
  const figures = [figure('flash', flash), figure('RAM', ram)].filter((text) => text !== '').join(', ');
  const more = reasons.filter((reason) => reason !== word).map((reason) => `  ${printable(reason)}\n`);
  return `${printable(file)}: ${style.outcome(word, outcome)}  (${figures})\n${more.join('')}`;
}

/** What the figures leave out or assume. */
function remarks({ analysed, onRuntime, onTarget }: MeasuredModel, style: Style): string {
  const lines = analysed.analysis.diagnostics.map(
    ({ severity, message }) => `  ${style.severity(severity, severity)}: ${printable(message)}\n`,
  );
  const notes = onRuntime?.footprint.notes.map((note) => `  ${style.severity('note', 'note')}: ${printable(note)}\n`);
  const accelerator = onTarget?.accelerator;
  const there = accelerator && `  ${style.severity('note', 'note')}: ${printable(acceleratorLine(accelerator))}\n`;
  return [...lines, ...(notes ?? []), there ?? ''].join('');
}

function figure(name: string, { bytes, limit, kind }: MemoryVerdict): string {
  return limit === undefined ? '' : `${name} ${figureText(bytes, kind)} of ${formatLimit(limit)}`;
}
