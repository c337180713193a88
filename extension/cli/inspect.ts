import { limitsOf } from '../targets/limits';
import type { Verdict } from '../targets/verdict';
import type { AnalysedModel } from '../worker/analyse';
import type { LayerSummary } from '../worker/analysis';
import { type InspectArguments, inspectArguments, withTargets } from './arguments';
import { errorDocument, inspectDocument } from './document';
import type { ExitCode, Io } from './io';
import { jsonText } from './json-text';
import { type Measured, type MeasuredModel, measureFile } from './measure';
import { makeStyle } from './style';
import { type Column, csvTable, markdownTable, printable } from './table';
import { layerCells, layerColumns, textReport } from './text-report';
import { verdictOf } from './verdict';

/** `thimble inspect`: what each model costs. 2 when a file cannot be read. */
export async function inspect(argv: readonly string[], io: Io): Promise<ExitCode> {
  const options = await withTargets(io, (more) => inspectArguments(argv, more));
  let exitCode: ExitCode = 0;
  let printed = 0;
  const documents: unknown[] = [];
  const rows: (readonly string[])[] = [];
  for (const file of options.files) {
    const measured = await measureFile(file, options);
    if ('error' in measured) {
      io.err(`thimble: ${printable(measured.error)}\n`);
      exitCode = 2;
    }
    switch (options.format) {
      case 'jsonl':
        io.out(jsonText(documentOf(measured, options), 'line'));
        break;
      case 'json':
        documents.push(documentOf(measured, options));
        break;
      case 'csv':
        if ('analysed' in measured) rows.push(...csvRows(measured.file, measured.analysed));
        break;
      case 'markdown':
        if ('analysed' in measured) {
          const body = measured.analysed.analysis.layers.map((layer) => [...layerCells(layer)]);
          rows.push(...body.map((cells) => (options.files.length > 1 ? [file, ...cells] : cells)));
        }
        break;
      default:
        if ('analysed' in measured) {
          if (printed++ > 0) io.out('\n');
          io.out(textReport(measured, verdictFor(measured, options), makeStyle(io.color)));
        }
    }
  }
  if (options.format === 'json') writeJson(documents, exitCode, io);
  const readable = options.files.length > 1 || exitCode === 0;
  if (options.format === 'csv' && readable) io.out(csvTable(csvHeads, rows));
  if (options.format === 'markdown' && readable) {
    const columns: readonly Column[] = options.files.length > 1 ? [{ head: 'File' }, ...layerColumns] : layerColumns;
    io.out(markdownTable(columns, rows));
  }
  return exitCode;
}

/** One document for one file (none when it cannot be read), an array for several. */
function writeJson(documents: readonly unknown[], exitCode: ExitCode, io: Io): void {
  if (documents.length === 1 && exitCode !== 0) return;
  io.out(jsonText(documents.length === 1 ? documents[0] : documents, 'indented'));
}

function documentOf(measured: Measured, options: InspectArguments): unknown {
  if ('error' in measured) return errorDocument(measured.file, measured.error);
  const { onRuntime, onTarget } = measured;
  const verdict = verdictFor(measured, options);
  return inspectDocument(measured.file, measured.analysed, {
    verdict,
    onRuntime,
    onTarget,
    withTensors: options.tensors,
  });
}

function verdictFor(measured: MeasuredModel, { target, externalRam }: InspectArguments): Verdict | undefined {
  return target && verdictOf(measured, target, limitsOf(target, { externalRam }), externalRam);
}

const csvHeads = [
  'file',
  'step',
  'index',
  'name',
  'opType',
  'domain',
  'outputShape',
  'parameters',
  'weightBytes',
  'quantizationBytes',
  'macs',
  'activationBytes',
  'liveBytes',
  'elementOperations',
  'bytesRead',
  'bytesWritten',
  'unknown',
];

function csvRows(file: string, { analysis }: AnalysedModel): readonly (readonly string[])[] {
  return analysis.layers.map((layer) => [file, ...csvCells(layer)]);
}

function csvCells(layer: LayerSummary): readonly string[] {
  return [
    layer.step,
    layer.index,
    layer.name,
    layer.opType,
    layer.domain,
    layer.outputShape?.map((dim) => dim ?? '?').join('x') ?? '',
    layer.parameters,
    layer.weightBytes,
    layer.quantizationBytes,
    layer.macs ?? '',
    layer.activationBytes ?? '',
    layer.liveBytes,
    layer.elementOperations ?? '',
    layer.bytesRead ?? '',
    layer.bytesWritten ?? '',
    layer.unknown ?? '',
  ].map(String);
}
