import { isDataType } from '../model/data-type';
import { formatBytes, formatCount, formatDataType, formatLimit, formatWhole } from '../model/format';
import type { MemoryVerdict, Verdict } from '../targets/verdict';
import type { Analysis, LayerSummary } from '../worker/analysis';
import { acceleratorReport } from './accelerator-report';
import { latencyLine } from './latency-report';
import type { MeasuredModel } from './measure';
import { figureText, runtimeReport } from './runtime-report';
import type { Style } from './style';
import { type Column, printable, shortName, textTable } from './table';

/** What stands where a notion does not apply or nothing is known. */
const absent = '–';

export const layerColumns: readonly Column[] = [
  { head: 'Step', align: 'right' },
  { head: 'Layer' },
  { head: 'Operator' },
  { head: 'Output' },
  { head: 'Params', align: 'right' },
  { head: 'Weights', align: 'right' },
  { head: 'MACs', align: 'right' },
  { head: 'Activation', align: 'right' },
  { head: 'Live', align: 'right' },
];

/** The cells of one layer for a reader: sizes with units. */
export function layerCells(layer: LayerSummary): readonly string[] {
  return [
    String(layer.step),
    layer.name,
    layer.operator,
    layer.outputShape ? shapeText(layer.outputShape) : absent,
    layer.parameters > 0 ? formatWhole(layer.parameters) : absent,
    layer.weightBytes > 0 ? formatBytes(layer.weightBytes) : absent,
    layer.macs === undefined ? '?' : layer.macs > 0 ? formatCount(layer.macs) : absent,
    layer.activationBytes === undefined ? '?' : layer.activationBytes > 0 ? formatBytes(layer.activationBytes) : absent,
    formatBytes(layer.liveBytes),
  ];
}

function shortCells(layer: LayerSummary): readonly string[] {
  return layerCells({ ...layer, name: shortName(layer.name) });
}

/** The whole report of `inspect` for a person. */
export function textReport(measured: MeasuredModel, verdict: Verdict | undefined, style: Style): string {
  const { file, analysed, onRuntime, onTarget } = measured;
  const { analysis } = analysed;
  const parts = [heading(file, analysis, style), totalsText(analysis)];
  if (onRuntime) parts.push(runtimeReport(onRuntime));
  if (verdict) parts.push(verdictText(verdict, style));
  if (onTarget?.latency) parts.push(latencyLine(onTarget.latency));
  if (onTarget?.accelerator) parts.push(acceleratorReport(onTarget.accelerator));
  if (analysis.layers.length > 0) parts.push(textTable(layerColumns, analysis.layers.map(shortCells)));
  const peak = peakText(analysis);
  if (peak) parts.push(peak);
  const remarks = remarksText(analysis, style);
  if (remarks) parts.push(remarks);
  return parts.join('\n');
}

function heading(file: string, { model, file: { bytes, externalBytes }, precision }: Analysis, style: Style): string {
  const external = externalBytes > 0 ? ` + ${formatBytes(externalBytes)} external data` : '';
  const opset = model.opsets.find(({ domain }) => domain === 'ai.onnx')?.version;
  const facts = [
    `${formatBytes(bytes)}${external}`,
    precision,
    opset === undefined ? '' : `opset ${opset}`,
    model.producer,
  ].filter((fact) => fact !== '');
  return `${style.bold(printable(file))}  ${style.muted(printable(facts.join(' · ')))}\n`;
}

