import type { Node } from '../model/model';
import type { GraphShapes } from '../shapes/model-shapes';

/**
 * `size`: computed from shapes alone, so it may be a number above 2,048 that has to be exact. `neutral`: no number of its own (a
 * constant, or something filled or compared from sizes); it makes a size of nothing.
 */
type Origin = 'size' | 'neutral' | 'data';

/** Arithmetic that gives a size when it gets sizes: all of its operands count. */
const arithmetic = new Set(
  'Abs Add Ceil Clip Concat Cast CumSum Div Einsum Exp Floor Identity Log MatMul Max Mean Min Mod Mul Neg Pow Range Reciprocal ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum Round Sign Sqrt Sub Sum Where'.split(
    ' ',
  ),
);
/** Operators that give elements of their first operand; the others only choose which. */
const selecting = new Set(
  'CastLike Compress Flatten Gather GatherElements GatherND Pad Reshape Slice Split Squeeze Tile Transpose Trilu Unsqueeze'.split(
    ' ',
  ),
);
/** Operators whose result is as long as a size says, but holds something else. */
const filling = new Set(['ConstantOfShape', 'Expand']);
/** Operators that count positions. */
const counting = new Set(['CumSum', 'NonZero']);

/**
 * Values of a graph that are computed from shapes, or in a function from its attributes. Steps from sizes to sizes by way of float (a
 * scale factor, a position) stay float32: float16 is exact up to 2,048 only and ends at 65,504.
 */
export class SizeValues {
  private readonly origins = new Map<string, Origin>();

  constructor(
    private readonly shapes: GraphShapes,
    private readonly parent?: SizeValues,
  ) {}

  /** Takes note of a node, in execution order. True when its float operands are sizes, so that it has to compute in float32. */
  note(node: Node): boolean {
    if (node.domain !== 'ai.onnx') return false;
    const { opType } = node;
    const isParameter = opType === 'Constant' && [...node.attributes.values()].some(({ kind }) => kind === 'reference');
    if (opType === 'Shape' || opType === 'Size' || isParameter) {
      this.set(node, 'size');
      return isParameter;
    }
    const given = node.inputs.filter((name) => name !== '');
    const origins = (selecting.has(opType) ? given.slice(0, 1) : given).map((name) => this.of(name));
    if (given.length === 0 || origins.includes('data')) return false;
    const fromSize = origins.includes('size');
    if (filling.has(opType)) this.set(node, 'neutral');
    else if (counting.has(opType) && !given.every((name) => this.isConstant(name))) this.set(node, 'size');
    else if (fromSize && (arithmetic.has(opType) || selecting.has(opType))) this.set(node, 'size');
    else if (!fromSize) this.set(node, 'neutral');
    return fromSize && !filling.has(opType);
  }

  private set(node: Node, origin: Origin): void {
    for (const name of node.outputs) {
      const type = this.shapes.values.get(name)?.type;
      const isTruth = type?.kind === 'tensor' && type.dataType === 'BOOL';
      this.origins.set(name, isTruth ? 'neutral' : origin);
    }
  }

  private of(name: string): Origin {
    const origin = this.origins.get(name);
    if (origin) return origin;
    const value = this.shapes.values.get(name);
    if (value) return value.constant ? 'neutral' : 'data';
    return this.parent?.of(name) ?? 'data';
  }

  private isConstant(name: string): boolean {
    const value = this.shapes.values.get(name);
    return value ? value.constant : (this.parent?.isConstant(name) ?? false);
  }
}
