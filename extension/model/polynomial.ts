/**
 * Integer polynomials over sizes, in a canonical form: the algebra behind symbolic dimensions.
 *
 * A polynomial is a sum of terms; a term is an integer times a product of atoms; an atom is a symbol, floor(a/b), a minimum or
 * a maximum of polynomials. Symbols are sizes: never negative. A divisor is taken to be non-zero.
 */
export interface Polynomial {
  readonly kind: 'expression';
  /** Canonical text, such as `batch`, `4*batch + 1`, `floor((height + 1)/2)`. */
  readonly text: string;
  /** As `text`, but a symbol whose name looks like an expression is quoted: equal keys mean equal polynomials. */
  readonly key: string;
  /** Leading term first, the constant last; no coefficient is 0. */
  readonly terms: readonly Term[];
  /** Bounds of the value over all sizes the symbols can have. */
  readonly lower: number;
  readonly upper: number;
}

export interface Term {
  readonly coefficient: number;
  /** Sorted by key; empty for the constant term. */
  readonly factors: readonly Atom[];
  readonly key: string;
}

export type Atom = {
  readonly key: string;
  readonly text: string;
  readonly lower: number;
  readonly upper: number;
} & (
  | { readonly kind: 'symbol' }
  | { readonly kind: 'floor'; readonly numerator: Polynomial; readonly denominator: Polynomial }
  | { readonly kind: 'min' | 'max'; readonly operands: readonly Polynomial[] }
);

/** Thrown when a result has no exact representation here: a coefficient beyond 2^53, or more than the limits allow. */
export class Unrepresentable extends Error {
  override readonly name = 'Unrepresentable';
}

/** Limits that keep an expression readable and its arithmetic cheap. */
export const termLimit = 64;
const textLimit = 2000;

/** The polynomial that is one number. */
export function constant(value: number): Polynomial {
  return polynomial(value === 0 ? [] : [{ coefficient: safe(value), factors: [], key: '' }]);
}

const zero = constant(0);

/** The polynomial that is one symbol. */
export function symbolNamed(name: string): Polynomial {
  const plain = /^[\p{L}_][\p{L}\p{N}_.:[\]]*$/u.test(name);
  // Inside a larger expression, a name such as `past + new` must not read as a sum.
  const text = plain || !/[\s+\-*/(),^]/.test(name) ? name : `(${name})`;
  const atom: Atom = { kind: 'symbol', key: plain ? name : JSON.stringify(name), text, lower: 0, upper: Infinity };
  return { ...ofAtom(atom), text: name };
}

/** The value of a polynomial that is a constant, else undefined. */
export function constantValue(value: Polynomial): number | undefined {
  const [first] = value.terms;
  if (first === undefined) return 0;
  return first.factors.length === 0 ? first.coefficient : undefined;
}

/** a + b, terms with equal factors joined. */
export function sum(a: Polynomial, b: Polynomial): Polynomial {
  return collect([...a.terms, ...b.terms]);
}

/** a polynomial times a whole number. */
export function scaled(a: Polynomial, factor: number): Polynomial {
  if (factor === 0) return zero;
  return polynomial(a.terms.map((term) => ({ ...term, coefficient: safe(term.coefficient * factor) })));
}

/** a - b. */
export function difference(a: Polynomial, b: Polynomial): Polynomial {
  return sum(a, scaled(b, -1));
}

/** a * b, multiplied out. */
export function product(a: Polynomial, b: Polynomial): Polynomial {
  if (a.terms.length * b.terms.length > termLimit * 4) throw new Unrepresentable();
  const terms: Term[] = [];
  for (const left of a.terms) {
    for (const right of b.terms) {
      terms.push(
        termOf(
          safe(left.coefficient * right.coefficient),
          [...left.factors, ...right.factors].sort((x, y) => compareText(x.key, y.key)),
        ),
      );
    }
  }
  return collect(terms);
}

/** The number the polynomial has for these symbols; null when a symbol is not given or the result is beyond 2^53. */
export function evaluate(value: Polynomial, lookup: (symbol: string) => number | undefined): number | null {
  let total = 0;
  for (const term of value.terms) {
    let result = term.coefficient;
    for (const factor of term.factors) {
      const number = evaluateAtom(factor, lookup);
      if (number === null) return null;
      result *= number;
      if (!Number.isSafeInteger(result)) return null;
    }
    total += result;
    if (!Number.isSafeInteger(total)) return null;
  }
  return total + 0;
}

