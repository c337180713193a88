import type { OpDefinition } from './definition';
import { define, scalarFact } from './facts';

const optional = define('Optional', 15, (context) => {
  const element = context.hasInput(0) ? context.input(0)?.type : context.attributes.type('type');
  return [{ type: { kind: 'optional', element } }];
});

/** Since opset 18 the input may also be what an optional would hold; it is then passed on. */
const optionalGetElement = define('OptionalGetElement', 15, (context) => {
  const input = context.input(0);
  return [input?.type?.kind === 'optional' ? { type: input.type.element } : input];
});

const optionalHasElement = define('OptionalHasElement', 15, (context) => {
  const kind = context.input(0)?.type?.kind;
  // No input means an empty optional; a tensor or a sequence means a filled one.
  const known = !context.hasInput(0) ? 0 : kind === 'tensor' || kind === 'sequence' ? 1 : null;
  return [scalarFact('BOOL', known)];
});

export const optionalOperators: readonly OpDefinition[] = [optional, optionalGetElement, optionalHasElement];
