import type { InputSpec } from '../../fixtures/infer-node';

/** A float input of these dimensions. */
export function float(...dims: (number | string | null)[]): InputSpec {
  return { type: 'FLOAT', dims };
}

/** A one-dimensional float constant. */
export function floats(...elements: number[]): InputSpec {
  return { type: 'FLOAT', dims: [elements.length], elements };
}

/** A one-dimensional int64 constant. */
export function int64s(...elements: number[]): InputSpec {
  return { type: 'INT64', dims: [elements.length], elements };
}

/** An int64 constant scalar. */
export function int64(element: number): InputSpec {
  return { type: 'INT64', dims: [], elements: [element] };
}

/** An int64 input whose elements are not known. */
export function unknownInt64s(...dims: (number | string | null)[]): InputSpec {
  return { type: 'INT64', dims };
}
