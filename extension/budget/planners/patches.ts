/** One operator of a chain that can run on a patch of an image: convolution, depthwise convolution, pooling, element by element. */
export interface SpatialOperator {
  readonly name: string;
  /** Height and width, as [height, width]. */
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Rows above and columns to the left that padding adds; what it adds below and to the right follows from the sizes. */
  readonly padding: readonly [number, number];
  /** The input as [height, width], and the bytes of one position of it, all channels together. */
  readonly inputSize: readonly [number, number];
  readonly inputBytesPerPosition: number;
  readonly outputSize: readonly [number, number];
  readonly outputBytesPerPosition: number;
  /** Multiply-accumulates of the whole operator. */
  readonly macs: number;
  /** True when the kernel writes its output over its input (as TinyEngine's depthwise convolution does). */
  readonly inPlace?: boolean;
}

export interface PatchOptions {
  /**
   * How the stage's input is held. `whole`: it lies in RAM all the time and the first operator reads it there. `streamed`: only
   * the patch that is worked on is in RAM. `whole` when absent.
   */
  readonly input?: 'whole' | 'streamed';
  /**
   * How far a patch reaches. `needed`: exactly the rows and columns that its outputs read. `full`: stride x outputs + dilation x
   * (kernel - 1), which with strides above 1 has some more that nothing reads. `needed` when absent.
   */
  readonly reach?: 'needed' | 'full';
}

export interface PatchPlan {
  /** The output of the stage is cut into patches x patches pieces. */
  readonly patches: number;
  /** The most bytes in RAM while the stage runs: patch buffers, the stage's output held whole, its input as chosen. */
  readonly peakBytes: number;
  /** The most bytes of buffers for one patch: input and output of one operator at a time, less what is held whole. */
  readonly patchBytes: number;
  /** Bytes of the stage's output, held whole beside the patches; 0 for one patch. */
  readonly outputBytes: number;
  /** Bytes of the stage's input, held whole beside the patches; 0 when it is streamed, and for one patch. */
  readonly inputBytes: number;
  /** Index of the operator at the peak. */
  readonly peakOperator: number;
  /** Multiply-accumulates with all overlaps computed again, and what that adds to the whole, in percent. */
  readonly macs: number;
  readonly recomputedPercent: number;
}

/**
 * What a chain of spatial operators needs when its output is computed patch by patch (Lin et al., MCUNetV2, 2021): for each of
 * patches x patches pieces of the output, the chain runs on the region that the piece depends on, so that only the output (and,
 * if wanted, the input) of the stage is ever held whole. Bytes and MACs are exact for this scheme; alignment and scratch
 * buffers are left out. One patch is the plain execution of the chain: the largest input and output of one operator.
 * Throws RangeError for chains whose sizes do not fit together.
 */
export function planPatches(
  operators: readonly SpatialOperator[],
  patches: number,
  options: PatchOptions = {},
): PatchPlan {
  const { input = 'whole', reach = 'needed' } = options;
  requireChain(operators, patches);
  const first = operators[0];
  const last = operators.at(-1);
  if (!first || !last) throw new RangeError('A stage has at least one operator.');
  const rows = spansPerPatch(operators, patches, 0, reach);
  const columns = spansPerPatch(operators, patches, 1, reach);
  const plain = patches === 1;
  const outputBytes = plain ? 0 : area(last.outputSize) * last.outputBytesPerPosition;
  const inputBytes = plain || input === 'streamed' ? 0 : area(first.inputSize) * first.inputBytesPerPosition;

  let patchBytes = 0;
  let peakOperator = 0;
  let macs = 0;
  for (const [index, operator] of operators.entries()) {
    const inputLengths = [largest(rows, index), largest(columns, index)] as const;
    const outputLengths = [largest(rows, index + 1), largest(columns, index + 1)] as const;
    const readsWhole = index === 0 && inputBytes > 0;
    const writesWhole = index === operators.length - 1 && outputBytes > 0;
    const read = readsWhole ? 0 : area(inputLengths) * operator.inputBytesPerPosition;
    const written = writesWhole ? 0 : area(outputLengths) * operator.outputBytesPerPosition;
    const overwrites = operator.inPlace && !readsWhole && !writesWhole;
    const bytes = overwrites ? Math.max(read, written) : read + written;
    if (bytes > patchBytes) {
      patchBytes = bytes;
      peakOperator = index;
    }
    const positions = total(rows, index + 1) * total(columns, index + 1);
    macs += (operator.macs * positions) / area(operator.outputSize);
  }
  const whole = operators.reduce((sum, operator) => sum + operator.macs, 0);
  return {
    patches,
    peakBytes: patchBytes + outputBytes + inputBytes,
    patchBytes,
    outputBytes,
    inputBytes,
    peakOperator,
    macs: Math.round(macs),
    recomputedPercent: whole > 0 ? (100 * (macs - whole)) / whole : 0,
  };
}

