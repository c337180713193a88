import type { LayerScheme } from '../layer-schemes';

/** What a layer can be, with what it costs: bytes of weights in the file, and its share of the error at the outputs. */
export interface LayerOption {
  readonly scheme: LayerScheme;
  readonly bytes: number;
  readonly noise: number;
}

/** Layers that have one scheme together, because they share weights, and what it can be. */
export interface LayerGroup {
  readonly names: readonly string[];
  readonly options: readonly LayerOption[];
}

/** A choice for every group. */
export interface Assignment {
  readonly schemes: ReadonlyMap<string, LayerScheme>;
  readonly bytes: number;
  /** Sum of the noise of its options. */
  readonly noise: number;
}

/**
 * Assignments from the least noise to the fewest bytes, each one step smaller than the one before: always the step that does the least harm for each byte
 * it saves. Taking noise to add up, each is the least noise for its size that a convex combination of steps gives (the greedy solution of the knapsack's
 * relaxation: Lagrangian multipliers swept from 0 up; Everett 1963).
 */
export function assignmentsBySize(groups: readonly LayerGroup[]): readonly Assignment[] {
  const schemes = new Map<string, LayerScheme>();
  let bytes = 0;
  let noise = 0;
  const steps: { readonly group: LayerGroup; readonly to: LayerOption; readonly from: LayerOption }[] = [];
  for (const group of groups) {
    const [best, ...smaller] = usefulOptions(group.options);
    if (!best) continue;
    for (const name of group.names) schemes.set(name, best.scheme);
    bytes += best.bytes;
    noise += best.noise;
    let from = best;
    for (const to of smaller) {
      steps.push({ group, from, to });
      from = to;
    }
  }
  const harm = ({ from, to }: (typeof steps)[number]) => (to.noise - from.noise) / (from.bytes - to.bytes);
  // The steps of one group stay in their order: on its hull each does more harm for a byte than the one before, and sorting is stable.
  const ordered = steps.toSorted((a, b) => harm(a) - harm(b));
  const assignments: Assignment[] = [{ schemes: new Map(schemes), bytes, noise }];
  for (const { group, from, to } of ordered) {
    for (const name of group.names) schemes.set(name, to.scheme);
    bytes += to.bytes - from.bytes;
    noise += to.noise - from.noise;
    assignments.push({ schemes: new Map(schemes), bytes, noise });
  }
  return assignments;
}

/** The options on the lower convex hull of noise over bytes, the one with the least noise first. */
function usefulOptions(options: readonly LayerOption[]): readonly LayerOption[] {
  const bySize = options.toSorted((a, b) => a.noise - b.noise || a.bytes - b.bytes);
  const hull: LayerOption[] = [];
  for (const option of bySize) {
    const last = hull.at(-1);
    // More noise has to save bytes.
    if (last && option.bytes >= last.bytes) continue;
    while (hull.length > 1) {
      const [before, after] = [hull.at(-2), hull.at(-1)];
      if (!before || !after || slope(before, after) < slope(before, option)) break;
      hull.pop();
    }
    hull.push(option);
  }
  return hull;
}

function slope(from: LayerOption, to: LayerOption): number {
  return (to.noise - from.noise) / (from.bytes - to.bytes);
}

/** At most `limit` of the assignments, evenly over their sizes; the first and the last are always among them. */
export function spread(assignments: readonly Assignment[], limit: number): readonly Assignment[] {
  const [first] = assignments;
  const last = assignments.at(-1);
  if (!first || !last || assignments.length <= limit) return assignments;
  const picked = new Set<Assignment>();
  let index = 0;
  for (let part = 0; part < limit; part++) {
    const wanted = first.bytes - ((first.bytes - last.bytes) * part) / Math.max(1, limit - 1);
    while (index < assignments.length - 1 && (assignments[index]?.bytes ?? 0) > wanted) index++;
    const found = assignments[index];
    if (found) picked.add(found);
  }
  return [...picked.add(last)];
}

/** A plan as a point: how large, and how far from the source; undefined decibels: no difference. */
export interface FrontierPoint {
  readonly flashBytes: number;
  readonly ramBytes: number;
  readonly sqnrDb: number | undefined;
}

/** True for the points that no other beats: none is at most as large in flash and RAM with less error, or smaller in one with no more. */
export function onFrontier(points: readonly FrontierPoint[]): readonly boolean[] {
  return points.map(
    (point, index) => !points.some((other, place) => place !== index && beats(other, point, place < index)),
  );
}

function beats(a: FrontierPoint, b: FrontierPoint, isEarlier: boolean): boolean {
  const [quality, other] = [a.sqnrDb ?? Number.POSITIVE_INFINITY, b.sqnrDb ?? Number.POSITIVE_INFINITY];
  if (a.flashBytes > b.flashBytes || a.ramBytes > b.ramBytes || quality < other) return false;
  const isEqual = a.flashBytes === b.flashBytes && a.ramBytes === b.ramBytes && quality === other;
  // Of equals the first stays.
  return !isEqual || isEarlier;
}

export interface Budget {
  /** In bytes; undefined: no limit. */
  readonly flashBytes: number | undefined;
  readonly ramBytes: number | undefined;
}

/** The point with the least error within the budget, of equal ones the smallest; undefined where none fits. */
export function leastErrorWithin<Point extends FrontierPoint>(
  points: readonly Point[],
  budget: Budget,
): Point | undefined {
  let best: Point | undefined;
  for (const point of points) {
    if (!isWithin(point, budget)) continue;
    if (best === undefined || isBetter(point, best)) best = point;
  }
  return best;
}

/** True where neither limit is passed. */
export function isWithin(point: Pick<FrontierPoint, 'flashBytes' | 'ramBytes'>, budget: Budget): boolean {
  return (
    point.flashBytes <= (budget.flashBytes ?? Number.POSITIVE_INFINITY) &&
    point.ramBytes <= (budget.ramBytes ?? Number.POSITIVE_INFINITY)
  );
}

function isBetter(a: FrontierPoint, b: FrontierPoint): boolean {
  const [left, right] = [a.sqnrDb ?? Number.POSITIVE_INFINITY, b.sqnrDb ?? Number.POSITIVE_INFINITY];
  return left === right ? a.flashBytes < b.flashBytes : left > right;
}
