import { readAttributes } from '../ops/attribute-reader';
import type { Draft, DraftOperator } from './draft';
import { operatorsPerStep, type Steps } from './steps';

/** Operators whose first input and output are images with the channels on axis 1. */
const spatial = new Set(
  'Conv ConvTranspose MaxPool AveragePool GlobalAveragePool GlobalMaxPool BatchNormalization InstanceNormalization Resize Upsample DepthToSpace SpaceToDepth LRN'.split(
    ' ',
  ),
);

/** Operators that leave the order of the axes as it is. */
const keepsAxes = new Set(
  'Add Sub Mul Div Max Min Sum Relu Clip Sigmoid Tanh HardSigmoid HardSwish LeakyRelu PRelu Elu Erf Exp Sqrt Abs Neg Concat Split Slice Pad Softplus Cast QuantizeLinear DequantizeLinear Gelu'.split(
    ' ',
  ),
);

const reshapes = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);

/** Which values are images with the channels on axis 1: what spatial operators read and make, and what hangs on that by operators that keep the axes. */
export class Layout {
  private readonly parents = new Map<string, string>();
  private readonly images = new Set<string>();

  private constructor(private readonly draft: Draft) {}

  /** The layout of a draft's values. */
  static *of(draft: Draft): Steps<Layout> {
    const layout = new Layout(draft);
    let seen = 0;
    for (const operator of draft.operators) {
      if (++seen % operatorsPerStep === 0) yield;
      layout.note(operator);
    }
    return layout;
  }

  private note(operator: DraftOperator): void {
    const { draft } = this;
    const [output = ''] = operator.outputs;
    if (spatial.has(operator.type)) {
      this.mark(operator.inputs[0] ?? '');
      this.mark(output);
    } else if (keepsAxes.has(operator.type)) {
      const rank = this.rank(output);
      for (const name of [...draft.computedInputs(operator), ...operator.outputs]) {
        if (name !== '' && this.rank(name) === rank) this.join(name, output);
      }
    }
  }

  isImage(name: string): boolean {
    return this.images.has(this.root(name));
  }

  /** The shape as a runtime has it that keeps channels last. */
  shape(name: string): readonly number[] | undefined {
    const dims = this.draft.facts.shape(name);
    if (!dims || dims.length < 3 || !this.isImage(name)) return dims;
    return [...dims.slice(0, 1), ...dims.slice(2), ...dims.slice(1, 2)];
  }

  private rank(name: string): number {
    return this.draft.facts.shape(name)?.length ?? -1;
  }

  private mark(name: string): void {
    this.images.add(this.root(name));
  }

  private join(a: string, b: string): void {
    const left = this.root(a);
    const right = this.root(b);
    if (left === right) return;
    this.parents.set(left, right);
    if (this.images.has(left)) this.images.add(right);
  }

  private root(name: string): string {
    let root = name;
    for (let parent = this.parents.get(root); parent !== undefined; parent = this.parents.get(root)) root = parent;
    for (let at = name; at !== root; ) {
      const parent = this.parents.get(at) ?? root;
      this.parents.set(at, root);
      at = parent;
    }
    return root;
  }
}

/** Takes out transpositions between channels first and channels last, and reshapes that do the same because an axis has size 1. */
export function* dropLayoutChanges(draft: Draft, layout: Layout): Steps {
  const inputs = new Set(draft.inputs);
  let seen = 0;
  for (const operator of draft.operators) {
    if (++seen % operatorsPerStep === 0) yield;
    const [input = ''] = operator.inputs;
    const [output = ''] = operator.outputs;
    const { toLast, toFirst } = layoutMoves(draft, operator);
    // With one spatial axis both directions are the same permutation, which attention uses too.
    const isPicture = (draft.facts.shape(input)?.length ?? 0) > 3;
    const away = toLast && (layout.isImage(input) || (isPicture && inputs.has(input)));
    const back = toFirst && (layout.isImage(output) || (isPicture && draft.isOutput(output)));
    if (!away && !back) continue;
    draft.bypass(operator);
    draft.notes.add('Images are stored with their channels last; transpositions that only change that are left out.');
  }
}

interface Moves {
  readonly toLast: boolean;
  readonly toFirst: boolean;
}

const noMoves: Moves = { toLast: false, toFirst: false };

/** Whether an operator moves the channels to the last axis or to axis 1. */
function layoutMoves(draft: Draft, operator: DraftOperator): Moves {
  const before = draft.facts.shape(operator.inputs[0] ?? '');
  const after = draft.facts.shape(operator.outputs[0] ?? '');
  if (!before || !after || before.length < 3 || before.length !== after.length) return noMoves;
  const toLast = [0, ...before.slice(2).map((_, axis) => axis + 2), 1];
  const toFirst = [0, before.length - 1, ...before.slice(2).map((_, axis) => axis + 1)];
  if (operator.type === 'Transpose') {
    const permutation = readAttributes(operator.node).ints('perm');
    return permutation ? { toLast: same(permutation, toLast), toFirst: same(permutation, toFirst) } : noMoves;
  }
  if (!reshapes.has(operator.type) || same(before, after)) return noMoves;
  const permuted = (permutation: readonly number[]) => permutation.map((axis) => before[axis] ?? 0);
  const ones = (dims: readonly number[]) => dims.every((size) => size === 1);
  return {
    toLast: same(after, permuted(toLast)) && (before[1] === 1 || ones(before.slice(2))),
    toFirst: same(after, permuted(toFirst)) && (before.at(-1) === 1 || ones(before.slice(1, -1))),
  };
}

/**
 * Takes out reshapes that change nothing, joins chains of them, and lets a global pool drop the axes it leaves at size 1. Where
 * the runtime reshapes without copying (`copyFree`) all others go too.
 */
export function* simplifyReshapes(draft: Draft, layout: Layout | undefined, copyFree: boolean): Steps {
  let seen = 0;
  for (const operator of draft.operators) {
    if (++seen % operatorsPerStep === 0) yield;
    if (!reshapes.has(operator.type)) continue;
    const [input = ''] = operator.inputs;
    const [output = ''] = operator.outputs;
    const before = layout ? layout.shape(input) : draft.facts.shape(input);
    const after = layout ? layout.shape(output) : draft.facts.shape(output);
    const maker = draft.maker(input);
    const alone = draft.soleUser(input) === operator;
    if (maker && alone && isGlobalPool(maker) && after?.length === 2 && isPooled(before)) {
      maker.dropsAxes = true;
      draft.absorb(maker, operator);
    } else if (maker && alone && reshapes.has(maker.type)) {
      draft.absorb(maker, operator);
    } else if (copyFree || (before && after && same(before, after))) {
      draft.bypass(operator);
    }
  }
}

/** True for one element a channel, wherever the channels stand. */
function isPooled(dims: readonly number[] | undefined): boolean {
  return dims !== undefined && dims.slice(1).filter((size) => size !== 1).length <= 1;
}

function isGlobalPool({ type }: DraftOperator): boolean {
  return type === 'GlobalAveragePool' || type === 'GlobalMaxPool' || type === 'ReduceMean';
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
