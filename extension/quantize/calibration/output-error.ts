import type { EngineTensor } from '../../inference/engine';
import type { Sample } from '../calibration-data/samples';
import { tensorNumbers } from './tensor-numbers';

/** How far a tensor of the changed model is from that of the reference, measured over all samples. */
export interface OutputError {
  readonly name: string;
  /** 10 log10(sum of x^2 / sum of (x - y)^2) in decibels; undefined where nothing differs or the reference is all zeros. */
  readonly sqnrDb: number | undefined;
  /** Of the angle between all elements of x and y; undefined where one is all zeros. */
  readonly cosine: number | undefined;
  readonly maxAbsoluteError: number;
  readonly elements: number;
  /** Elements that are NaN or infinite in one of the two: in no other figure. */
  readonly notFinite: number;
  /** For class scores ([samples, classes]): rows with the same first class in both. */
  readonly top1?: { readonly agreeing: number; readonly rows: number };
  /** Where labels are given: rows that are right. */
  readonly labelled?: { readonly reference: number; readonly changed: number; readonly rows: number };
}

/** Sums of one output while samples pass. */
export class OutputComparison {
  #signal = 0;
  #noise = 0;
  #product = 0;
  #changedSignal = 0;
  #maxAbsoluteError = 0;
  #elements = 0;
  #notFinite = 0;
  #rows = 0;
  #agreeing = 0;
  #labelled = 0;
  #referenceRight = 0;
  #changedRight = 0;

  /** `isOutput`: of the model, so that rows of class scores are compared by their largest. */
  constructor(
    private readonly name: string,
    private readonly isOutput: boolean,
  ) {}

  /** `labels`: one class for each row. Throws Error (a sentence) where the shapes differ. */
  add(reference: EngineTensor, changed: EngineTensor, labels: readonly number[] | undefined): void {
    if (reference.dims.join() !== changed.dims.join()) {
      throw new Error(
        `${this.name} is [${reference.dims}] in the original and [${changed.dims}] in the changed model.`,
      );
    }
    const x = tensorNumbers(reference);
    const y = tensorNumbers(changed);
    this.#addErrors(x, y);
    if (this.isOutput && isClassScores(reference)) this.#addRows(x, y, reference.dims[1] ?? 1, labels);
  }

  result(): OutputError {
    const lengths = Math.sqrt(this.#signal) * Math.sqrt(this.#changedSignal);
    return {
      name: this.name,
      sqnrDb: this.#signal > 0 && this.#noise > 0 ? 10 * Math.log10(this.#signal / this.#noise) : undefined,
      cosine: lengths > 0 ? Math.min(1, this.#product / lengths) : undefined,
      maxAbsoluteError: this.#maxAbsoluteError,
      elements: this.#elements,
      notFinite: this.#notFinite,
      ...(this.#rows > 0 && { top1: { agreeing: this.#agreeing, rows: this.#rows } }),
      ...(this.#labelled > 0 && {
        labelled: { reference: this.#referenceRight, changed: this.#changedRight, rows: this.#labelled },
      }),
    };
  }

  #addErrors(x: Float32Array | Float64Array, y: Float32Array | Float64Array): void {
    this.#elements += x.length;
    for (let index = 0; index < x.length; index++) {
      const [a, b] = [x[index] ?? 0, y[index] ?? 0];
      if (!Number.isFinite(a) || !Number.isFinite(b)) {
        this.#notFinite++;
        continue;
      }
      const difference = a - b;
      this.#signal += a * a;
      this.#changedSignal += b * b;
      this.#product += a * b;
      this.#noise += difference * difference;
      if (Math.abs(difference) > this.#maxAbsoluteError) this.#maxAbsoluteError = Math.abs(difference);
    }
  }

  #addRows(
    x: Float32Array | Float64Array,
    y: Float32Array | Float64Array,
    classes: number,
    labels: readonly number[] | undefined,
  ): void {
    for (let row = 0; row * classes < x.length; row++) {
      const expected = largestIn(x, row * classes, classes);
      const actual = largestIn(y, row * classes, classes);
      this.#rows++;
      if (expected === actual) this.#agreeing++;
      const label = labels?.[row];
      if (label === undefined) continue;
      this.#labelled++;
      if (expected === label) this.#referenceRight++;
      if (actual === label) this.#changedRight++;
    }
  }
}

/** Rows of at least two scores. */
export function isClassScores({ dims }: EngineTensor): boolean {
  return dims.length === 2 && (dims[1] ?? 0) >= 2;
}

/**
 * The labels for each output of a run: those under the output's name; those under `y` (or the only ones) go to the first output of class scores.
 */
export function labelsOf(
  sample: Sample,
  outputs: ReadonlyMap<string, EngineTensor>,
): ReadonlyMap<string, readonly number[]> {
  const labels = new Map<string, readonly number[]>();
  const [only] = sample.labels.values();
  const general = sample.labels.get('y') ?? (sample.labels.size === 1 ? only : undefined);
  const isNamed = [...outputs.keys()].some((name) => sample.labels.has(name));
  let given = isNamed;
  for (const [name, tensor] of outputs) {
    const [rows, classes] = tensor.dims;
    const own = sample.labels.get(name) ?? (given ? undefined : general);
    if (!own || !isClassScores(tensor)) continue;
    given = true;
    const areClasses = own.every((label) => Number.isInteger(label) && label >= 0 && label < (classes ?? 0));
    if (areClasses && own.length === rows) labels.set(name, own);
  }
  return labels;
}

/** The index of the largest of `count` numbers from `start`, the first of equals. */
function largestIn(values: Float32Array | Float64Array, start: number, count: number): number {
  let best = 0;
  for (let index = 1; index < count; index++) {
    if ((values[start + index] ?? 0) > (values[start + best] ?? 0)) best = index;
  }
  return best;
}