function totalsText({ totals, model, peak, bindables }: Analysis): string {
  const atLeast = (incomplete: boolean) => (incomplete ? 'at least ' : '');
  const types = Object.entries(totals.parametersByDataType)
    .sort((a, b) => b[1] - a[1])
    .map(([type, count]) => `${formatWhole(count)} ${isDataType(type) ? formatDataType(type) : type}`);
  const values = (list: Analysis['model']['inputs']) =>
    list.map(
      ({ name, dataType, shape }) =>
        `${shortName(name)} ${isDataType(dataType) ? formatDataType(dataType) : dataType}${shape ? ` ${shapeText(shape)}` : ''}`,
    );
  const unbound = bindables.filter(({ value }) => value === undefined).map(({ key }) => key);
  const bound = bindables.filter(({ value }) => value !== undefined).map(({ key, value }) => `${key} = ${value}`);
  const rows: [string, string][] = [
    ['Input', values(model.inputs).join(', ') || 'none'],
    ['Output', values(model.outputs).join(', ') || 'none'],
    ['Parameters', `${formatWhole(totals.parameters)}${types.length > 1 ? ` (${types.join(', ')})` : ''}`],
    ['Weights', formatBytes(totals.weightBytes)],
    ['MACs', `${atLeast(totals.macsIncomplete)}${formatCount(totals.macs)} (${formatWhole(totals.macs)})`],
    [
      'Operations',
      `${atLeast(totals.elementOperationsIncomplete)}${formatCount(totals.elementOperations)} on elements, besides the MACs`,
    ],
    ['Flash', `at least ${formatBytes(totals.constantBytes)}: all constants; graph and runtime not counted`],
    [
      'RAM',
      `at least ${formatBytes(totals.peakActivationBytes)}${peak ? `: step ${peak.step}, ${shortName(peak.layer)}` : ''}; runtime not counted`,
    ],
  ];
  if (totals.quantizationParameters > 0) {
    rows.splice(4, 0, [
      'Quantization',
      `${formatWhole(totals.quantizationParameters)} scales and zero points, ${formatBytes(totals.quantizationBytes)}`,
    ]);
  }
  if (totals.attributeParameters > 0) {
    rows.splice(4, 0, [
      'In attributes',
      `${formatWhole(totals.attributeParameters)} learned numbers, not among the parameters`,
    ]);
  }
  if (bound.length > 0) rows.push(['Bound', bound.join(', ')]);
  if (unbound.length > 0) rows.push(['Unbound', `${unbound.join(', ')} (counted as 1; set with --dim KEY=N)`]);
  return textTable([{ head: '' }, { head: '' }], rows).replace(/^\n/, '');
}

/** The verdict as a sentence, with both memories below. */
export function verdictText(verdict: Verdict, style: Style): string {
  return [
    `${style.outcome(verdict.lead, verdict.outcome)} ${printable(verdict.detail)}\n`,
    memoryLine('Flash', verdict.flash),
    memoryLine('RAM', verdict.ram),
  ].join('');
}

function memoryLine(name: string, { bytes, kind, limit, limitLabel }: MemoryVerdict): string {
  const of = limit === undefined ? 'no limit known' : `of ${formatLimit(limit)}${limitLabel ? ` ${limitLabel}` : ''}`;
  return `  ${name.padEnd(5)}  ${figureText(bytes, kind)} ${of}\n`;
}

function peakText({ peak }: Analysis): string | undefined {
  if (!peak || peak.tensors.length === 0) return undefined;
  const rows = peak.tensors.map(({ name, bytes, role, shape }) => [
    `  ${role}`,
    shortName(name),
    shape ? shapeText(shape) : absent,
    formatBytes(bytes),
  ]);
  const columns: Column[] = [
    { head: '  Role' },
    { head: 'Tensor' },
    { head: 'Shape' },
    { head: 'Bytes', align: 'right' },
  ];
  return `Peak: ${formatBytes(peak.bytes)} live at step ${peak.step}, ${printable(shortName(peak.layer))}\n${textTable(columns, rows)}`;
}

function remarksText({ layers, diagnostics }: Analysis, style: Style): string | undefined {
  const lines = [
    ...diagnostics.map(({ severity, message }) => `${style.severity(severity, severity)}: ${printable(message)}\n`),
    ...layers
      .filter(({ remark }) => remark !== undefined)
      .map(({ step, name, remark = '' }) => `step ${step}, ${printable(shortName(name))}: ${printable(remark)}\n`),
  ];
  return lines.length > 0 ? lines.join('') : undefined;
}

function shapeText(shape: readonly (number | string | null)[]): string {
  return `[${shape.map((dim) => dim ?? '?').join(', ')}]`;
}
