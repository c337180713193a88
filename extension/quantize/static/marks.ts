import type { Node } from '../../model/model';
import type { GraphView } from '../graph-view';

/** How a value is to be quantized. */
export type Mark =
  /** With a range of its own; a constant by the range of its elements. */
  | { readonly kind: 'activation' }
  /** With the scale of another value, which the node that computes it leaves unchanged. */
  | { readonly kind: 'shared'; readonly with: string }
  /** A constant as a weight. `axis` undefined: one scale for all. */
  | { readonly kind: 'weight'; readonly axis: number | undefined };

/** A bias, whose scale is that of the input times that of the weight. */
export interface BiasMark {
  readonly node: Node;
  readonly operand: number;
  readonly input: string;
  readonly weight: string;
  /** Gemm's factor for its bias; the quantized bias contains it. */
  readonly beta: number;
}

/** What the operators of a graph ask to be quantized, in the order they ask. */
export class Marks {
  readonly values = new Map<string, Mark>();
  readonly biases: BiasMark[] = [];
  /** Removed Relu and Clip nodes, with the value each took. */
  readonly removed = new Map<number, string>();

  constructor(
    readonly view: GraphView,
    private readonly isFloat: (name: string) => boolean,
    readonly perChannel: boolean,
  ) {}

  has(name: string): boolean {
    return this.values.has(name);
  }

  activation(name: string | undefined): void {
    if (name && !this.values.has(name) && this.isFloat(name)) this.values.set(name, { kind: 'activation' });
  }

  shared(name: string | undefined, other: string): void {
    if (name && this.isFloat(name)) this.values.set(name, { kind: 'shared', with: other });
  }

  /** A weight operand: quantized as a weight where it is constant, else as an activation. */
  weight(name: string | undefined, axis: number): void {
    if (!name || !this.isFloat(name)) return;
    const tensor = this.view.constant(name);
    if (!tensor) {
      this.activation(name);
      return;
    }
    const wanted = this.perChannel && axis >= 0 && axis < tensor.dims.length ? axis : undefined;
    const known = this.values.get(name);
    const same = known?.kind !== 'weight' || known.axis === wanted;
    this.values.set(name, { kind: 'weight', axis: same ? wanted : undefined });
  }

  bias(node: Node, operand: number, beta = 1): void {
    const [input = '', weight = ''] = node.inputs;
    const tensor = this.view.constant(node.inputs[operand] ?? '');
    if (tensor?.dataType === 'FLOAT') this.biases.push({ node, operand, input, weight, beta });
  }
}
