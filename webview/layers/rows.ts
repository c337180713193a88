import type { LatencyRange } from '../../extension/targets/latency';
import type { LayerSummary } from '../../extension/worker/analysis';
import { groupingDepth, splitName } from '../modules';
import type { Sorting } from '../store';
import { columns } from './columns';
import { parseFilter } from './filter';
import { latencySum, type TimedLayer } from './timed';

export interface LayerRow {
  readonly kind: 'layer';
  readonly layer: LayerSummary;
  /** Its name; under a module without the module's. */
  readonly label: string;
  /** Of an operator that several nodes of the file became: shows them below when open. */
  readonly expansion?: { readonly key: string; readonly open: boolean };
  /** A node of the file under the operator it became. */
  readonly node?: true;
}

/** A module's head row: sums of its layers, the peak for what does not add up. */
export interface GroupRow {
  readonly kind: 'group';
  readonly name: string;
  readonly open: boolean;
  readonly sums: Sums;
}

export type Row = LayerRow | GroupRow;

export interface Sums {
  readonly layers: number;
  readonly parameters: number;
  readonly weightBytes: number;
  readonly macs: number;
  /** True when the MACs of some layer are not known: `macs` is a lower bound. */
  readonly macsIncomplete: boolean;
  readonly peakLiveBytes: number;
  /** Of the layers that have one; undefined: none has. */
  readonly latency: LatencyRange | undefined;
  readonly precisions: readonly string[];
}

export interface TableOptions {
  readonly filter: string;
  readonly sorting: Sorting | undefined;
  readonly grouped: boolean;
  readonly closedGroups: ReadonlySet<string>;
  /** What the rows became from the nodes of the file; absent where the rows are those nodes. */
  readonly lowered?: Lowering | undefined;
}

/** The nodes behind each row, and which rows show them. */
export interface Lowering {
  nodesOf(layer: LayerSummary): readonly LayerSummary[];
  readonly open: ReadonlySet<string>;
}

/** The rows of the table from top to bottom. Sorting under modules sorts the modules by their sums, and layers inside them. */
export function tableRows(layers: readonly LayerSummary[], options: TableOptions): Row[] {
  const { lowered } = options;
  const matches = parseFilter(options.filter);
  const passes = (layer: LayerSummary): boolean => matches(layer) || (lowered?.nodesOf(layer).some(matches) ?? false);
  const compare = comparison(options.sorting);
  const shown = options.filter.trim() === '' ? [...layers] : layers.filter(passes);
  if (!options.grouped) {
    if (compare) shown.sort((a, b) => compare(sortValue(a), sortValue(b)) || a.step - b.step);
    return shown.flatMap((layer) => withNodes(layer, layer.name, lowered));
  }
  const depth = groupingDepth(layers.map((layer) => layer.name));
  const members = new Map<string, LayerSummary[]>();
  for (const layer of shown) {
    const { module } = splitName(layer.name, depth);
    const found = members.get(module);
    if (found) found.push(layer);
    else members.set(module, [layer]);
  }
  const groups = [...members].map(([name, held]) => ({ name, held, sums: sumsOf(held) }));
  if (compare) groups.sort((a, b) => compare(groupValue(a.name, a.sums), groupValue(b.name, b.sums)));
  const rows: Row[] = [];
  for (const { name, held, sums } of groups) {
    const open = !options.closedGroups.has(name);
    rows.push({ kind: 'group', name, open, sums });
    if (!open) continue;
    if (compare) held.sort((a, b) => compare(sortValue(a), sortValue(b)) || a.step - b.step);
    for (const layer of held) rows.push(...withNodes(layer, splitName(layer.name, depth).rest, lowered));
  }
  return rows;

  function sortValue(layer: LayerSummary): number | string | undefined {
    return columns.find((column) => column.id === options.sorting?.column)?.value(layer);
  }

  function groupValue(name: string, sums: Sums): number | string | undefined {
    switch (options.sorting?.column) {
      case 'parameters':
        return sums.parameters;
      case 'weights':
        return sums.weightBytes;
      case 'macs':
        return sums.macs;
      case 'live':
        return sums.peakLiveBytes;
      case 'latency':
        return sums.latency?.middleMs;
      case 'name':
        return name;
      default:
        return undefined;
    }
  }
}

/** A layer's row, and below it those of the nodes it became from where they are shown. */
function withNodes(layer: LayerSummary, label: string, lowered: Lowering | undefined): LayerRow[] {
  const nodes = lowered?.nodesOf(layer) ?? [];
  if (lowered === undefined || nodes.length < 2) return [{ kind: 'layer', layer, label }];
  const key = layer.outputs[0] ?? layer.name;
  const open = lowered.open.has(key);
  const row = { kind: 'layer', layer, label, expansion: { key, open } } as const;
  return open
    ? [row, ...nodes.map((node) => ({ kind: 'layer', layer: node, label: node.name, node: true }) as const)]
    : [row];
}

type Value = number | string | undefined;

/** Unknown values come last whichever way the column is sorted. */
function comparison(sorting: Sorting | undefined): ((a: Value, b: Value) => number) | undefined {
  if (sorting === undefined || !columns.some((column) => column.id === sorting.column)) return undefined;
  const sign = sorting.descending ? -1 : 1;
  const words = new Intl.Collator('en', { numeric: true });
  return (a, b) => {
    if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
    if (typeof a === 'number' && typeof b === 'number') return sign * (a - b);
    return sign * words.compare(String(a), String(b));
  };
}

/** Sums over layers; live bytes do not add up, so their largest is kept. */
export function sumsOf(layers: readonly TimedLayer[]): Sums {
  let parameters = 0;
  let weightBytes = 0;
  let macs = 0;
  let macsIncomplete = false;
  let peakLiveBytes = 0;
  const precisions = new Set<string>();
  for (const layer of layers) {
    parameters += layer.parameters;
    weightBytes += layer.weightBytes;
    macs += layer.macs ?? 0;
    macsIncomplete ||= layer.macs === undefined;
    peakLiveBytes = Math.max(peakLiveBytes, layer.liveBytes);
    if (layer.weightBytes > 0) precisions.add(layer.precision);
  }
  return {
    layers: layers.length,
    parameters,
    weightBytes,
    macs,
    macsIncomplete,
    peakLiveBytes,
    latency: latencySum(layers),
    precisions: [...precisions],
  };
}

/** A press on a column's head: first the order that shows most, then the reverse, then execution order again. */
export function nextSorting(now: Sorting | undefined, column: string, numeric: boolean): Sorting | undefined {
  if (now?.column !== column) return { column, descending: numeric };
  return now.descending === numeric ? { column, descending: !numeric } : undefined;
}
