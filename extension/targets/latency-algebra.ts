/**
 * The lower triangular factor L with L * transpose(L) = A of a symmetric positive definite matrix, given and returned as the rows of
 * its lower triangle (row i has i + 1 elements). Throws a RangeError when A is not positive definite.
 */
export function cholesky(rows: readonly Float64Array[]): readonly Float64Array[] {
  const factor: Float64Array[] = [];
  rows.forEach((row, i) => {
    const own = Float64Array.from(row);
    for (let j = 0; j <= i; j++) {
      const other = j === i ? own : (factor[j] ?? own);
      let value = own[j] ?? 0;
      for (let k = 0; k < j; k++) value -= (own[k] ?? 0) * (other[k] ?? 0);
      if (j < i) own[j] = value / (other[j] ?? 1);
      else if (value > 0) own[i] = Math.sqrt(value);
      else throw new RangeError(`The matrix is not positive definite: pivot ${i} is ${value}.`);
    }
    factor.push(own);
  });
  return factor;
}

/** x with L * x = b. */
export function solveLower(factor: readonly Float64Array[], b: readonly number[]): number[] {
  const x: number[] = [];
  factor.forEach((row, i) => {
    let value = b[i] ?? 0;
    for (let k = 0; k < i; k++) value -= (row[k] ?? 0) * (x[k] ?? 0);
    x.push(value / (row[i] ?? 1));
  });
  return x;
}

/** x with L * transpose(L) * x = b. */
export function solveCholesky(factor: readonly Float64Array[], b: readonly number[]): readonly number[] {
  const x = solveLower(factor, b);
  for (let i = factor.length - 1; i >= 0; i--) {
    const row = factor[i];
    const value = (x[i] ?? 0) / (row?.[i] ?? 1);
    x[i] = value;
    for (let k = 0; k < i; k++) x[k] = (x[k] ?? 0) - (row?.[k] ?? 0) * value;
  }
  return x;
}
