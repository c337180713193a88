import type { FigureKind } from '../extension/targets/verdict';
import { type Child, element } from './dom';
import { formatBytes, formatExactBytes } from './format';
import type { PageState } from './protocol';

/** From the one to believe most to the one to believe least. */
const byTrust = ['exact', 'measured', 'published', 'estimated', 'lower bound'] as const satisfies readonly FigureKind[];

const words: Readonly<Record<FigureKind, string>> = {
  exact: 'Exact.',
  measured: 'Measured.',
  published: 'Published.',
  estimated: 'Estimated.',
  'lower bound': 'At least.',
};

/** The kind as the first word of an explanation: "Estimated." */
export function kindWord(kind: FigureKind): string {
  return words[kind];
}

/** The kind of a sum: that of its weakest part. */
export function weakestKind(kinds: readonly FigureKind[]): FigureKind {
  return kinds.reduce<FigureKind>(
    (weakest, kind) => (byTrust.indexOf(kind) > byTrust.indexOf(weakest) ? kind : weakest),
    'exact',
  );
}

/** A figure in words with its kind: "at least 4.9 KiB", "~4.9 KiB", "4.9 KiB, published". For names and sentences. */
export function bytesInWords(bytes: number, kind: FigureKind): string {
  const text = formatBytes(bytes);
  if (kind === 'lower bound') return `at least ${text}`;
  if (kind === 'estimated') return `~${text}`;
  return kind === 'exact' ? text : `${text}, ${kind}`;
}

/** Bytes with the mark of their kind: `~` estimated, a dagger published, a diamond measured, "at least" (`≥` when short) a lower bound. */
export function markedBytes(bytes: number, kind: FigureKind, short = false): Child {
  const text = formatBytes(bytes);
  switch (kind) {
    case 'exact':
      return text;
    case 'lower bound':
      return [
        element('span', { class: 'kind', attributes: { 'aria-label': 'at least' } }, short ? '≥\u202f' : 'at least '),
        text,
      ];
    case 'estimated':
      return [estimatedMark(), text];
    case 'published':
      return [text, publishedMark()];
    case 'measured':
      return [text, measuredMark()];
  }
}

/** What hovering a figure says: kind, all digits, and the rule behind it. */
export function figureTip(bytes: number, kind: FigureKind, rule = ''): string {
  return `${kindWord(kind)} ${formatExactBytes(bytes)}.${rule === '' ? '' : `\n${rule}`}`;
}

/** The mark before an estimated number. */
export function estimatedMark(): HTMLElement {
  return element('span', { class: 'kind', attributes: { role: 'img', 'aria-label': 'estimated' } }, '~');
}

/** The mark after a published number. */
export function publishedMark(): HTMLElement {
  return element('sup', { class: 'kind', attributes: { role: 'img', 'aria-label': 'published' } }, '†');
}

/** The raised diamond of a measured figure. */
export function measuredMark(): HTMLElement {
  return element('i', { class: 'measured', attributes: { role: 'img', 'aria-label': 'measured' } });
}

const overWeights = 'over all weights';

/** The last line of every view: what the marks mean that occur in this state. */
export function kindsLegend(state: PageState, measuredOn = overWeights): Child {
  const kinds = kindsIn(state);
  return [
    element('span', {}, 'Unmarked: exact'),
    kinds.has('lower bound') &&
      element(
        'span',
        {},
        state.runtimeFootprint ? 'at least, ≥: lower bound' : 'at least, ≥: lower bound, the runtime is not counted',
      ),
    (kinds.has('measured') || measuredOn !== overWeights) &&
      element('span', {}, measuredMark(), ` measured ${measuredOn}`),
    kinds.has('estimated') && element('span', {}, '~ estimated'),
    kinds.has('published') && element('span', {}, '† published'),
    element('span', { class: 'wide-only' }, 'Hover a number for its rule'),
    element('span', { class: 'right' }, 'No accuracy is claimed: dB is signal to quantization noise'),
  ];
}

function kindsIn({
  runtimeFootprint,
  improvements = [],
  schemes,
  analysis,
  latency,
  accelerator,
}: PageState): ReadonlySet<FigureKind> {
  const kinds = new Set<FigureKind>();
  if (runtimeFootprint === undefined || analysis.totals.macsIncomplete) kinds.add('lower bound');
  if (runtimeFootprint) {
    kinds.add(runtimeFootprint.memory.kind);
    for (const kind of Object.values(runtimeFootprint.memory.kinds ?? {})) kinds.add(kind);
    for (const { kind } of runtimeFootprint.flash.parts) kinds.add(kind);
  }
  for (const { figure } of improvements) kinds.add(figure);
  const times = [latency?.figure, latency?.asInt8, accelerator?.latency];
  if (times.some((time) => time !== undefined && !('missing' in time))) kinds.add('estimated');
  if (accelerator?.check.weightMemory) kinds.add('lower bound');
  for (const { state, weightError } of schemes) {
    if (weightError) kinds.add('measured');
    if (state.kind !== 'ready') continue;
    kinds.add(state.flashKind ?? 'lower bound');
    kinds.add(state.ramKind ?? 'lower bound');
  }
  return kinds;
}
