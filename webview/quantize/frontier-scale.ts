import { roundStep } from '../charts/scale';
import type { FrontierPoint } from '../quantize-protocol';

/** A measured plan, by its position in the list of all. */
export interface MeasuredPoint {
  readonly index: number;
  readonly flashBytes: number;
  readonly decibels: number;
}

/** The plans whose error is known. One that changes nothing at the outputs has no finite error, and stands with the best. */
export function measuredPoints(points: readonly FrontierPoint[]): readonly MeasuredPoint[] {
  const finite = points.flatMap(({ measurement }) =>
    measurement.kind === 'ready' && measurement.value.sqnrDb !== undefined ? [measurement.value.sqnrDb] : [],
  );
  const best = finite.reduce((most, value) => Math.max(most, value), 0);
  return points.flatMap(({ measurement, flashBytes }, index) =>
    measurement.kind === 'ready' ? [{ index, flashBytes, decibels: measurement.value.sqnrDb ?? best }] : [],
  );
}

/** Those that no other plan beats in both bytes and error, from the smallest. */
export function frontOf(measured: readonly MeasuredPoint[]): readonly MeasuredPoint[] {
  const bySize = [...measured].sort((a, b) => a.flashBytes - b.flashBytes || b.decibels - a.decibels);
  const front: MeasuredPoint[] = [];
  let best = Number.NEGATIVE_INFINITY;
  for (const point of bySize) {
    if (point.decibels <= best) continue;
    best = point.decibels;
    front.push(point);
  }
  return front;
}

/** The order in which the ring goes along: the measured front, or all plans by size before two are measured. */
export function walkOf(points: readonly FrontierPoint[], shown: number | undefined): readonly number[] {
  const front = frontOf(measuredPoints(points)).map(({ index }) => index);
  const way = front.length > 1 ? front : points.map((_, index) => index);
  const all = shown === undefined || way.includes(shown) ? way : [...way, shown];
  return [...all].sort((a, b) => (points[a]?.flashBytes ?? 0) - (points[b]?.flashBytes ?? 0));
}

export interface Range {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
}

/** Bytes across: all plans, and the budget where it is near them. */
export function flashRange(points: readonly FrontierPoint[], budget: number | undefined): Range {
  const sizes = points.map(({ flashBytes }) => flashBytes);
  const least = sizes.reduce((low, bytes) => Math.min(low, bytes), Number.POSITIVE_INFINITY);
  const most = sizes.reduce((high, bytes) => Math.max(high, bytes), 0);
  const spread = Math.max(1024, most - least);
  const near = budget !== undefined && budget > least - spread && budget < most + spread;
  const low = near ? Math.min(least, budget) : least;
  const high = near ? Math.max(most, budget) : most;
  const from = Math.max(0, low - 0.1 * (high - low || spread));
  const to = high + 0.1 * (high - low || spread);
  return { from, to, ticks: ticksBetween(from, to, roundStep(to - from, 5)) };
}

/** Decibels upwards, in steps of 1, 2, 3, 6 or 12. */
export function decibelRange(measured: readonly MeasuredPoint[]): Range {
  const values = measured.map(({ decibels }) => decibels);
  const low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  if (values.length === 0) return { from: 0, to: 48, ticks: ticksBetween(0, 48, 12) };
  const step = [1, 2, 3, 6, 12, 24].find((size) => (high - low) / size <= 4) ?? 48;
  const from = Math.floor((low - 0.1 * step) / step) * step;
  const to = Math.max(from + step, Math.ceil((high + 0.1 * step) / step) * step);
  return { from, to, ticks: ticksBetween(from, to, step) };
}

function ticksBetween(from: number, to: number, step: number): readonly number[] {
  const first = Math.ceil(from / step);
  const last = Math.floor(to / step);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, position) => (first + position) * step);
}
