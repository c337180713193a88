import { formatShape } from '../format';
import { csvText, markdownTable } from '../text-table';
import type { TimedLayer } from './timed';

const heads = [
  'Step',
  'Layer',
  'Operator',
  'Output',
  'Parameters',
  'Weight bytes',
  'MACs',
  'Activation bytes',
  'Live bytes',
  'Precision',
];

/** Only where there is an estimate. */
const latencyHeads = ['Latency ms, estimated', 'Latency ms, lower end', 'Latency ms, upper end'];

/** Exact figures, for other programs: no units, no separators; empty where a figure is not known. */
function cells(layer: TimedLayer, timed: boolean): string[] {
  const { latency } = layer;
  return [
    String(layer.step),
    layer.name,
    layer.operator,
    layer.outputShape === undefined ? '' : formatShape(layer.outputShape),
    String(layer.parameters),
    String(layer.weightBytes),
    layer.macs === undefined ? '' : String(layer.macs),
    layer.activationBytes === undefined ? '' : String(layer.activationBytes),
    String(layer.liveBytes),
    layer.precision,
    ...(timed ? [latency?.middleMs, latency?.lowerMs, latency?.upperMs].map(milliseconds) : []),
  ];
}

/** Five figures are more than an estimate has, and no float's tail. */
function milliseconds(value: number | undefined): string {
  return value === undefined ? '' : String(Number(value.toPrecision(5)));
}

function isTimed(layers: readonly TimedLayer[]): boolean {
  return layers.some(({ latency }) => latency !== undefined);
}

/** The layers as comma-separated values with a head line (RFC 4180 quoting). */
export function asCsv(layers: readonly TimedLayer[]): string {
  const timed = isTimed(layers);
  const head = timed ? [...heads, ...latencyHeads] : heads;
  return csvText([head, ...layers.map((layer) => cells(layer, timed))]);
}

/** The layers as a Markdown table. */
export function asMarkdown(layers: readonly TimedLayer[]): string {
  const timed = isTimed(layers);
  const head = timed ? [...heads, ...latencyHeads] : heads;
  const isNumber = (position: number) => position === 0 || (position >= 4 && position !== 9);
  return markdownTable(
    head,
    layers.map((layer) => cells(layer, timed)),
    isNumber,
  );
}

/** The layers as tab-separated text without a head, as spreadsheets paste it. */
export function asTabSeparated(layers: readonly TimedLayer[]): string {
  const timed = isTimed(layers);
  return layers
    .map((layer) =>
      cells(layer, timed)
        .map((cell) => cell.replace(/[\t\r\n]+/g, ' '))
        .join('\t'),
    )
    .join('\n');
}
