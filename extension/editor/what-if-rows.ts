import type { PageWhatIf } from '../../webview/what-if-protocol';
import { rareSchemes, type WhatIfSchemeId, whatIfLabel } from '../quantize/what-if-scheme';
import type { RuntimeFootprint } from '../runtimes/measure';
import type { Runtime } from '../runtimes/runtime';
import { type FitFigures, fitFigures } from '../targets/fit-figures';
import { neededMemory, unsupportedText } from '../targets/runtime-verdict';
import type { Verdict } from '../targets/verdict';
import { type MatrixRow, verdictMatrix } from '../targets/verdict-matrix';
import type { Analysis, SchemeSummary, WhatIfCell } from '../worker/analysis';
import type { FigureOnRuntime, WhatIfFigures } from '../worker/what-if-calls';
import type { ComparedChip } from './compared-chips';
import { measuresOnRequest, shownSchemes, type WhatIfView, waitsToBeAsked } from './wanted-what-if';
import type { KnownWhatIf, RowId } from './what-if';

/** What the table is made of. */
export interface WhatIfBasis {
  readonly analysis: Analysis;
  readonly whatIf: KnownWhatIf;
  readonly view: WhatIfView;
  readonly chips: readonly ComparedChip[];
  /** Of header and meters; the columns of flash and RAM are on it. */
  readonly runtime: Runtime | undefined;
  /** Of the file on `runtime`, with the reserve as a part; undefined until it is measured. */
  readonly fileFootprint: RuntimeFootprint | undefined;
}

/** The rows of the table, with a cell for every chip, and what explains the cells. Pure. */
export function whatIfTable(basis: WhatIfBasis): {
  readonly rows: readonly SchemeSummary[];
  readonly table: PageWhatIf;
} {
  const { chips, view } = basis;
  const sources: readonly RowSource[] = [fileSource(basis), ...shownSchemes(view).map((id) => schemeSource(basis, id))];
  const columns = chips.flatMap(({ column }) => (column ? [column] : []));
  const verdicts = verdictMatrix(sources.map(matrixRow), columns);
  const rows = sources.map((source, index) => rowOf(basis, source, cellsOf(source, chips, verdicts[index] ?? [])));
  const figures = sources.map(({ id, onRuntimes }) => {
    const ready = Object.entries(onRuntimes).flatMap(([runtime, figure]): [string, FitFigures][] =>
      figure.kind === 'ready' ? [[runtime, figure.figures]] : [],
    );
    return [id, Object.fromEntries(ready)] as const;
  });
  return {
    rows,
    table: {
      chips: chips.map(({ page }) => page),
      figures: Object.fromEntries(figures),
      allSchemes: view.allSchemes,
      asked: view.asked,
      rareSchemes: rareSchemes.length,
    },
  };
}

/** What is known of a row. */
interface RowSource {
  readonly id: RowId;
  readonly label: string;
  readonly known: Extract<WhatIfFigures, { kind: 'ready' }> | undefined;
  /** Why there is nothing to show. */
  readonly refusal: string | undefined;
  readonly onRuntimes: Readonly<Record<string, FigureOnRuntime>>;
}

/** The file's own figures are those of header and meters as soon as they are there. */
function fileSource({ analysis, whatIf, runtime, fileFootprint }: WhatIfBasis): RowSource {
  const known = whatIf.schemes.get('as-in-file');
  const { bytes, externalBytes } = analysis.file;
  const onRuntimes: Record<string, FigureOnRuntime> = {
    ...(runtime && fileFootprint && { [runtime.id]: { kind: 'ready', figures: withoutReserve(fileFootprint) } }),
    ...(known?.kind === 'ready' && known.onRuntimes),
  };
  return {
    id: 'as-in-file',
    label: `${analysis.precision} (file)`,
    known: {
      kind: 'ready',
      fileBytes: bytes,
      externalBytes: externalBytes > 0 ? externalBytes : undefined,
      convertedBytes: { before: 0, inFile: 0, packed: 0 },
      data: analysis,
      onRuntimes,
    },
    refusal: undefined,
    onRuntimes,
  };
}

