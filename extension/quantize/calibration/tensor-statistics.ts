import type { EngineTensor } from '../../inference/engine';
import { Histogram } from './histogram';
import { binsPerSide, chooseRange, type Interval, type RangeMethod, type RangeRules } from './range-methods';
import { tensorNumbers } from './tensor-numbers';

/** The range of a tensor over all samples. */
export interface TensorRange extends Interval {
  readonly method: RangeMethod;
  /** Smallest and largest finite element. */
  readonly observed: Interval;
  /** Elements seen, those that are no finite numbers included. */
  readonly elements: number;
  /** Elements that are NaN or infinite: they are in no range. */
  readonly notFinite: number;
}

/** What is kept of a tensor while samples pass: its extremes and, where the method needs it, a histogram. */
export class TensorStatistics {
  #minimum = Number.POSITIVE_INFINITY;
  #maximum = Number.NEGATIVE_INFINITY;
  #elements = 0;
  #notFinite = 0;
  readonly #histogram: Histogram | undefined;

  constructor(private readonly rules: RangeRules) {
    const bins = binsPerSide(rules);
    this.#histogram = bins > 0 ? new Histogram(bins) : undefined;
  }

  add(tensor: EngineTensor): void {
    const values = tensorNumbers(tensor);
    let minimum = Number.POSITIVE_INFINITY;
    let maximum = Number.NEGATIVE_INFINITY;
    let notFinite = 0;
    for (let index = 0; index < values.length; index++) {
      const value = values[index] ?? 0;
      if (!Number.isFinite(value)) {
        notFinite++;
        continue;
      }
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
    this.#elements += values.length;
    this.#notFinite += notFinite;
    if (notFinite === values.length) return;
    this.#minimum = Math.min(this.#minimum, minimum);
    this.#maximum = Math.max(this.#maximum, maximum);
    this.#histogram?.add(values, minimum, maximum);
  }

  /** Zero to zero where no finite element came by. */
  range(): TensorRange {
    const { method } = this.rules;
    const seen = this.#elements > this.#notFinite;
    const observed = seen ? { minimum: this.#minimum + 0, maximum: this.#maximum + 0 } : { minimum: 0, maximum: 0 };
    const chosen = this.#histogram && seen ? chooseRange(this.rules, this.#histogram, observed) : observed;
    return {
      minimum: chosen.minimum + 0,
      maximum: chosen.maximum + 0,
      method,
      observed,
      elements: this.#elements,
      notFinite: this.#notFinite,
    };
  }
}
