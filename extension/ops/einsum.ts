import { type Dim, elementCount, multiply, type Shape } from '../model/dimension';
import { broadcastDims, broadcastShapes } from './broadcast';
import type { CostContext, OpContext, OpDefinition, ValueFact } from './definition';
import { tensorFact } from './facts';

/** An equation such as `bij,bjk->bik`: the labels of each operand and of the output; `.` stands for the ellipsis. */
interface Equation {
  readonly operands: readonly string[];
  readonly output: string;
}

/** The sizes behind an equation. */
interface Indices {
  readonly equation: Equation;
  readonly sizes: ReadonlyMap<string, Dim>;
  /** The axes the ellipsis stands for; undefined where an operand with one has an unknown rank. */
  readonly ellipsis: Shape | undefined;
}

/** Splits an equation; undefined for one that is not in the language of Einsum. */
function parseEquation(text: string): Equation | undefined {
  const [left = '', right, ...rest] = text.replaceAll(/\s/g, '').replaceAll('...', '.').split('->');
  const operands = left.split(',');
  const term = /^[A-Za-z]*\.?[A-Za-z]*$/;
  if (rest.length > 0 || !operands.every((labels) => term.test(labels))) return undefined;
  const output = right ?? implicitOutput(operands);
  const known = new Set(left);
  const sound = term.test(output) && [...output].every((label) => known.has(label));
  return sound && new Set(output).size === output.length ? { operands, output } : undefined;
}

/** Without `->` the output has the ellipsis, then the labels that appear once, in alphabetical order. */
function implicitOutput(operands: readonly string[]): string {
  const uses = new Map<string, number>();
  for (const label of operands.join('')) uses.set(label, (uses.get(label) ?? 0) + 1);
  const once = [...uses.keys()].filter((label) => label !== '.' && uses.get(label) === 1).sort();
  return (uses.has('.') ? '.' : '') + once.join('');
}

function readIndices(context: OpContext): Indices | undefined {
  const text = context.attributes.string('equation');
  const equation = text === undefined ? undefined : parseEquation(text);
  if (equation === undefined) {
    context.fault(text === undefined ? 'equation is missing.' : `"${text}" is not an Einsum equation.`);
    return undefined;
  }
  if (equation.operands.length !== context.inputCount) {
    context.fault(`The equation has ${equation.operands.length} operands; the node has ${context.inputCount} inputs.`);
    return undefined;
  }
  const sizes = new Map<string, Dim>();
  let ellipsis: Shape | undefined = [];
  for (const [index, labels] of equation.operands.entries()) {
    const shape = context.shape(index);
    const covered = labels.includes('.') ? axesUnderEllipsis(shape, labels) : [];
    if (
      shape !== undefined &&
      (covered === undefined || shape.length !== labels.replace('.', '').length + covered.length)
    ) {
      context.fault(`Operand ${index} of the equation has rank ${shape.length}, which "${labels}" does not fit.`);
      return undefined;
    }
    ellipsis = broadcastShapes(ellipsis, covered);
    for (const [label, dim] of labelled(labels, shape, covered?.length ?? 0)) {
      const before = sizes.get(label);
      // As in NumPy, a label's axis of size 1 is stretched to that of the other operand.
      sizes.set(label, before === undefined ? dim : broadcastDims(before, dim));
    }
  }
  return { equation, sizes, ellipsis };
}

function axesUnderEllipsis(shape: Shape | undefined, labels: string): Shape | undefined {
  if (shape === undefined) return undefined;
  const before = labels.indexOf('.');
  const count = shape.length - (labels.length - 1);
  return count < 0 ? undefined : shape.slice(before, before + count);
}

function* labelled(labels: string, shape: Shape | undefined, covered: number): Generator<readonly [string, Dim]> {
  let axis = 0;
  for (const label of labels) {
    if (label === '.') axis += covered;
    else yield [label, shape?.[axis++] ?? null];
  }
}

function inferEinsum(context: OpContext): readonly ValueFact[] {
  const indices = readIndices(context);
  return [tensorFact(context.dataType(0), indices && outputShape(indices))];
}

function outputShape({ equation, sizes, ellipsis }: Indices): Shape | undefined {
  const shape: Dim[] = [];
  for (const label of equation.output) {
    if (label !== '.') shape.push(sizes.get(label) ?? null);
    else if (ellipsis === undefined) return undefined;
    else shape.push(...ellipsis);
  }
  return shape;
}

/** Two operands: the product of all index sizes. One: none. More: it depends on the order of contraction, so it is not known. */
function einsumMacs(context: CostContext): Dim {
  if (context.inputCount < 2) return 0;
  const indices = context.inputCount === 2 ? readIndices(context) : undefined;
  if (indices?.ellipsis === undefined) return null;
  return multiply(elementCount([...indices.sizes.values()]), elementCount(indices.ellipsis));
}

/** Einsum. */
export const einsumOperators: readonly OpDefinition[] = [
  { domain: 'ai.onnx', type: 'Einsum', since: 12, infer: inferEinsum, macs: einsumMacs },
];
