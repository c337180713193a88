import type { ComparedLayer, ComparedLayerSide } from '../../extension/worker/comparison';
import { formatBytes, formatDecibels, formatQuantity, notApplicable } from '../format';
import type { Sorting } from '../store';
import { signed } from './words';

export type CompareRow =
  | { readonly kind: 'group'; readonly title: string }
  | { readonly kind: 'layer'; readonly layer: ComparedLayer };

export type CompareColumnId =
  | 'layer'
  | 'precision'
  | 'weights-before'
  | 'weights-after'
  | 'weights-saved'
  | 'live-before'
  | 'live-after'
  | 'live-saved'
  | 'weights-db'
  | 'output-db';

export interface CompareColumn {
  readonly id: CompareColumnId;
  readonly title: string;
  /** Where the column before it is left out. */
  readonly narrowTitle?: string;
  /** For screen readers and sentences, where the title leans on the column before it. */
  readonly fullTitle: string;
  readonly rule: string;
  readonly numeric: boolean;
  /** A bar stands before the text. */
  readonly bar?: 'weights' | 'activations';
  /** What all of a column is. */
  readonly measured?: boolean;
  /** undefined: there is none. */
  value(layer: ComparedLayer): number | string | undefined;
  text(layer: ComparedLayer): string;
}

const bytesText = (bytes: number | undefined): string =>
  bytes === undefined ? notApplicable : bytes === 0 ? notApplicable : formatBytes(bytes);

const decibelsText = (decibels: number | undefined): string =>
  decibels === undefined ? notApplicable : formatDecibels(decibels);

/** What became of a figure, where both sides have it. */
export function change(
  { before, after }: ComparedLayer,
  of: (side: ComparedLayerSide) => number | undefined,
): number | undefined {
  const [one, other] = [before && of(before), after && of(after)];
  return one === undefined || other === undefined ? undefined : other - one;
}

const weights = (side: ComparedLayerSide): number => side.weightBytes;
const live = (side: ComparedLayerSide): number | undefined => side.liveBytes;

function changeText(bytes: number | undefined): string {
  return bytes === undefined || bytes === 0 ? notApplicable : signed(bytes, formatBytes);
}

/** "float32 → int8"; one type where it is the same or there is one side. */
export function precisionText({ before, after }: ComparedLayer): string {
  const [one = '', other = ''] = [before?.precision, after?.precision];
  if (!before || !after || one === other) return one || other || notApplicable;
  return `${one || 'unknown'} → ${other || 'unknown'}`;
}

const sharedWeights = 'Exact. Weights with their scales and zero points; shared ones count at their first user';

export const compareColumns: readonly CompareColumn[] = [
  {
    id: 'layer',
    title: 'Layer',
    fullTitle: 'Layer',
    rule: 'The name of the node, or its first output where it has none',
    numeric: false,
    value: ({ name }) => name,
    text: ({ name }) => name,
  },
  {
    id: 'precision',
    title: 'Precision',
    fullTitle: 'Precision',
    rule: 'Element type of the weights, or of the output where there are none',
    numeric: false,
    value: precisionText,
    text: precisionText,
  },
  {
    id: 'weights-before',
    title: 'Weights before',
    fullTitle: 'Weights before',
    rule: sharedWeights,
    numeric: true,
    value: ({ before }) => before?.weightBytes,
    text: ({ before }) => bytesText(before?.weightBytes),
  },
  {
    id: 'weights-after',
    title: 'after',
    narrowTitle: 'Weights',
    fullTitle: 'Weights after',
    rule: sharedWeights,
    numeric: true,
    value: ({ after }) => after?.weightBytes,
    text: ({ after }) => bytesText(after?.weightBytes),
  },
  {
    id: 'weights-saved',
    title: 'saved',
    fullTitle: 'Weights saved',
    rule: 'After minus before',
    numeric: true,
    bar: 'weights',
    value: (layer) => change(layer, weights),
    text: (layer) => changeText(change(layer, weights)),
  },
  {
    id: 'live-before',
    title: 'Live RAM before',
    fullTitle: 'Live RAM before',
    rule: 'Bytes of all activations live while the layer runs, at most',
    numeric: true,
    value: ({ before }) => before?.liveBytes,
    text: ({ before }) => bytesText(before?.liveBytes),
  },
  {
    id: 'live-after',
    title: 'after',
    narrowTitle: 'Live RAM',
    fullTitle: 'Live RAM after',
    rule: 'Bytes of all activations live while the layer runs, at most',
    numeric: true,
    value: ({ after }) => after?.liveBytes,
    text: ({ after }) => bytesText(after?.liveBytes),
  },
  {
    id: 'live-saved',
    title: 'saved',
    fullTitle: 'Live RAM saved',
    rule: 'After minus before',
    numeric: true,
    bar: 'activations',
    value: (layer) => change(layer, live),
    text: (layer) => changeText(change(layer, live)),
  },
  {
    id: 'weights-db',
    title: 'Weights dB',
    fullTitle: 'Weights dB',
    rule: 'Signal to quantization noise of the weights of a plan, over all of them',
    numeric: true,
    value: ({ weightsDb }) => weightsDb,
    text: ({ weightsDb }) => decibelsText(weightsDb),
  },
  {
    id: 'output-db',
    title: 'Output dB',
    fullTitle: 'Output dB',
    rule: 'Measured. Signal to quantization noise of the output, with all layers before it quantized too',
    numeric: true,
    measured: true,
    value: ({ outputDb }) => outputDb,
    text: ({ outputDb }) => decibelsText(outputDb),
  },
];

/** Where nobody sorts: what saves most comes first. */
export const bySaving: Sorting = { column: 'weights-saved', descending: false };

/** Matched layers in the order asked for, then those of one side alone under a head of their own. */
export function compareRows(
  layers: readonly ComparedLayer[],
  sorting: Sorting | undefined,
  filter: string,
): readonly CompareRow[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = layers.filter((layer) => {
    const text = `${layer.name} ${layer.after?.name ?? ''} ${precisionText(layer)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const sorted = inOrder(shown, sorting);
  const asRows = (some: readonly ComparedLayer[]): CompareRow[] => some.map((layer) => ({ kind: 'layer', layer }));
  const group = (title: string, some: readonly ComparedLayer[]): CompareRow[] =>
    some.length === 0
      ? []
      : [{ kind: 'group', title: `${title}: ${formatQuantity(some.length, 'layer')}` }, ...asRows(some)];
  return [
    ...asRows(sorted.filter(({ before, after }) => before && after)),
    ...group(
      'Only before',
      sorted.filter(({ after }) => !after),
    ),
    ...group(
      'Only after',
      sorted.filter(({ before }) => !before),
    ),
  ];
}

/** Layers of one module by their numbers: block_2 before block_13. */
const byName = new Intl.Collator(undefined, { numeric: true });

function inOrder(layers: readonly ComparedLayer[], sorting: Sorting | undefined): readonly ComparedLayer[] {
  const column = compareColumns.find(({ id }) => id === sorting?.column);
  if (!column) return layers;
  const sign = sorting?.descending ? -1 : 1;
  const keyed = layers.map((layer) => ({ layer, key: column.value(layer) }));
  keyed.sort((a, b) => {
    // What is not known comes last either way.
    if (a.key === undefined || b.key === undefined) return Number(a.key === undefined) - Number(b.key === undefined);
    return sign * (typeof a.key === 'string' ? byName.compare(a.key, String(b.key)) : a.key - Number(b.key));
  });
  return keyed.map(({ layer }) => layer);
}