/** The plan with the fewest patches whose peak is at most `limitBytes`, up to one patch per row or column; undefined when none is. */
export function fewestPatches(
  operators: readonly SpatialOperator[],
  limitBytes: number,
  options: PatchOptions = {},
): PatchPlan | undefined {
  const size = operators.at(-1)?.outputSize ?? [0, 0];
  for (let patches = 1; patches <= Math.min(...size); patches++) {
    const plan = planPatches(operators, patches, options);
    if (plan.peakBytes <= limitBytes) return plan;
  }
  return undefined;
}

/** A range of rows or columns; `to` is not in it. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** For each patch along an axis (0: height, 1: width), the span of the stage's input, then of each operator's output. */
function spansPerPatch(
  operators: readonly SpatialOperator[],
  patches: number,
  axis: 0 | 1,
  reach: 'needed' | 'full',
): readonly (readonly Span[])[] {
  const length = operators.at(-1)?.outputSize[axis] ?? 0;
  return Array.from({ length: patches }, (_, patch) => {
    let span: Span = { from: Math.floor((patch * length) / patches), to: Math.floor(((patch + 1) * length) / patches) };
    const spans = [span];
    for (const operator of operators.toReversed()) {
      const stride = operator.stride[axis];
      const halo = operator.dilation[axis] * (operator.kernel[axis] - 1);
      const from = span.from * stride - operator.padding[axis];
      const to = from + (span.to - span.from) * stride + halo + (reach === 'needed' ? 1 - stride : 0);
      const limit = operator.inputSize[axis];
      span = { from: Math.min(Math.max(0, from), limit), to: Math.min(Math.max(0, to), limit) };
      spans.push(span);
    }
    return spans.reverse();
  });
}

function largest(spans: readonly (readonly Span[])[], index: number): number {
  return spans.reduce((most, patch) => Math.max(most, lengthAt(patch, index)), 0);
}

function total(spans: readonly (readonly Span[])[], index: number): number {
  return spans.reduce((sum, patch) => sum + lengthAt(patch, index), 0);
}

function lengthAt(patch: readonly Span[], index: number): number {
  const span = patch[index];
  return span ? span.to - span.from : 0;
}

function area([height, width]: readonly [number, number]): number {
  return height * width;
}

function requireChain(operators: readonly SpatialOperator[], patches: number): void {
  const size = operators.at(-1)?.outputSize ?? [0, 0];
  if (!Number.isInteger(patches) || patches < 1 || patches > Math.min(...size)) {
    throw new RangeError(`An output of ${size.join(' x ')} cannot be cut into ${patches} x ${patches} patches.`);
  }
  for (const [index, operator] of operators.entries()) {
    const before = operators[index - 1];
    if (!before) continue;
    const fits =
      before.outputSize[0] === operator.inputSize[0] &&
      before.outputSize[1] === operator.inputSize[1] &&
      before.outputBytesPerPosition === operator.inputBytesPerPosition;
    if (!fits) throw new RangeError(`${operator.name} does not read what ${before.name} makes.`);
  }
}
