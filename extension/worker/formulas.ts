import type { Footprint } from '../budget/footprint';
import { bitsPerElement } from '../model/data-type';
import { ceilDivide, type Dim, dimToJson, elementCount, multiply } from '../model/dimension';
import type { ValueType } from '../model/model';
import type { ModelShapes } from '../shapes/model-shapes';
import type { Formula, LayerFormulas } from './analysis';

/** A formula of more terms says less than the number beside it. */
const mostTerms = 4;

/**
 * The figures of each layer that depend on unbound dimensions, as formulas; by step, undefined for a layer that has none. Multiply-
 * accumulates are those of the node itself, and left out where it has bodies. Linear in values and steps.
 */
export function layerFormulas(shapes: ModelShapes, footprint: Footprint): readonly (LayerFormulas | undefined)[] {
  const { graph } = shapes;
  if (![...graph.values.values()].some(({ type }) => isSymbolic(type))) return [];
  const bytesOf = valueFormula();
  const sizes = new Map(footprint.lifetimes.map(({ name }) => [name, bytesOf(graph.values.get(name)?.type)]));
  const live = liveFormulas(footprint, sizes);
  return footprint.layers.map(({ index, step, outputs, macs, activationBytes }) => {
    const node = graph.nodes[index];
    const activation = new TermSum();
    for (const name of outputs) if (sizes.has(name)) activation.add(sizes.get(name) ?? null, 1);
    const found: LayerFormulas = {
      ...(macs !== undefined && node?.bodies.length === 0 && part('macs', formulaOf(node.macs))),
      ...(activationBytes !== undefined && part('activationBytes', activation.formula())),
      ...part('liveBytes', live[step]),
    };
    return Object.keys(found).length > 0 ? found : undefined;
  });
}

function part(name: keyof LayerFormulas, formula: Formula | undefined): LayerFormulas {
  return formula ? { [name]: formula } : {};
}

function isSymbolic(type: ValueType | undefined): boolean {
  return type?.kind === 'tensor' && (type.shape?.some((dim) => typeof dim === 'object' && dim !== null) ?? false);
}

/** A function that gives the bytes of a tensor; equal shapes are worked out once. */
function valueFormula(): (type: ValueType | undefined) => Dim {
  const known = new Map<string, Dim>();
  return (type) => {
    if (type?.kind !== 'tensor' || type.dataType === undefined || type.shape === undefined) return null;
    const key = JSON.stringify([type.dataType, ...type.shape.map(dimToJson)]);
    let bytes = known.get(key);
    if (bytes === undefined) {
      const bits = bitsPerElement(type.dataType);
      const elements = elementCount(type.shape);
      bytes = bits % 8 === 0 ? multiply(elements, bits / 8) : ceilDivide(multiply(elements, bits), 8);
      known.set(key, bytes);
    }
    return bytes;
  };
}

/** By step, the sum over the activations that are live. */
function liveFormulas({ lifetimes, layers }: Footprint, sizes: ReadonlyMap<string, Dim>): (Formula | undefined)[] {
  const starting = new Map<number, Dim[]>();
  const ending = new Map<number, Dim[]>();
  const put = (at: Map<number, Dim[]>, step: number, size: Dim) => {
    const list = at.get(step);
    if (list) list.push(size);
    else at.set(step, [size]);
  };
  for (const { name, first, last } of lifetimes) {
    const size = sizes.get(name) ?? null;
    put(starting, first, size);
    put(ending, last + 1, size);
  }
  const sum = new TermSum();
  return layers.map((_, step) => {
    for (const size of ending.get(step) ?? []) sum.add(size, -1);
    for (const size of starting.get(step) ?? []) sum.add(size, 1);
    return sum.formula();
  });
}

function formulaOf(dim: Dim): Formula | undefined {
  const sum = new TermSum();
  sum.add(dim, 1);
  return sum.formula();
}

/** A running sum of formulas from which parts can be taken away again; never too long to hold, unlike a polynomial. */
class TermSum {
  private readonly terms = new Map<string, { readonly factors: readonly string[]; coefficient: number }>();
  private unknown = 0;

  add(dim: Dim, sign: 1 | -1): void {
    if (dim === null) this.unknown += sign;
    else if (typeof dim === 'number') this.addTerm('', [], sign * dim);
    else
      for (const { key, factors, coefficient } of dim.terms)
        this.addTerm(
          key,
          factors.map(({ text }) => text),
          sign * coefficient,
        );
  }

  private addTerm(key: string, factors: readonly string[], coefficient: number): void {
    const term = this.terms.get(key) ?? { factors, coefficient: 0 };
    term.coefficient += coefficient;
    if (term.coefficient === 0) this.terms.delete(key);
    else this.terms.set(key, term);
  }

  /** undefined when a part is not known, when there is no symbol in it, or when it is too long. */
  formula(): Formula | undefined {
    if (this.unknown > 0 || this.terms.size === 0 || this.terms.size > mostTerms) return undefined;
    const terms = [...this.terms.values()].sort((a, b) => b.factors.length - a.factors.length);
    if (terms.every(({ factors }) => factors.length === 0)) return undefined;
    if (terms.some(({ coefficient }) => !Number.isSafeInteger(coefficient))) return undefined;
    return { terms: terms.map(({ factors, coefficient }) => ({ factors, coefficient })) };
  }
}
