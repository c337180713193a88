import { type FitFigures, withFlashReserve } from './fit-figures';
import { limitsOf } from './limits';
import { runtimeVerdict } from './runtime-verdict';
import type { Reserves, Target } from './target';
import { type JudgedFootprint, type Verdict, verdictFor } from './verdict';

/** A scheme: the model's data in it, and what it needs on each runtime by id, as far as that is known. */
export interface MatrixRow {
  readonly data: JudgedFootprint | undefined;
  readonly onRuntimes: ReadonlyMap<string, FitFigures>;
}

/** A chip with the runtime that it is judged with; without one the model's data alone counts. */
export interface MatrixColumn {
  readonly target: Target;
  readonly runtime: string | undefined;
  readonly reserves: Reserves;
  readonly externalRam: boolean;
}

/**
 * The verdict of every scheme on every chip: one list a row, in the order of the columns; undefined where the figures of the chip's
 * runtime are not known. Figures are shared by the chips of a runtime, so that a chip more costs a comparison alone.
 */
export function verdictMatrix(
  rows: readonly MatrixRow[],
  columns: readonly MatrixColumn[],
): readonly (readonly (Verdict | undefined)[])[] {
  const judges = columns.map(judgeOf);
  return rows.map((row) => judges.map((judge) => judge(row)));
}

function judgeOf({ target, runtime, reserves, externalRam }: MatrixColumn): (row: MatrixRow) => Verdict | undefined {
  const limits = limitsOf(target, { externalRam });
  return ({ data, onRuntimes }) => {
    if (runtime === undefined) return data && verdictFor(data, target, limits);
    const figures = onRuntimes.get(runtime);
    return (
      figures && runtimeVerdict(withFlashReserve(figures, reserves.flash), target, limits, { reserves, externalRam })
    );
  };
}
