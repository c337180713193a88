import type { DataType } from '../../model/data-type';
import type { Node, Tensor } from '../../model/model';
import { executionOrder } from '../../model/order';
import { weightsInBodies } from '../float-weights';
import { GraphChange } from '../graph-change';
import { GraphView } from '../graph-view';
import type { QuantizationOptions } from '../options';
import { type ConvertedTensor, QuantizationRefused, type QuantizationSource } from '../plan';
import { UniqueNames } from '../unique-names';
import { rangeFormat } from '../weights/integer-format';
import type { SchemePlan } from '../weights/plan-weights';
import { QuantizedTensor } from '../weights/quantized-tensor';
import type { WeightFitter } from '../weights/weight-fitter';
import { ActivationScales } from './activation-scales';
import type { ActivationType, Ranges, StaticSchemeId } from './activation-type';
import { LayerTypes } from './layer-types';
import { type BiasMark, Marks } from './marks';
import { isQuantizable, keepsNumbers, markNode } from './operator-rules';
import { type LinearOperators, linearNode, linearOperators, quantizedNames } from './quantize-linear';
import { QuantizedBias, raisedForBias } from './quantized-bias';
import type { Quantized } from './quantized-value';
import { producerOf, renameRemoved } from './removed-nodes';
import { leftInFloat, staticChanges } from './report';

/** From this opset on, QuantizeLinear and DequantizeLinear take one scale per index of an axis. */
export const staticOpset = 13;

export interface StaticPlan extends SchemePlan {
  /** The tensors whose ranges are needed, in the order of their first use. */
  readonly activations: readonly string[];
}

/**
 * Puts QuantizeLinear and DequantizeLinear around the operators that onnxruntime's static quantizer knows, in the main graph, by its rules:
 * activations by their ranges, weights symmetric, biases as int32. Nodes and sizes follow from the graph alone; without `ranges` the
 * plan can be measured but not written (producing a scale throws QuantizationRefused).
 * Throws QuantizationRefused below opset 13, where the model is quantized already, and where nothing can be quantized.
 */
export function planStatic(
  source: QuantizationSource,
  scheme: StaticSchemeId,
  options: QuantizationOptions,
  ranges?: Ranges,
  fitter?: WeightFitter,
): StaticPlan {
  const { model } = source;
  const version = model.opsets.get('ai.onnx') ?? 1;
  if (version < staticOpset) {
    throw new QuantizationRefused(
      `${scheme} needs opset ${staticOpset}, and ${model.source.fileName} has ${version}; upgrade the model first.`,
    );
  }
  const quantizer = new StaticQuantizer(source, scheme, options, ranges, fitter);
  return quantizer.plan();
}

class StaticQuantizer {
  readonly #view: GraphView;
  readonly #change: GraphChange;
  readonly #names: UniqueNames;
  readonly #marks: Marks;
  readonly #types: LayerTypes;
  readonly #scales: ActivationScales;
  readonly #quantized = new Map<string, Quantized>();
  readonly #activations = new Set<string>();
  readonly #converted: ConvertedTensor[] = [];
  /** Biases by the weight whose scale they go by. */
  readonly #biasesOfWeight = new Map<string, BiasMark[]>();
  /** Position of each node in the order of execution. */
  readonly #positions = new Map<number, number>();
  /** Values that graph outputs are made from, by the name of the output. */
  readonly #renamedOutputs = new Map<string, string>();
  #pairs = 0;
  #conversions = 0;
  /** What the operators that were placed need to be imported. */
  #opsets: LinearOperators['opsets'];
  #usesMicrosoft = false;
  #quantizedBiases = 0;

  constructor(
    private readonly source: QuantizationSource,
    private readonly scheme: StaticSchemeId,
    options: QuantizationOptions,
    private readonly ranges: Ranges | undefined,
    private readonly fitter: WeightFitter | undefined,
  ) {
    const { model, shapes } = source;
    this.#view = new GraphView(model);
    this.#change = new GraphChange(this.#view);
    this.#names = new UniqueNames(model);
    this.#types = new LayerTypes(this.#view, scheme, options);
    this.#scales = new ActivationScales(this.#view, ranges);
    const isFloat = (name: string) => {
      const constant = this.#view.constant(name);
      if (constant) return constant.dataType === 'FLOAT' && constant.elementCount > 0;
      // What is stored sparsely or what a caller may replace has no range.
      if (model.graph.constants.has(name)) return false;
      const type = shapes.graph.values.get(name)?.type;
      return type?.kind === 'tensor' && type.dataType === 'FLOAT' && !this.#comesDequantized(name);
    };
    this.#marks = new Marks(this.#view, isFloat, options.granularity === 'per-channel');
  }

