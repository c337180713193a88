import type { Node } from '../../model/model';
import type { GraphView } from '../graph-view';
import { type LayerScheme, layerChoices, layerName } from '../layer-schemes';
import type { QuantizationOptions } from '../options';
import { QuantizationRefused } from '../plan';
import { type IntegerFormat, symmetricFormat } from '../weights/integer-format';
import { type ActivationType, activationType, type StaticSchemeId } from './activation-type';
import { isQuantizable, keepsNumbers } from './operator-rules';

/** What one layer of a static plan computes with. */
interface LayerType {
  readonly activation: ActivationType;
  readonly weights: IntegerFormat;
}

const eightBitWeights = symmetricFormat('INT8', 127, 8);
const sixteenBitWeights = symmetricFormat('INT16', 32767, 16);
const fourBitWeights = symmetricFormat('INT4', 7, 4);

/**
 * Which whole numbers the nodes of a static plan compute with, where layers may differ. A node without a scheme of its own that has weights takes that of the
 * plan; one without weights that of its inputs, where they agree. A value has the type of the node that makes it; one that no quantized node makes (a graph
 * input, the result of a layer in float32) that of the nodes which take it, where they agree.
 */
export class LayerTypes {
  /** Of the plan, where a layer does not say otherwise. */
  readonly base: ActivationType;
  readonly #baseWeights: IntegerFormat;
  readonly #wanted: ReadonlyMap<string, LayerScheme>;
  readonly #excluded: ReadonlySet<string>;
  readonly #types = new Map<LayerScheme, LayerType>();
  /** By node index. */
  readonly #activations = new Map<number, ActivationType>();
  /** By name; `format` undefined: a layer in float32 takes it. */
  readonly #weights = new Map<string, { readonly format: IntegerFormat | undefined; readonly node: Node }>();

  constructor(
    private readonly view: GraphView,
    private readonly scheme: StaticSchemeId,
    private readonly options: QuantizationOptions,
  ) {
    this.base = activationType(scheme, options.activations);
    this.#baseWeights = scheme === 'int16' ? sixteenBitWeights : eightBitWeights;
    this.#wanted = new Map(Object.entries(options.layers));
    this.#excluded = new Set(options.excludedNodes);
  }

