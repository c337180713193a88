import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cholesky, solveCholesky } from '../../../extension/targets/latency-algebra';

describe('Cholesky factor', () => {
  it('solves positive definite systems', () => {
    const number = fc.double({ min: -10, max: 10, noNaN: true });
    const system = fc
      .integer({ min: 1, max: 8 })
      .chain((size) =>
        fc.tuple(
          fc.array(fc.array(number, { minLength: size, maxLength: size }), { minLength: size, maxLength: size }),
          fc.array(number, { minLength: size, maxLength: size }),
        ),
      );
    fc.assert(
      fc.property(system, ([b, right]) => {
        // b * transpose(b) + 1 on the diagonal is positive definite.
        const a = b.map((row, i) =>
          b.map((other, j) => row.reduce((sum, v, k) => sum + v * (other[k] ?? 0), i === j ? 1 : 0)),
        );
        const x = solveCholesky(cholesky(a.map((row, i) => Float64Array.from(row.slice(0, i + 1)))), right);
        a.forEach((row, i) => {
          const product = row.reduce((sum, v, k) => sum + v * (x[k] ?? 0), 0);
          assert.ok(Math.abs(product - (right[i] ?? 0)) < 1e-6, `${product} is not ${right[i]}`);
        });
      }),
    );
  });

  it('refuses a matrix that is not positive definite', () => {
    assert.throws(() => cholesky([Float64Array.of(1), Float64Array.of(2, 1)]), /not positive definite: pivot 1/);
  });
});