  plan(): StaticPlan {
    this.#types.check();
    this.#mark();
    for (const [name] of this.#marks.values) this.#quantizedValue(name);
    for (const [name, quantized] of this.#quantized) this.#place(name, quantized);
    if (this.#types.areMixed) this.#placeConversions();
    for (const bias of this.#marks.biases) this.#placeBias(bias);
    renameRemoved(this.#change, this.#view, this.#marks, this.#renamedOutputs);
    const edits = this.#pairs > 0 || this.#converted.length > 0 ? this.#change.edits() : undefined;
    if (!edits) {
      throw new QuantizationRefused(
        `${this.source.model.source.fileName} has no operators on float32 tensors that ${this.scheme} quantizes.`,
      );
    }
    const changes = staticChanges({
      activation: this.#types.base,
      conversions: this.#conversions,
      pairs: this.#pairs,
      constants: this.#converted.length,
      biases: this.#quantizedBiases,
      removedNodes: this.#marks.removed.size,
      microsoft: this.#usesMicrosoft,
    });
    return {
      edits: { ...edits, ...(this.#opsets && { opsets: this.#opsets }) },
      converted: this.#converted,
      left: [
        ...leftInFloat(this.#view, (name) => this.#quantized.has(name)),
        ...weightsInBodies(this.source.model, this.scheme),
      ],
      passes: [{ pass: this.scheme, changes }],
      activations: [...this.#activations],
    };
  }

  #mark(): void {
    const { model, shapes } = this.source;
    const value = (name: string) => shapes.graph.values.get(name);
    for (const index of executionOrder(model.graph).order) {
      const node = model.graph.nodes[index];
      if (!node) continue;
      this.#positions.set(index, this.#positions.size);
      if (/^(Quantize|DynamicQuantize|QLinear)|Integer$/.test(node.opType)) {
        throw new QuantizationRefused(
          `${model.source.fileName} is quantized already: it has ${node.opType} ${node.name || node.outputs[0]}.`,
        );
      }
      if (this.#types.isFloat(node)) {
        this.#types.visitFloat(node);
        continue;
      }
      const type = this.#types.visit(node);
      const cannotClip = type.symmetric || this.#types.ofValue(node.inputs[0] ?? '') !== type;
      markNode(node, { marks: this.#marks, cannotClip, value });
    }
    for (const bias of this.#marks.biases) {
      const others = this.#biasesOfWeight.get(bias.weight);
      if (others) others.push(bias);
      else this.#biasesOfWeight.set(bias.weight, [bias]);
    }
  }

  #comesDequantized(name: string): boolean {
    return this.#view.producer(name)?.opType === 'DequantizeLinear';
  }

  /** Undefined for a value that stays in float. */
  #quantizedValue(name: string): Quantized | undefined {
    const known = this.#quantized.get(name);
    if (known) return known;
    // Sharing can go through as many values as there are nodes: followed by a loop, from the one that has its own scale.
    const chain = [name];
    for (
      let mark = this.#marks.values.get(name);
      mark?.kind === 'shared';
      mark = this.#marks.values.get(chain.at(-1) ?? '')
    ) {
      if (this.#quantized.has(mark.with) || !this.#marks.has(mark.with)) break;
      chain.push(mark.with);
    }
    for (const each of chain.toReversed()) {
      const quantized = this.#create(each);
      if (quantized) this.#quantized.set(each, quantized);
    }
    return this.#quantized.get(name);
  }

  #create(name: string): Quantized | undefined {
    const mark = this.#marks.values.get(name);
    const constant = this.#view.constant(name);
    if (!mark || (!constant && !this.#canPlace(name))) return undefined;
    const names = quantizedNames(this.#names, name);
    const own = { scale: names.scale, zeroPoint: names.zeroPoint };
    if (constant) {
      const isWeight = mark.kind === 'weight';
      const axis = isWeight ? mark.axis : undefined;
      const type = this.#types.ofConstant(name);
      const tensor = this.#quantizedConstant(name, constant, isWeight, axis, type);
      return { names, parameters: own, constant: tensor, isWeight, type, axis, rangeOf: name };
    }
    const common = { names, constant: undefined, isWeight: false, axis: undefined };
    const provider = mark.kind === 'shared' ? this.#quantized.get(mark.with) : undefined;
    if (provider && provider.axis === undefined && !provider.isWeight) {
      return { ...common, parameters: provider.parameters, type: provider.type, rangeOf: provider.rangeOf };
    }
    const type = this.#types.ofValue(name);
    this.#scales.add(this.#change, names, name, type);
    const rangeOf = this.#scales.rangeName(name);
    if (rangeOf !== undefined) this.#activations.add(rangeOf);
    return { ...common, parameters: own, type, rangeOf: name };
  }

  /** A pair cannot go between a graph input and the output of the same name, nor help a value that nothing takes. */
  #canPlace(name: string): boolean {
    if (this.#view.isOutput(name)) return this.#view.producer(name) !== undefined;
    return this.#view.uses(name).length > 0;
  }

  #quantizedConstant(
    name: string,
    tensor: Tensor,
    isWeight: boolean,
    axis: number | undefined,
    type: ActivationType,
  ): QuantizedTensor {
    const { bytes } = this.source;
    const { dataType } = type;
    const format = isWeight
      ? this.#types.weightFormat(name)
      : rangeFormat(dataType, type, dataType === 'INT16' ? 16 : 8);
    const grouping = axis === undefined ? ({ kind: 'tensor' } as const) : ({ kind: 'axis', axis } as const);
    const biases = isWeight ? (this.#biasesOfWeight.get(name) ?? []) : [];
    const raise = async (scales: Float32Array) => {
      let raised = scales;
      for (const mark of biases) {
        const bias = this.#view.constant(mark.node.inputs[mark.operand] ?? '');
        // Without ranges the error of the weights can still be measured.
        if (!bias || !this.ranges || !this.#quantized.has(mark.input)) continue;
        raised = await raisedForBias(raised, bias, bytes, await this.#scaleOf(mark.input, mark.node));
      }
      return raised;
    };
    const fitter = isWeight && this.fitter ? { by: this.fitter, name } : undefined;
    const quantized = new QuantizedTensor(tensor, bytes, grouping, format, { raise, fitter });
    this.#converted.push({
      name,
      elements: tensor.elementCount,
      bytesBefore: tensor.byteLength,
      bytesAfter: quantized.elements('').byteLength + quantized.groups.count * 4 + quantized.zeroPoints('').byteLength,
      measure: (signal) => quantized.measure(signal),
    });
    return quantized;
  }

  /** The scale of an activation, as `user` takes it, or of a constant with one scale. */
  async #scaleOf(name: string, user: Node): Promise<number> {
    const quantized = this.#quantized.get(name);
    const root = quantized ? this.#quantized.get(quantized.rangeOf) : undefined;
    if (root?.constant) return (await root.constant.parameters()).scales[0] ?? 1;
    const type = this.#types.ofNode(user) ?? quantized?.type ?? this.#types.base;
    return this.#scales.parametersOf(quantized?.rangeOf ?? name, type).scale;
  }

  #place(name: string, quantized: Quantized): void {
    const { names, parameters, constant, axis, type } = quantized;
    const operators = this.#operatorsFor(constant?.format.dataType ?? type.dataType);
    const dequantize = (output: string) =>
      linearNode('DequantizeLinear', operators, {
        name: names.dequantizeNode,
        input: names.quantized,
        ...parameters,
        output,
        axis,
      });
    if (constant) {
      const first = this.#view.firstUser(name, this.#positions);
      if (first === undefined) return;
      this.#change.addInitializer(constant.elements(names.quantized));
      this.#change.addInitializer(constant.scales(names.scale));
      this.#change.addInitializer(constant.zeroPoints(names.zeroPoint));
      this.#change.addBefore(first, dequantize(names.dequantized));
      this.#replaceUses(name, names.dequantized);
      return;
    }
    this.#pairs++;
    const producer = producerOf(name, this.#view, this.#marks);
    const isOutput = this.#view.isOutput(name) && producer !== undefined;
    const input = isOutput ? this.#free(`${name}_float`) : name;
    const quantize = linearNode('QuantizeLinear', operators, {
      name: names.quantizeNode,
      input,
      ...parameters,
      output: names.quantized,
    });
    const pair = [quantize, dequantize(isOutput ? name : names.dequantized)];
    if (producer === undefined) this.#change.addFirst(...pair);
    else this.#change.addAfter(producer, ...pair);
    if (isOutput) this.#renamedOutputs.set(name, input);
    else this.#replaceUses(name, names.dequantized);
  }

  /** Where a node computes with other numbers than the value has that it takes: a second pair in between, one for each type. */
  #placeConversions(): void {
    const made = new Map<string, string>();
    for (const index of this.#positions.keys()) {
      const node = this.#view.graph.nodes[index];
      const type = node && this.#types.ofNode(node);
      if (!type || !isQuantizable(node) || keepsNumbers(node)) continue;
      for (const name of new Set(node.inputs)) {
        const quantized = this.#quantized.get(name);
        if (!quantized || quantized.constant || quantized.type === type) continue;
        const key = `${type.dataType} ${name}`;
        const converted = made.get(key) ?? this.#placeConversion(name, quantized, type, index);
        made.set(key, converted);
        const taken = this.#view.isOutput(name) ? name : quantized.names.dequantized;
        this.#change.renameIn(index, { inputs: (each) => (each === taken ? converted : undefined) });
      }
    }
  }

  /** The name of the value with the numbers of `type`, made before the node at `index`, the first to take it. */
  #placeConversion(name: string, quantized: Quantized, type: ActivationType, index: number): string {
    const names = quantizedNames(this.#names, `${name}_${type.dataType.toLowerCase()}`);
    const { scale, zeroPoint } = names;
    this.#scales.add(this.#change, names, quantized.rangeOf, type);
    const operators = this.#operatorsFor(type.dataType);
    const input = this.#view.isOutput(name) ? name : quantized.names.dequantized;
    this.#change.addBefore(
      index,
      linearNode('QuantizeLinear', operators, {
        name: names.quantizeNode,
        input,
        scale,
        zeroPoint,
        output: names.quantized,
      }),
      linearNode('DequantizeLinear', operators, {
        name: names.dequantizeNode,
        input: names.quantized,
        scale,
        zeroPoint,
        output: names.dequantized,
      }),
    );
    this.#conversions++;
    return names.dequantized;
  }

  #placeBias({ node, operand, input, weight, beta }: BiasMark): void {
    const name = node.inputs[operand] ?? '';
    const tensor = this.#view.constant(name);
    const quantizedWeight = this.#quantized.get(weight)?.constant;
    const quantizedInput = this.#quantized.get(input);
    if (!tensor || !quantizedWeight || !quantizedInput || quantizedInput.axis !== undefined) return;
    const { count } = quantizedWeight.groups;
    const matches = count === 1 || (tensor.elementCount === count && tensor.dims.at(-1) === count);
    if (!matches) return;
    const bias = new QuantizedBias(tensor, this.source.bytes, () => this.#scaleOf(input, node), quantizedWeight, beta);
    const names = quantizedNames(this.#names, name);
    this.#change.addInitializer(bias.elements(names.quantized));
    this.#change.addInitializer(bias.scales(names.scale));
    this.#change.addBefore(
      node.index,
      linearNode('DequantizeLinear', this.#operatorsFor('INT32'), {
        name: names.dequantizeNode,
        input: names.quantized,
        scale: names.scale,
        output: names.dequantized,
        axis: count === 1 ? undefined : tensor.dims.length - 1,
      }),
    );
    const inputs = this.#change.inputsOf(node.index).with(operand, names.dequantized);
    const attributes = beta === 1 ? undefined : new Map([['beta', { kind: 'float', value: 1 } as const]]);
    this.#change.editNode(node.index, { inputs, ...(attributes && { attributes }) });
    this.#quantizedBiases++;
  }

  #replaceUses(name: string, replacement: string): void {
    const replace = (each: string) => (each === name ? replacement : undefined);
    for (const { node, scope } of this.#view.uses(name)) {
      if (node && scope.graph === this.#view.graph) this.#change.renameIn(node.index, { inputs: replace });
    }
  }

  #operatorsFor(dataType: DataType): LinearOperators {
    const operators = linearOperators(this.source.model, dataType);
    this.#opsets ??= operators.opsets;
    this.#usesMicrosoft ||= operators.domain !== undefined;
    return operators;
  }

  #free(base: string): string {
    const name = this.#names.free(base);
    this.#names.take(name);
    return name;
  }
}
