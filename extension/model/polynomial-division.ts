import {
  type Atom,
  collect,
  constant,
  constantValue,
  difference,
  greatestCommonDivisor,
  ofAtom,
  type Polynomial,
  polynomial,
  product,
  remainderOf,
  scaled,
  sum,
  type Term,
  termLimit,
  termOf,
  textOf,
} from './polynomial';
import { isNonNegative } from './polynomial-order';

/** floor(a / b) for b other than 0. */
export function floorQuotient(a: Polynomial, b: Polynomial): Polynomial {
  const divisor = constantValue(b);
  if (divisor !== undefined) {
    return divisor < 0 ? floorByConstant(scaled(a, -1), -divisor) : floorByConstant(a, divisor);
  }
  const [numerator, denominator] = withoutCommonFactors(a, b);
  const reduced = constantValue(denominator);
  if (reduced !== undefined) return floorQuotient(numerator, denominator);
  const { quotient, remainder } = divide(numerator, denominator);
  if (isWithin(remainder, denominator)) return quotient;
  return sum(quotient, ofAtom(floorAtom(remainder, denominator)));
}

/**
 * floor(n / c): whole multiples of c leave the fraction, and what stays has coefficients from 0 to c - 1, so that
 * floor((x + 2)/2) and floor(x/2) + 1 become the same.
 */
function floorByConstant(numerator: Polynomial, divisor: number): Polynomial {
  if (divisor === 1) return numerator;
  const nested = withoutNestedFloor(numerator, divisor);
  if (nested) return nested;
  let common = divisor;
  for (const term of numerator.terms)
    if (term.factors.length > 0) common = greatestCommonDivisor(common, term.coefficient);
  if (common > 1) {
    const shrunk = numerator.terms.map((term) => ({ ...term, coefficient: Math.floor(term.coefficient / common) }));
    return floorByConstant(collect(shrunk), divisor / common);
  }
  // Of floor(n/c) and -floor((-n + c - 1)/c), the one whose leading remainder is the smaller is canonical.
  for (const term of numerator.terms) {
    if (term.factors.length === 0) break;
    const rest = remainderOf(term.coefficient, divisor);
    if (rest === 0 || rest * 2 === divisor) continue;
    if (rest * 2 < divisor) break;
    return scaled(reduceFloor(sum(scaled(numerator, -1), constant(divisor - 1)), divisor), -1);
  }
  return reduceFloor(numerator, divisor);
}

function reduceFloor(numerator: Polynomial, divisor: number): Polynomial {
  const whole: Term[] = [];
  const rest: Term[] = [];
  for (const term of numerator.terms) {
    const remainder = remainderOf(term.coefficient, divisor);
    if (remainder !== 0) rest.push({ ...term, coefficient: remainder });
    const quotient = (term.coefficient - remainder) / divisor;
    if (quotient !== 0) whole.push({ ...term, coefficient: quotient });
  }
  const quotient = polynomial(whole);
  const remainder = polynomial(rest);
  const denominator = constant(divisor);
  if (isWithin(remainder, denominator)) return quotient;
  return sum(quotient, ofAtom(floorAtom(remainder, denominator)));
}

/** floor((floor(p/q) + m)/c) is floor((p + q*m)/(q*c)) for q, c > 0; undefined where the numerator is not of that form. */
function withoutNestedFloor(numerator: Polynomial, divisor: number): Polynomial | undefined {
  const floors = numerator.terms.filter((term) => term.factors.some((factor) => factor.kind === 'floor'));
  const [term] = floors;
  const [atom] = term?.factors ?? [];
  if (floors.length !== 1 || !term || term.factors.length !== 1 || atom?.kind !== 'floor') return undefined;
  if (atom.denominator.lower < 0) return undefined;
  if (term.coefficient === -1) {
    const negated = withoutNestedFloor(sum(scaled(numerator, -1), constant(divisor - 1)), divisor);
    return negated && scaled(negated, -1);
  }
  if (term.coefficient !== 1) return undefined;
  const others = polynomial(numerator.terms.filter((candidate) => candidate !== term));
  return floorQuotient(sum(atom.numerator, product(others, atom.denominator)), scaled(atom.denominator, divisor));
}

