/**
 * Indices of ONNX nodes, collected while operators are merged. A merge adds the other's collection as a whole, so that it costs the
 * same however much was merged before.
 */
export type Trace = (number | Trace)[];

/** The indices of a trace, ascending, each once. */
export function tracedNodes(trace: Trace): readonly number[] {
  const [only] = trace;
  if (trace.length === 1 && typeof only === 'number') return [only];
  const found = new Set<number>();
  const seen = new Set<Trace>([trace]);
  for (const part of seen) {
    for (const entry of part) {
      if (typeof entry === 'number') found.add(entry);
      else seen.add(entry);
    }
  }
  return [...found].sort((a, b) => a - b);
}