  /**
   * Throws QuantizationRefused, in one sentence, for a layer that is not there, and for a scheme that it cannot have.
   */
  check(): void {
    if (this.#wanted.size === 0) return;
    const { graph, model } = this.view;
    const nodes = new Map(graph.nodes.map((node) => [layerName(node), node]));
    const choices = layerChoices(this.scheme);
    for (const [name, scheme] of this.#wanted) {
      const node = nodes.get(name);
      if (!node) throw new QuantizationRefused(`${model.source.fileName} has no layer ${name} once it is prepared.`);
      if (!choices.includes(scheme)) {
        throw new QuantizationRefused(
          `The layer ${name} cannot be ${scheme} in a plan of ${this.scheme}; it can be ${choices.join(', ')}.`,
        );
      }
      if (scheme === 'float32' || scheme === this.scheme) continue;
      if (!isQuantizable(node) || keepsNumbers(node)) {
        throw new QuantizationRefused(
          `The layer ${name} (${node.opType}) cannot be ${scheme}: it computes with the numbers that it is given, or in float.`,
        );
      }
      if (scheme === 'int4-weights' && !this.#hasWeights(node)) {
        throw new QuantizationRefused(`The layer ${name} (${node.opType}) cannot be ${scheme}: it has no weights.`);
      }
    }
  }

  /** True for a node that stays in float. */
  isFloat(node: Node): boolean {
    const name = layerName(node);
    return this.#excluded.has(name) || this.#wanted.get(name) === 'float32';
  }

  /** Notes a node that stays in float. Throws QuantizationRefused where a layer in float32 shares a weight with one that is not. */
  visitFloat(node: Node): void {
    if (this.#wanted.get(layerName(node)) === 'float32') this.#claimWeights(node, undefined);
  }

  /** Decides the type of a node; those that make its inputs come before it. Throws QuantizationRefused for a weight that layers share and want differently. */
  visit(node: Node): ActivationType {
    const own = this.#wanted.get(layerName(node));
    const hasWeights = this.#hasWeights(node);
    const type = own !== undefined || hasWeights ? this.#typeOf(own).activation : this.#inherited(node);
    this.#activations.set(node.index, type);
    if (hasWeights) this.#claimWeights(node, this.#typeOf(own).weights);
    return type;
  }

  /** The type that a node computes with; undefined where it stays in float. */
  ofNode(node: Node): ActivationType | undefined {
    return this.#activations.get(node.index);
  }

  /** The type of a value that is not constant. */
  ofValue(name: string): ActivationType {
    const producer = this.view.producer(name);
    const made = producer && this.#activations.get(producer.index);
    return made ?? this.#wantedBy(name);
  }

  /** The type of a constant that stands beside activations: that of the node which takes it. */
  ofConstant(name: string): ActivationType {
    const [use] = this.view.uses(name);
    return (use?.node && this.ofNode(use.node)) ?? this.base;
  }

  /** The form of a constant that nodes take as their weight. */
  weightFormat(name: string): IntegerFormat {
    return this.#weights.get(name)?.format ?? this.#baseWeights;
  }

  /** True where some layer has other activations than the plan. */
  get areMixed(): boolean {
    for (const scheme of this.#wanted.values()) {
      if (scheme !== 'float32' && this.#typeOf(scheme).activation !== this.base) return true;
    }
    return false;
  }

  #typeOf(scheme: LayerScheme | undefined): LayerType {
    if (scheme === undefined || scheme === this.scheme) return { activation: this.base, weights: this.#baseWeights };
    const known = this.#types.get(scheme);
    if (known) return known;
    const type = this.#makeType(scheme);
    this.#types.set(scheme, type);
    return type;
  }

  #makeType(scheme: LayerScheme): LayerType {
    switch (scheme) {
      case 'int4-weights':
        return { activation: this.base, weights: fourBitWeights };
      case 'int8':
      case 'uint8':
      case 'int16x8':
        return { activation: activationType(scheme, this.options.activations), weights: eightBitWeights };
      default:
        return { activation: this.base, weights: this.#baseWeights };
    }
  }

  #hasWeights(node: Node): boolean {
    return weightOperands(node).some((operand) => this.view.constant(node.inputs[operand] ?? '') !== undefined);
  }

  #claimWeights(node: Node, format: IntegerFormat | undefined): void {
    for (const operand of weightOperands(node)) {
      const name = node.inputs[operand] ?? '';
      if (!this.view.constant(name)) continue;
      const known = this.#weights.get(name);
      if (known && known.format?.dataType !== format?.dataType) {
        throw new QuantizationRefused(
          `${layerName(known.node)} and ${layerName(node)} share the weight ${name}; give both the same scheme.`,
        );
      }
      if (!known) this.#weights.set(name, { format, node });
    }
  }

  #inherited(node: Node): ActivationType {
    let type: ActivationType | undefined;
    for (const name of node.inputs) {
      if (name === '' || this.view.constant(name)) continue;
      const given = this.ofValue(name);
      if (type !== undefined && type !== given) return this.base;
      type = given;
    }
    return type ?? this.base;
  }

  #wantedBy(name: string): ActivationType {
    if (this.#wanted.size === 0) return this.base;
    let type: ActivationType | undefined;
    for (const { node } of this.view.uses(name)) {
      if (!node || !isQuantizable(node) || keepsNumbers(node) || this.isFloat(node)) continue;
      const wanted = this.#typeOf(this.#wanted.get(layerName(node))).activation;
      if (type !== undefined && type !== wanted) return this.base;
      type = wanted;
    }
    return type ?? this.base;
  }
}

/** What a node with constant operands can be in a static plan. */
export function staticChoices(node: Node, scheme: StaticSchemeId): readonly LayerScheme[] {
  const choices = layerChoices(scheme);
  if (!isQuantizable(node) || keepsNumbers(node)) {
    return choices.filter((choice) => choice === 'float32' || choice === scheme);
  }
  return weightOperands(node).length > 0 ? choices : choices.filter((choice) => choice !== 'int4-weights');
}

/** Positions of the operands that are quantized as weights where they are constant. */
function weightOperands({ opType, domain }: Node): readonly number[] {
  if (domain !== 'ai.onnx') return [];
  switch (opType) {
    case 'Conv':
    case 'ConvTranspose':
    case 'Gemm':
    case 'InstanceNormalization':
    case 'LayerNormalization':
    case 'BatchNormalization':
      return [1];
    case 'MatMul':
      return [0, 1];
    default:
      return [];
  }
}