/** Numerator and denominator divided by the atoms and the integer that all their terms share. */
function withoutCommonFactors(a: Polynomial, b: Polynomial): [Polynomial, Polynomial] {
  const terms = [...a.terms, ...b.terms];
  let divisor = 0;
  for (const term of terms) divisor = greatestCommonDivisor(divisor, term.coefficient);
  let shared: readonly Atom[] = terms[0]?.factors ?? [];
  for (const term of terms) shared = commonFactors(shared, term.factors);
  if (divisor <= 1 && shared.length === 0) return [a, b];
  const reduce = (value: Polynomial) =>
    collect(value.terms.map((term) => termOf(term.coefficient / divisor, withoutFactors(term.factors, shared) ?? [])));
  return [reduce(a), reduce(b)];
}

/** a = quotient*b + remainder, where no term of the remainder is a multiple of b's leading term. */
function divide(a: Polynomial, b: Polynomial): { quotient: Polynomial; remainder: Polynomial } {
  const [lead] = b.terms;
  let quotient = constant(0);
  let remainder = a;
  if (!lead) return { quotient, remainder };
  for (let step = 0; step < termLimit; step++) {
    let multiple: Polynomial | undefined;
    for (const term of remainder.terms) {
      const factors = withoutFactors(term.factors, lead.factors);
      const coefficient = Math.floor(term.coefficient / lead.coefficient);
      if (factors && coefficient !== 0 && (factors.length > 0 || term.coefficient % lead.coefficient === 0)) {
        multiple = polynomial([termOf(coefficient, factors)]);
        break;
      }
    }
    if (!multiple) break;
    quotient = sum(quotient, multiple);
    remainder = difference(remainder, product(multiple, b));
  }
  return { quotient, remainder };
}

/** True when 0 <= value < limit for all sizes. */
function isWithin(value: Polynomial, limit: Polynomial): boolean {
  if (value.terms.length === 0) return true;
  return isNonNegative(value) && isNonNegative(difference(difference(limit, value), constant(1)));
}

function floorAtom(numerator: Polynomial, denominator: Polynomial): Atom {
  const simple = (value: Polynomial) => {
    const [term] = value.terms;
    return (
      value.terms.length === 1 && (term?.factors.length === 0 || (term?.coefficient === 1 && term.factors.length === 1))
    );
  };
  const top = (text: string) => (numerator.terms.length > 1 ? `(${text})` : text);
  const bottom = (text: string) => (simple(denominator) ? text : `(${text})`);
  let lower = -Infinity;
  let upper = Infinity;
  const divisor = constantValue(denominator);
  if (divisor !== undefined) {
    lower = Math.floor(numerator.lower / divisor);
    upper = Math.floor(numerator.upper / divisor);
  } else if (numerator.lower >= 0 && denominator.lower >= 0) {
    lower = 0;
    upper = Math.floor(numerator.upper / Math.max(1, denominator.lower));
  }
  return {
    kind: 'floor',
    numerator,
    denominator,
    text: `floor(${top(insideText(numerator))}/${bottom(insideText(denominator))})`,
    key: `floor(${top(numerator.key)}/${bottom(denominator.key)})`,
    lower,
    upper,
  };
}

/** The text inside a larger expression, where a symbol that looks like an expression stands in parentheses. */
function insideText(value: Polynomial): string {
  return textOf(value.terms, (atom) => atom.text);
}

/** The factors both lists have, with repetition. */
function commonFactors(a: readonly Atom[], b: readonly Atom[]): readonly Atom[] {
  const rest = b.map((factor) => factor.key);
  return a.filter((factor) => {
    const at = rest.indexOf(factor.key);
    if (at >= 0) rest.splice(at, 1);
    return at >= 0;
  });
}

/** `factors` without those of `removed`; undefined when one of them is not there. */
function withoutFactors(factors: readonly Atom[], removed: readonly Atom[]): readonly Atom[] | undefined {
  const rest = [...factors];
  for (const { key } of removed) {
    const at = rest.findIndex((factor) => factor.key === key);
    if (at < 0) return undefined;
    rest.splice(at, 1);
  }
  return rest;
}
