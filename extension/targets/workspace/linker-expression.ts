import type { LinkerToken } from './linker-tokens';

/** An expression of a linker script, not yet evaluated: symbols may be set further down. */
export type LinkerExpression =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'symbol'; readonly name: string; readonly at: LinkerToken }
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly arguments: readonly LinkerExpression[];
      readonly at: LinkerToken;
    }
  | { readonly kind: 'prefix'; readonly sign: string; readonly operand: LinkerExpression }
  | {
      readonly kind: 'binary';
      readonly sign: string;
      readonly left: LinkerExpression;
      readonly right: LinkerExpression;
      readonly at: LinkerToken;
    }
  | {
      readonly kind: 'choice';
      readonly condition: LinkerExpression;
      readonly yes: LinkerExpression;
      readonly no: LinkerExpression;
    };

/** Thrown for text that is no expression, and for one whose value the script alone does not say. */
export class LinkerExpressionError extends Error {
  constructor(
    message: string,
    readonly at: LinkerToken | undefined,
    /** true: the script is broken; false: the value depends on something outside it. */
    readonly broken: boolean,
  ) {
    super(message);
    this.name = 'LinkerExpressionError';
  }
}

const deepest = 100;
/** More operands than any real script has in one expression. */
const longest = 500;
const binding: Readonly<Record<string, number>> = {
  '||': 1,
  '&&': 2,
  '|': 3,
  '^': 4,
  '&': 5,
  '==': 6,
  '!=': 6,
  '<': 7,
  '>': 7,
  '<=': 7,
  '>=': 7,
  '<<': 8,
  '>>': 8,
  '+': 9,
  '-': 9,
  '*': 10,
  '/': 10,
  '%': 10,
};

/** Reads an expression from tokens; ends before the first one that cannot belong to it. */
export class ExpressionParser {
  private operands = 0;

  constructor(
    private readonly tokens: readonly LinkerToken[],
    public position: number,
  ) {}

  expression(depth = 0): LinkerExpression {
    const condition = this.binary(1, depth);
    if (this.peek('?') === undefined) return condition;
    this.position += 1;
    const yes = this.expression(depth + 1);
    this.expect(':');
    return { kind: 'choice', condition, yes, no: this.expression(depth + 1) };
  }

  private binary(least: number, depth: number): LinkerExpression {
    let left = this.operand(depth);
    for (;;) {
      const token = this.tokens[this.position];
      const strength = token?.kind === 'sign' ? binding[token.text] : undefined;
      if (!token || strength === undefined || strength < least) return left;
      this.position += 1;
      left = { kind: 'binary', sign: token.text, left, right: this.binary(strength + 1, depth + 1), at: token };
    }
  }

  private operand(depth: number): LinkerExpression {
    const token = this.tokens[this.position];
    if (!token)
      throw new LinkerExpressionError('The script ends in the middle of an expression.', this.tokens.at(-1), true);
    this.operands += 1;
    if (depth > deepest || this.operands > longest) {
      throw new LinkerExpressionError('The expression is too long.', token, true);
    }
    this.position += 1;
    if (token.kind === 'number') return { kind: 'number', value: numberOf(token) };
    if (token.kind === 'name') return this.named(token, depth);
    if (token.text === '(') {
      const inner = this.expression(depth + 1);
      this.expect(')');
      return inner;
    }
    if (['-', '+', '~', '!'].includes(token.text)) {
      return { kind: 'prefix', sign: token.text, operand: this.operand(depth + 1) };
    }
    throw new LinkerExpressionError(`A number or a symbol is expected instead of "${token.text}".`, token, true);
  }

  private named(token: LinkerToken, depth: number): LinkerExpression {
    // A name before a parenthesis is a call only where it is a function: `LENGTH = SIZE` may be followed by `(rx)` of nothing.
    if (this.peek('(') === undefined || !/^[A-Z_]+$/.test(token.text))
      return { kind: 'symbol', name: token.text, at: token };
    this.position += 1;
    const list: LinkerExpression[] = [];
    if (this.peek(')') === undefined) {
      do list.push(this.expression(depth + 1));
      while (this.take(','));
    }
    this.expect(')');
    return { kind: 'call', name: token.text, arguments: list, at: token };
  }

  private peek(sign: string): LinkerToken | undefined {
    const token = this.tokens[this.position];
    return token?.kind === 'sign' && token.text === sign ? token : undefined;
  }

  private take(sign: string): boolean {
    if (!this.peek(sign)) return false;
    this.position += 1;
    return true;
  }

  private expect(sign: string): void {
    if (this.take(sign)) return;
    const token = this.tokens[this.position] ?? this.tokens.at(-1);
    throw new LinkerExpressionError(`"${sign}" is expected here.`, token, true);
  }
}

