import type { PassReport, QuantizationPlan, QuantizationSource } from './plan';

/**
 * One sentence where the planned file, with its data file, is larger than the source with its own: by how many bytes, and what adds
 * them; undefined where it is not. `basis` is the model that the scheme itself was applied to.
 */
export function fileGrowth(
  source: QuantizationSource,
  basis: QuantizationSource,
  planned: Pick<QuantizationPlan, 'predictedFileBytes' | 'predictedExternalBytes'>,
): string | undefined {
  const external = source.model.source.externalFiles.reduce((sum, { byteLength = 0 }) => sum + byteLength, 0);
  const before = source.bytes.source.size + external;
  const grown = planned.predictedFileBytes + (planned.predictedExternalBytes ?? 0) - before;
  if (grown <= 0) return undefined;
  // What comes before the scheme leaves the data files as they are.
  const prepared = basis.bytes.source.size - source.bytes.source.size;
  const bytes = grown === 1 ? '1 byte' : `${grown} bytes`;
  const cause =
    prepared > 0
      ? `what comes before the scheme (such as the opset upgrade) adds ${prepared} to the graph, more than smaller weights save`
      : 'the nodes and tensors that the scheme adds take more than smaller weights save';
  return `The file grows by ${bytes}: ${cause}.`;
}

/** The report of a growth; none where there is none. */
export function growthReport(growth: string | undefined): readonly PassReport[] {
  return growth === undefined ? [] : [{ pass: growthPass, changes: [growth] }];
}

/** The name under which a growth is reported. */
export const growthPass = 'file size';
