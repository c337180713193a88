/** Work in short steps: between them a caller may do something else, or stop. */
export type Steps<Result = void> = Generator<void, Result, unknown>;

/** Operators that a pass looks at in one step: well under a millisecond to a few. */
export const operatorsPerStep = 512;

/** What work in steps gives, all of it at once. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