/** GNU ld's numbers: decimal, 0x or $ hexadecimal, octal with a leading 0, then K or M. */
function numberOf(token: LinkerToken): bigint {
  const match = /^(?:0[xX]([\da-fA-F]{1,16})|\$([\da-fA-F]{1,16})|(\d{1,20}))([kKmM]?)$/.exec(token.text);
  const [, hexadecimal, dollar, decimal, suffix] = match ?? [];
  const digits = hexadecimal ?? dollar;
  const octal = decimal !== undefined && /^0\d/.test(decimal);
  if (!match || (octal && /[89]/.test(decimal))) {
    throw new LinkerExpressionError(`"${token.text}" is no number.`, token, true);
  }
  const value = digits !== undefined ? BigInt(`0x${digits}`) : BigInt(octal ? `0o${decimal}` : (decimal ?? 0));
  const unit = suffix ? { k: 1024n, m: 1024n * 1024n }[suffix.toLowerCase()] : 1n;
  return value * (unit ?? 1n);
}

export interface LinkerScope {
  /** Throws LinkerExpressionError where the script does not set it. */
  readonly symbol: (name: string, at: LinkerToken) => bigint;
  readonly isDefined: (name: string, at: LinkerToken) => boolean;
  readonly origin: (region: string, at: LinkerToken) => bigint;
  readonly length: (region: string, at: LinkerToken) => bigint;
}

/** The value of an expression. Throws LinkerExpressionError when the script alone does not say it. */
export function evaluate(expression: LinkerExpression, scope: LinkerScope): bigint {
  switch (expression.kind) {
    case 'number':
      return expression.value;
    case 'symbol':
      return scope.symbol(expression.name, expression.at);
    case 'prefix': {
      const value = evaluate(expression.operand, scope);
      if (expression.sign === '-') return -value;
      if (expression.sign === '~') return BigInt.asUintN(64, ~value);
      return expression.sign === '!' ? truth(value === 0n) : value;
    }
    case 'choice':
      return evaluate(expression.condition, scope) !== 0n
        ? evaluate(expression.yes, scope)
        : evaluate(expression.no, scope);
    case 'call':
      return call(expression, scope);
    case 'binary':
      return combine(expression, evaluate(expression.left, scope), evaluate(expression.right, scope));
  }
}

function call({ name, arguments: list, at }: Extract<LinkerExpression, { kind: 'call' }>, scope: LinkerScope): bigint {
  const [first, second] = list;
  const word = first?.kind === 'symbol' ? first.name : undefined;
  if (word !== undefined && name === 'ORIGIN') return scope.origin(word, at);
  if (word !== undefined && name === 'LENGTH') return scope.length(word, at);
  if (word !== undefined && name === 'DEFINED') return truth(scope.isDefined(word, at));
  if (first && name === 'ABSOLUTE') return evaluate(first, scope);
  if (first && second && (name === 'MAX' || name === 'MIN')) {
    const [a, b] = [evaluate(first, scope), evaluate(second, scope)];
    return a > b === (name === 'MAX') ? a : b;
  }
  throw new LinkerExpressionError(`${name}() is known only when the program is linked.`, at, false);
}

function combine({ sign, at }: Extract<LinkerExpression, { kind: 'binary' }>, left: bigint, right: bigint): bigint {
  if ((sign === '/' || sign === '%') && right === 0n) throw new LinkerExpressionError('Division by zero.', at, true);
  if ((sign === '<<' || sign === '>>') && (right < 0n || right > 63n)) {
    throw new LinkerExpressionError(`A shift by ${right} bits gives no size.`, at, true);
  }
  switch (sign) {
    case '+':
      return bounded(left + right, at);
    case '-':
      return bounded(left - right, at);
    case '*':
      return bounded(left * right, at);
    case '/':
      return left / right;
    case '%':
      return left % right;
    case '<<':
      return bounded(left << right, at);
    case '>>':
      return left >> right;
    case '&':
      return left & right;
    case '|':
      return left | right;
    case '^':
      return left ^ right;
    case '&&':
      return truth(left !== 0n && right !== 0n);
    case '||':
      return truth(left !== 0n || right !== 0n);
    case '==':
      return truth(left === right);
    case '!=':
      return truth(left !== right);
    case '<':
      return truth(left < right);
    case '>':
      return truth(left > right);
    case '<=':
      return truth(left <= right);
    default:
      return truth(left >= right);
  }
}

/** Keeps numbers from growing without end; the linker computes with 64 bits. */
function bounded(value: bigint, at: LinkerToken): bigint {
  if (BigInt.asIntN(65, value) === value) return value;
  throw new LinkerExpressionError('The value is larger than any address.', at, true);
}

function truth(value: boolean): bigint {
  return value ? 1n : 0n;
}