function withoutReserve(footprint: RuntimeFootprint): FitFigures {
  const parts = footprint.flash.parts.filter(({ part }) => part !== 'reserve');
  const totalBytes = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  return fitFigures({ ...footprint, flash: { totalBytes, parts } });
}

function schemeSource({ whatIf }: WhatIfBasis, id: WhatIfSchemeId): RowSource {
  const known = whatIf.schemes.get(id);
  return {
    id,
    label: whatIfLabel(id),
    known: known?.kind === 'ready' ? known : undefined,
    refusal: known?.kind === 'refused' ? known.reason : undefined,
    onRuntimes: known?.kind === 'ready' ? known.onRuntimes : {},
  };
}

/** A row as the verdicts are worked out for it. */
export function matrixRow({ known, onRuntimes }: Pick<RowSource, 'known' | 'onRuntimes'>): MatrixRow {
  const ready = Object.entries(onRuntimes).flatMap(([runtime, figure]): [string, FitFigures][] =>
    figure.kind === 'ready' ? [[runtime, figure.figures]] : [],
  );
  return { data: known?.data, onRuntimes: new Map(ready) };
}

/** A cell for every chip; `verdicts` are those of the chips that are known, in their order. */
export function cellsOf(
  { known, refusal, onRuntimes }: Pick<RowSource, 'known' | 'refusal' | 'onRuntimes'>,
  chips: readonly ComparedChip[],
  verdicts: readonly (Verdict | undefined)[],
): readonly WhatIfCell[] {
  let next = 0;
  return chips.map(({ page, column }): WhatIfCell => {
    const verdict = column && verdicts[next++];
    if (refusal !== undefined) return { kind: 'refused', reason: refusal };
    if (!column) return { kind: 'refused', reason: `No chip is known by the name "${page.key}".` };
    if (!known) return { kind: 'planning' };
    if (verdict) return { kind: 'judged', verdict };
    const figure = column.runtime === undefined ? undefined : onRuntimes[column.runtime];
    return figure?.kind === 'refused' ? { kind: 'refused', reason: figure.reason } : { kind: 'planning' };
  });
}

function rowOf(basis: WhatIfBasis, source: RowSource, cells: readonly WhatIfCell[]): SchemeSummary {
  const { id, label } = source;
  const weightError = id === 'as-in-file' ? undefined : basis.whatIf.errors.get(id);
  const waits = id !== 'as-in-file' && measuresOnRequest(basis.analysis) && !basis.view.measure.has(id);
  return {
    id,
    label,
    state: stateOf(basis, source, cells[0]),
    cells,
    ...(waits && { measureOnRequest: true }),
    ...(weightError && { weightError }),
  };
}

/** Flash and RAM on the runtime, without reserves, which differ from chip to chip; lower bounds of the data where there is none. */
function stateOf(
  { analysis, view, chips, runtime }: WhatIfBasis,
  { id, known, refusal, onRuntimes }: RowSource,
  first: WhatIfCell | undefined,
): SchemeSummary['state'] {
  if (refusal !== undefined) return { kind: 'refused', reason: refusal };
  if (!known) return { kind: waitsToBeAsked(analysis, view) ? 'on request' : 'planning' };
  const figure = runtime && onRuntimes[runtime.id];
  if (figure?.kind === 'refused') return { kind: 'refused', reason: figure.reason };
  if (runtime && !figure && id !== 'as-in-file') return { kind: 'planning' };
  const verdict = chips[0]?.page.chosen && first?.kind === 'judged' ? first.verdict : undefined;
  const { fileBytes, externalBytes, convertedBytes, data } = known;
  const { inFile, packed } = convertedBytes;
  const sizes = { fileBytes, externalBytes, verdict, ...(packed < inFile && { codes: { inFile, packed } }) };
  if (!figure) {
    const { constantBytes, peakActivationBytes } = data.totals;
    return { kind: 'ready', flashBytes: constantBytes, ramBytes: peakActivationBytes, ...sizes };
  }
  const { flash, ram } = neededMemory(figure.figures);
  return {
    kind: 'ready',
    flashBytes: flash.bytes,
    ramBytes: ram.bytes,
    flashKind: flash.kind,
    ramKind: ram.kind,
    ...(figure.figures.counts.cannotRun > 0 && { cannotRun: unsupportedText(figure.figures) }),
    ...sizes,
  };
}
