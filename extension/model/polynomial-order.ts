import {
  collect,
  compareText,
  constant,
  constantValue,
  difference,
  greatestCommonDivisor,
  ofAtom,
  type Polynomial,
  polynomial,
  scaled,
  sum,
  type Term,
  Unrepresentable,
} from './polynomial';

/** A minimum or maximum of more operands is refused: each is compared with each. */
const operandLimit = 8;

/** The least or the greatest of several polynomials. */
export function extreme(kind: 'min' | 'max', operands: readonly Polynomial[], depth = 2): Polynomial {
  const flat = operands.flatMap((operand) => spread(kind, operand));
  if (flat.length > operandLimit) throw new Unrepresentable();
  const kept: Polynomial[] = [];
  for (const operand of flat) {
    const beats = (a: Polynomial, b: Polynomial) => isNonNegative(kind === 'min' ? difference(b, a) : difference(a, b));
    if (kept.some((other) => beats(other, operand))) continue;
    const survivors = kept.filter((other) => !beats(operand, other));
    kept.splice(0, kept.length, ...survivors, operand);
  }
  const [only] = kept;
  if (kept.length === 1 && only) return only;
  if (depth > 0) {
    const distributed = distribute(kind, kept, depth - 1);
    if (distributed) return distributed;
  }
  const common = commonPart(kept);
  const shifted = kept.map((operand) => difference(operand, common));
  let divisor = 0;
  for (const operand of shifted) {
    for (const term of operand.terms) divisor = greatestCommonDivisor(divisor, term.coefficient);
  }
  const primitive = shifted.map((operand) => scaledDown(operand, divisor)).sort((a, b) => compareOperands(a, b));
  const text = `${kind}(${primitive.map((operand) => operand.text).join(', ')})`;
  const key = `${kind}(${primitive.map((operand) => operand.key).join(', ')})`;
  const pick = kind === 'min' ? Math.min : Math.max;
  const lower = pick(...primitive.map((operand) => operand.lower));
  const upper = pick(...primitive.map((operand) => operand.upper));
  return sum(common, scaled(ofAtom({ kind, operands: primitive, text, key, lower, upper }), divisor));
}

/**
 * min(max(p, q), c) is max(min(p, c), min(q, c)): taken where one of the two is provably the greater, so that clamping what is
 * clamped already does not pile up. The same with min and max exchanged.
 */
function distribute(kind: 'min' | 'max', operands: readonly Polynomial[], depth: number): Polynomial | undefined {
  const other = kind === 'min' ? 'max' : 'min';
  for (const operand of operands) {
    const parts = spread(other, operand);
    if (parts.length < 2) continue;
    const rest = operands.filter((candidate) => candidate !== operand);
    const candidates = parts.map((part) => extreme(kind, [part, ...rest], depth));
    const beats = (a: Polynomial, b: Polynomial) =>
      isNonNegative(other === 'min' ? difference(b, a) : difference(a, b));
    const best = candidates.find((a) => candidates.every((b) => a === b || beats(a, b)));
    if (best) return best;
  }
  return undefined;
}

/** The operands m + k*p and m + k*q where the value is m + k*min(p, q) with k > 0; else the value itself. */
function spread(kind: 'min' | 'max', value: Polynomial): readonly Polynomial[] {
  const ofKind = value.terms.filter((term) => term.factors.some((factor) => factor.kind === kind));
  const [term] = ofKind;
  const [atom] = term?.factors ?? [];
  if (ofKind.length !== 1 || !term || term.coefficient < 0 || term.factors.length !== 1) return [value];
  if (atom === undefined || !('operands' in atom)) return [value];
  const others = polynomial(value.terms.filter((candidate) => candidate !== term));
  return atom.operands.map((operand) => sum(others, scaled(operand, term.coefficient)));
}

function scaledDown(value: Polynomial, divisor: number): Polynomial {
  return polynomial(value.terms.map((term) => ({ ...term, coefficient: term.coefficient / divisor })));
}

/** What can be taken out of a minimum or maximum: of each term, the least coefficient it has in any operand. */
function commonPart(operands: readonly Polynomial[]): Polynomial {
  const least = new Map<string, Term>();
  for (const term of operands.flatMap((operand) => operand.terms)) {
    if (least.has(term.key)) continue;
    const coefficients = operands.map(
      (operand) => operand.terms.find((candidate) => candidate.key === term.key)?.coefficient ?? 0,
    );
    least.set(term.key, { ...term, coefficient: Math.min(...coefficients) });
  }
  return collect([...least.values()]);
}

/** True only when the value is provably never negative. */
export function isNonNegative(value: Polynomial, depth = 4): boolean {
  if (value.lower >= 0) return true;
  if (value.upper < 0 || depth === 0) return false;
  // Replace one atom by a bound of it in terms of what it is made of. Values are whole, so "above -1" is enough.
  for (const term of value.terms) {
    const [atom] = term.factors;
    if (term.factors.length !== 1 || !atom || atom.kind === 'symbol') continue;
    const others = polynomial(value.terms.filter((candidate) => candidate !== term));
    if (atom.kind === 'floor') {
      const divisor = constantValue(atom.denominator);
      if (divisor === undefined) continue;
      const slack = term.coefficient > 0 ? divisor - 1 : 0;
      const bound = scaled(difference(atom.numerator, constant(slack)), term.coefficient);
      const whole = sum(scaled(others, divisor), bound);
      return isNonNegative(sum(whole, constant(divisor - 1)), depth - 1);
    }
    const anyServes = (atom.kind === 'max') === term.coefficient > 0;
    if (!anyServes) {
      return atom.operands.every((operand) => isNonNegative(sum(others, scaled(operand, term.coefficient)), depth - 1));
    }
    return atom.operands.some((operand) => isNonNegative(sum(others, scaled(operand, term.coefficient)), depth - 1));
  }
  return false;
}

/** Constants last, else by key. */
function compareOperands(a: Polynomial, b: Polynomial): number {
  const constants = Number(constantValue(a) !== undefined) - Number(constantValue(b) !== undefined);
  return constants !== 0 ? constants : compareText(a.key, b.key);
}
