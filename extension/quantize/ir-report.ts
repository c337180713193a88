import type { PassReport } from './plan';

/** The report of a higher IR version; `removed` are the names of the weights that left the graph inputs with it. */
export function irReport(from: number | undefined, to: number, removed: readonly string[]): PassReport {
  const [first] = removed;
  const left =
    first === undefined
      ? ''
      : removed.length === 1
        ? `, and the weight ${first} left the graph inputs`
        : `, and ${removed.length} weights left the graph inputs`;
  return { pass: 'IR version', changes: [`The IR version went from ${from ?? 'none'} to ${to}${left}.`] };
}