function evaluateAtom(atom: Atom, lookup: (symbol: string) => number | undefined): number | null {
  if (atom.kind === 'symbol') return lookup(symbolName(atom)) ?? null;
  if (atom.kind === 'floor') {
    const numerator = evaluate(atom.numerator, lookup);
    const denominator = evaluate(atom.denominator, lookup);
    return numerator === null || denominator === null || denominator === 0 ? null : floorOf(numerator, denominator);
  }
  let best: number | null = null;
  for (const operand of atom.operands) {
    const number = evaluate(operand, lookup);
    if (number === null) return null;
    if (best === null || (atom.kind === 'min' ? number < best : number > best)) best = number;
  }
  return best;
}

/** Adds the names of all symbols in the polynomial to `names`. */
export function addSymbols(value: Polynomial, names: Set<string>): void {
  for (const term of value.terms) {
    for (const factor of term.factors) {
      if (factor.kind === 'symbol') names.add(symbolName(factor));
      else if (factor.kind === 'floor') {
        addSymbols(factor.numerator, names);
        addSymbols(factor.denominator, names);
      } else for (const operand of factor.operands) addSymbols(operand, names);
    }
  }
}

/** floor(a / b) of safe integers, exact: the rounded quotient of two large integers can be one too high. */
export function floorOf(a: number, b: number): number {
  return (a - remainderOf(a, b)) / b + 0;
}

/** a modulo b with the sign of b. */
export function remainderOf(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest + 0;
}

function symbolName(atom: Atom): string {
  if (!atom.key.startsWith('"')) return atom.key;
  const name: unknown = JSON.parse(atom.key);
  return String(name);
}

/** The polynomial that is one atom. */
export function ofAtom(atom: Atom): Polynomial {
  return polynomial([{ coefficient: 1, factors: [atom], key: atom.key }]);
}

/** A term with its factors in canonical order. */
export function termOf(coefficient: number, factors: readonly Atom[]): Term {
  return { coefficient, factors, key: factors.map((factor) => factor.key).join('*') };
}

/** Adds up terms with the same factors and puts them in order. */
export function collect(terms: readonly Term[]): Polynomial {
  const byKey = new Map<string, Term>();
  for (const term of terms) {
    const before = byKey.get(term.key);
    byKey.set(term.key, before ? { ...term, coefficient: safe(before.coefficient + term.coefficient) } : term);
  }
  return polynomial([...byKey.values()].filter((term) => term.coefficient !== 0).sort(compareTerms));
}

/** Terms must be in order, with different factors and no coefficient 0. */
export function polynomial(terms: readonly Term[]): Polynomial {
  if (terms.length > termLimit) throw new Unrepresentable();
  let lower = 0;
  let upper = 0;
  for (const term of terms) {
    const [low, high] = termRange(term);
    lower += low;
    upper += high;
  }
  const text = textOf(terms, (atom) => atom.text);
  if (text.length > textLimit) throw new Unrepresentable();
  const [term] = terms;
  const [atom] = term?.factors ?? [];
  const bare = terms.length === 1 && term?.coefficient === 1 && term.factors.length === 1 && atom?.kind === 'symbol';
  return {
    kind: 'expression',
    text: bare && atom ? symbolName(atom) : text,
    key: textOf(terms, (factor) => factor.key),
    terms,
    lower,
    upper,
  };
}

function termRange(term: Term): [number, number] {
  let low = 1;
  let high = 1;
  for (const { lower, upper } of term.factors) {
    const corners = [times(low, lower), times(low, upper), times(high, lower), times(high, upper)];
    low = Math.min(...corners);
    high = Math.max(...corners);
  }
  const ends = [times(low, term.coefficient), times(high, term.coefficient)];
  return [Math.min(...ends), Math.max(...ends)];
}

function times(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : a * b;
}

/** The terms as text, atoms named by `name`. */
export function textOf(terms: readonly Term[], name: (atom: Atom) => string): string {
  if (terms.length === 0) return '0';
  let text = '';
  terms.forEach((term, index) => {
    const size = Math.abs(term.coefficient);
    const factors = term.factors.map(name);
    const words = size === 1 && factors.length > 0 ? factors : [String(size), ...factors];
    const sign = term.coefficient < 0 ? '-' : '+';
    text += index === 0 ? (sign === '-' ? '-' : '') : ` ${sign} `;
    text += words.join('*');
  });
  return text;
}

/** Higher degree first, then by the names of the factors: an order that multiplication keeps. */
function compareTerms(a: Term, b: Term): number {
  if (a.factors.length !== b.factors.length) return b.factors.length - a.factors.length;
  for (let index = 0; index < a.factors.length; index++) {
    const order = compareText(a.factors[index]?.key ?? '', b.factors[index]?.key ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

/** Order of two texts by code units: the same on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The greatest common divisor of two whole numbers, not negative. */
export function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [Math.abs(a), Math.abs(b)];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

function safe(value: number): number {
  if (!Number.isSafeInteger(value)) throw new Unrepresentable();
  return value + 0;
}
