import { formatMilliseconds } from '../model/format';
import type { LatencyRange } from '../targets/latency';
import type { Verdict } from '../targets/verdict';
import type { LatencyFigure, LatencyReport } from '../worker/latency';
import { printable } from './table';

/** A latency in JSON: milliseconds with their range, or what is missing for an estimate. */
export function latencyDocument({ figure, precision, asInt8 }: LatencyReport) {
  return { precision, ...figureDocument(figure), ...(asInt8 && { asInt8: figureDocument(asInt8) }) };
}

/** An estimate or what is missing for one, in JSON. */
export function figureDocument(figure: LatencyFigure) {
  if ('missing' in figure) return { missing: figure.missing };
  const { kind, basis, accuracy, perLayer } = figure;
  return {
    ...rangeDocument(figure),
    kind,
    basis,
    accuracy,
    perLayer: perLayer.map(({ index, name, kind: work, ...range }) => ({
      index,
      name,
      kind: work,
      ...rangeDocument(range),
    })),
  };
}

/** Four figures: more than an estimate has, and the same on every machine. */
function rangeDocument({ lowerMs, middleMs, upperMs }: LatencyRange) {
  const rounded = (value: number) => Number(value.toPrecision(4));
  return { lowerMs: rounded(lowerMs), middleMs: rounded(middleMs), upperMs: rounded(upperMs) };
}

/** "~144 ms (102 ms to 204 ms)". */
export function latencyText(range: LatencyRange): string {
  return `~${formatMilliseconds(range.middleMs)} (${formatMilliseconds(range.lowerMs)} to ${formatMilliseconds(range.upperMs)})`;
}

/** The line of the report for a person. */
export function latencyLine({ figure, precision, asInt8 }: LatencyReport): string {
  if (!('missing' in figure)) return `${printable(`Latency  ${latencyText(figure)}, ${precision}. ${figure.basis}`)}\n`;
  const instead = asInt8 ? `; as int8 ${latencyText(asInt8)}` : '';
  return `${printable(`Latency  no evidence: ${figure.missing}${instead}`)}\n`;
}

/**
 * A verdict that heeds a greatest latency too. Only a range that lies over the limit as a whole makes a model too slow; one that
 * crosses it is a doubt, and no evidence leaves the question open.
 */
export function heedLatency(verdict: Verdict, report: LatencyReport | undefined, maxMs: number): Verdict {
  const figure = report?.figure ?? { missing: 'it needs a target and a runtime' };
  const limit = `${formatMilliseconds(maxMs)} are allowed`;
  if ('missing' in figure) {
    if (isBad(verdict)) return verdict;
    return open(verdict, `no latency can be estimated: ${figure.missing}`);
  }
  if (figure.lowerMs > maxMs) {
    const text = `it takes ${latencyText(figure)}, and ${limit}`;
    if (isBad(verdict)) return { ...verdict, reasons: [...verdict.reasons, text] };
    return {
      ...verdict,
      outcome: 'does-not-fit',
      lead: `Too slow on ${verdict.targetName}:`,
      detail: `${text}.`,
      reasons: [text],
    };
  }
  if (figure.upperMs <= maxMs) return verdict;
  const doubt = `it may be too slow: ${latencyText(figure)}, and ${limit}`;
  const reasons = [...verdict.reasons, doubt];
  if (verdict.outcome !== 'fits') return { ...verdict, reasons };
  return { ...verdict, outcome: 'tight', lead: `Fits ${verdict.targetName}, but`, detail: `${doubt}.`, reasons };
}

function isBad({ outcome }: Verdict): boolean {
  return outcome === 'does-not-fit' || outcome === 'cannot-run' || outcome === 'unknown';
}

function open(verdict: Verdict, reason: string): Verdict {
  return {
    ...verdict,
    outcome: 'unknown',
    lead: `No verdict for ${verdict.targetName}:`,
    detail: `${reason}.`,
    reasons: [reason],
  };
}
