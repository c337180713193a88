import type { DataType } from '../model/data-type';
import { type Dim, elementCount, multiply, type Shape } from '../model/dimension';
import { broadcastShapes } from './broadcast';
import type { CostContext, OpContext, OpDefinition, ValueFact } from './definition';
import { tensorFact } from './facts';

/** Where a matrix product finds its operands, how they are turned first, and its output's type. */
export interface ProductForm {
  readonly left: number;
  readonly right: number;
  readonly dataType: (context: OpContext) => DataType | undefined;
  /** Attributes transA, transB, transBatchA and transBatchB apply. */
  readonly transposing?: boolean;
}

/** numpy.matmul of two shapes: a leading or trailing 1-D operand loses its axis. Undefined where a rank is not known. */
export function matrixProductShape(left: Shape | undefined, right: Shape | undefined): Shape | undefined {
  if (left === undefined || right === undefined || left.length === 0 || right.length === 0) return undefined;
  const batch = broadcastShapes(left.slice(0, -2), right.slice(0, -2));
  if (batch === undefined) return undefined;
  const rows = left.length > 1 ? [left[left.length - 2] ?? null] : [];
  const columns = right.length > 1 ? [right[right.length - 1] ?? null] : [];
  return [...batch, ...rows, ...columns];
}

/** The contracted size of a matrix product. */
function contractedSize(left: Shape, right: Shape): Dim {
  return left[left.length - 1] ?? right[Math.max(0, right.length - 2)] ?? null;
}

/** Output elements x contracted size. */
export function matrixProductMacs(left: Shape | undefined, right: Shape | undefined): Dim {
  const output = matrixProductShape(left, right);
  if (output === undefined || left === undefined || right === undefined) return null;
  return multiply(elementCount(output), contractedSize(left, right));
}

function operands(context: OpContext, form: ProductForm): readonly [Shape | undefined, Shape | undefined] {
  const left = context.shape(form.left);
  const right = context.shape(form.right);
  if (!form.transposing) return [left, right];
  const { attributes } = context;
  return [
    turned(left, attributes.int('transA', 0) !== 0, attributes.int('transBatchA', 0) !== 0),
    turned(right, attributes.int('transB', 0) !== 0, attributes.int('transBatchB', 0) !== 0),
  ];
}

/** `batch` moves the first axis behind the batch axes; `matrix` then swaps the last two. Source: onnxruntime, FusedMatMul. */
function turned(shape: Shape | undefined, matrix: boolean, batch: boolean): Shape | undefined {
  if (shape === undefined || shape.length < 2) return shape;
  const last = shape[shape.length - 1] ?? null;
  const moved = batch ? [...shape.slice(1, -1), shape[0] ?? null, last] : shape;
  const row = moved[moved.length - 2] ?? null;
  return matrix ? [...moved.slice(0, -2), last, row] : moved;
}

/** A definition of a matrix product in any form. */
export function matrixProduct(domain: string, type: string, since: number, form: ProductForm): OpDefinition {
  return {
    domain,
    type,
    since,
    infer: (context) => {
      const [left, right] = operands(context, form);
      checkContraction(context, left, right);
      return [tensorFact(form.dataType(context), matrixProductShape(left, right))];
    },
    macs: (context) => matrixProductMacs(...operands(context, form)),
  };
}

function checkContraction(context: OpContext, left: Shape | undefined, right: Shape | undefined): void {
  if (left === undefined || right === undefined) return;
  if (left.length === 0 || right.length === 0) {
    context.fault('An operand of the matrix product is a scalar.');
    return;
  }
  const inner = left[left.length - 1];
  const outer = right[Math.max(0, right.length - 2)];
  if (typeof inner === 'number' && typeof outer === 'number' && inner !== outer) {
    context.fault(`The operands of the matrix product do not match: ${inner} columns against ${outer} rows.`);
  }
}

/** Where Gemm and its quantized and fused forms have their operands, and the output's type. */
export interface GemmForm {
  readonly right: number;
  readonly dataType: (context: OpContext) => DataType | undefined;
}

/** [M, K] and [K, N] of a Gemm, each turned by transA and transB. */
function gemmOperands(context: OpContext, form: GemmForm): readonly [Shape, Shape] {
  const matrix = (index: number, attribute: string): Shape => {
    const shape = context.shape(index);
    if (shape !== undefined && shape.length !== 2)
      context.fault(`Input ${index} has rank ${shape.length}; it must be 2.`);
    if (shape?.length !== 2) return [null, null];
    return context.attributes.int(attribute, 0) === 0 ? shape : [...shape].reverse();
  };
  return [matrix(0, 'transA'), matrix(form.right, 'transB')];
}

/** A definition of a Gemm in any form. */
export function gemm(domain: string, type: string, since: number, form: GemmForm): OpDefinition {
  return {
    domain,
    type,
    since,
    infer: (context) => {
      const [left, right] = gemmOperands(context, form);
      checkContraction(context, left, right);
      return [tensorFact(form.dataType(context), [left[0] ?? null, right[1] ?? null])];
    },
    macs: (context) => matrixProductMacs(...gemmOperands(context, form)),
  };
}

/** Rows of `data` x weight [columns, contracted], for weights that are packed and named by attributes. */
export function packedProduct(
  context: OpContext,
  columns: number | undefined,
  dataType: DataType | undefined,
): readonly ValueFact[] {
  const data = context.shape(0);
  if (data !== undefined && data.length === 0) context.fault('The data is a scalar; it must be a matrix.');
  return [tensorFact(dataType, data && [...data.slice(0, -1), columns ?? null])];
}

/** Rows x columns x contracted size of a packed product. */
export function packedMacs(context: CostContext, contracted: number | undefined): Dim {
  const output = context.outputShape(0);
  return output === undefined ? null : multiply(elementCount(output), contracted ?? null);
}

/** The determinants of the matrices in the last two axes. */
function inferDeterminant(context: OpContext): readonly ValueFact[] {
  const shape = context.shape(0);
  if (shape !== undefined && shape.length < 2)
    context.fault(`The input has rank ${shape.length}; it must be at least 2.`);
  return [tensorFact(context.dataType(0), shape && shape.length >= 2 ? shape.slice(0, -2) : undefined)];
}

const first = (context: OpContext): DataType | undefined => context.dataType(0) ?? context.dataType(1);

/** Matrix products of ai.onnx, and Det. Einsum has a file of its own. */
export const matrixOperators: readonly OpDefinition[] = [
  matrixProduct('ai.onnx', 'MatMul', 1, { left: 0, right: 1, dataType: first }),
  matrixProduct('ai.onnx', 'MatMulInteger', 10, { left: 0, right: 1, dataType: () => 'INT32' }),
  matrixProduct('ai.onnx', 'QLinearMatMul', 10, {
    left: 0,
    right: 3,
    dataType: (context) => context.dataType(7),
  }),
  gemm('ai.onnx', 'Gemm', 1, { right: 1, dataType: first }),
  { domain: 'ai.onnx', type: 'Det', since: 11, infer: inferDeterminant },
];
