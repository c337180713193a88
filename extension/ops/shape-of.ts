import { elementCount } from '../model/dimension';
import type { OpDefinition } from './definition';
import { define, scalarFact, tensorFact } from './facts';
import { knownVector } from './known-elements';

const shape = define('Shape', 1, (context) => {
  const input = context.shape(0);
  if (input === undefined) return [tensorFact('INT64', [null])];
  // Start and end are clamped to [0, rank], not refused.
  const start = context.attributes.int('start', 0);
  const end = context.attributes.int('end', input.length);
  const rank = input.length;
  const clamp = (axis: number) => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
  const dims = input.slice(clamp(start), Math.max(clamp(start), clamp(end)));
  return [tensorFact('INT64', [dims.length], knownVector(dims))];
});

const size = define('Size', 1, (context) => {
  const input = context.shape(0);
  return [scalarFact('INT64', input === undefined ? null : elementCount(input))];
});

const identity = define('Identity', 1, (context) => [context.input(0)]);

export const shapeOfOperators: readonly OpDefinition[] = [shape, size, identity];
