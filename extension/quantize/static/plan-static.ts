import type { DataType } from '../../model/data-type';
import type { Tensor } from '../../model/model';
import { executionOrder } from '../../model/order';
import { GraphChange } from '../graph-change';
import { GraphView } from '../graph-view';
import type { QuantizationOptions } from '../options';
import { type ConvertedTensor, QuantizationRefused, type QuantizationSource } from '../plan';
import { UniqueNames } from '../unique-names';
import { type IntegerFormat, rangeFormat, symmetricFormat } from '../weights/integer-format';
import { packCodes } from '../weights/pack-codes';
import type { SchemePlan } from '../weights/plan-weights';
import { float32Bytes, QuantizedTensor } from '../weights/quantized-tensor';
import {
  type ActivationType,
  activationParameters,
  activationType,
  type Ranges,
  type StaticSchemeId,
} from './activation-type';
import { type BiasMark, Marks } from './marks';
import { markNode } from './operator-rules';
import {
  type LinearOperators,
  linearNode,
  linearOperators,
  type QuantizedNames,
  quantizedNames,
  scalarData,
} from './quantize-linear';
import { QuantizedBias, raisedForBias } from './quantized-bias';
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
): StaticPlan {
  const { model } = source;
  const version = model.opsets.get('ai.onnx') ?? 1;
  if (version < staticOpset) {
    throw new QuantizationRefused(
      `${scheme} needs opset ${staticOpset}, and ${model.source.fileName} has ${version}; upgrade the model first.`,
    );
  }
  const quantizer = new StaticQuantizer(source, scheme, options, ranges);
  return quantizer.plan();
}

/** What stands for a value after quantization. */
interface Quantized {
  readonly names: QuantizedNames;
  /** Names of the initializers that hold scale and zero point: its own, or those of the value it shares them with. */
  readonly parameters: { readonly scale: string; readonly zeroPoint: string };
  /** undefined: an activation. */
  readonly constant: QuantizedTensor | undefined;
  readonly axis: number | undefined;
  /** The tensor whose range counts. */
  readonly rangeOf: string;
}

class StaticQuantizer {
  readonly #view: GraphView;
  readonly #change: GraphChange;
  readonly #names: UniqueNames;
  readonly #marks: Marks;
  readonly #activation: ActivationType;
  readonly #weightFormat: IntegerFormat;
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
  #quantizedBiases = 0;

  constructor(
    private readonly source: QuantizationSource,
    private readonly scheme: StaticSchemeId,
    private readonly options: QuantizationOptions,
    private readonly ranges: Ranges | undefined,
  ) {
    const { model, shapes } = source;
    this.#view = new GraphView(model);
    this.#change = new GraphChange(this.#view);
    this.#names = new UniqueNames(model);
    this.#activation = activationType(scheme, options.activations);
    this.#weightFormat = scheme === 'int16' ? symmetricFormat('INT16', 32767, 16) : symmetricFormat('INT8', 127, 8);
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
    this.#mark();
    for (const [name] of this.#marks.values) this.#quantizedValue(name);
    for (const [name, quantized] of this.#quantized) this.#place(name, quantized);
    for (const bias of this.#marks.biases) this.#placeBias(bias);
    this.#renameRemoved();
    const edits = this.#pairs > 0 || this.#converted.length > 0 ? this.#change.edits() : undefined;
    if (!edits) {
      throw new QuantizationRefused(
        `${this.source.model.source.fileName} has no operators on float32 tensors that ${this.scheme} quantizes.`,
      );
    }
    const { opsets, domain } = this.#operatorsFor(this.#activation.dataType);
    const changes = staticChanges({
      activation: this.#activation,
      pairs: this.#pairs,
      constants: this.#converted.length,
      biases: this.#quantizedBiases,
      removedNodes: this.#marks.removed.size,
      microsoft: domain !== undefined,
    });
    return {
      edits: { ...edits, ...(opsets && { opsets }) },
      converted: this.#converted,
      left: leftInFloat(this.#view, (name) => this.#quantized.has(name)),
      passes: [{ pass: this.scheme, changes }],
      activations: [...this.#activations],
    };
  }

  #mark(): void {
    const { model, shapes } = this.source;
    const excluded = new Set(this.options.excludedNodes);
    const context = {
      marks: this.#marks,
      symmetricActivations: this.#activation.symmetric,
      value: (name: string) => shapes.graph.values.get(name),
    };
    for (const index of executionOrder(model.graph).order) {
      const node = model.graph.nodes[index];
      if (!node) continue;
      this.#positions.set(index, this.#positions.size);
      if (/^(Quantize|DynamicQuantize|QLinear)|Integer$/.test(node.opType)) {
        throw new QuantizationRefused(
          `${model.source.fileName} is quantized already: it has ${node.opType} ${node.name || node.outputs[0]}.`,
        );
      }
      if (!excluded.has(node.name || (node.outputs[0] ?? ''))) markNode(node, context);
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
      const axis = mark.kind === 'weight' ? mark.axis : undefined;
      const tensor = this.#quantizedConstant(name, constant, mark.kind === 'weight', axis);
      return { names, parameters: own, constant: tensor, axis, rangeOf: name };
    }
    const provider = mark.kind === 'shared' ? this.#quantized.get(mark.with) : undefined;
    const usable = provider && provider.axis === undefined && provider.constant?.format !== this.#weightFormat;
    if (usable) {
      return {
        names,
        parameters: provider.parameters,
        constant: undefined,
        axis: undefined,
        rangeOf: provider.rangeOf,
      };
    }
    this.#change.addInitializer(
      scalarData(names.scale, 'FLOAT', 4, async () => float32Bytes([this.#parametersOf(name).scale])),
    );
    const { dataType } = this.#activation;
    this.#change.addInitializer(
      scalarData(names.zeroPoint, dataType, dataType === 'INT16' ? 2 : 1, async () =>
        packCodes(Int32Array.of(this.#parametersOf(name).zeroPoint), dataType),
      ),
    );
    const rangeOf = this.#rangeName(name);
    if (rangeOf !== undefined) this.#activations.add(rangeOf);
    return { names, parameters: own, constant: undefined, axis: undefined, rangeOf: name };
  }

  /** A pair cannot go between a graph input and the output of the same name, nor help a value that nothing takes. */
  #canPlace(name: string): boolean {
    if (this.#view.isOutput(name)) return this.#view.producer(name) !== undefined;
    return this.#view.uses(name).length > 0;
  }

  #quantizedConstant(name: string, tensor: Tensor, isWeight: boolean, axis: number | undefined): QuantizedTensor {
    const { bytes } = this.source;
    const { dataType } = this.#activation;
    const operandFormat = rangeFormat(dataType, this.#activation, dataType === 'INT16' ? 16 : 8);
    const format = isWeight ? this.#weightFormat : operandFormat;
    const grouping = axis === undefined ? ({ kind: 'tensor' } as const) : ({ kind: 'axis', axis } as const);
    const biases = isWeight ? (this.#biasesOfWeight.get(name) ?? []) : [];
    const quantized = new QuantizedTensor(tensor, bytes, grouping, format, async (scales) => {
      let raised = scales;
      for (const mark of biases) {
        const bias = this.#view.constant(mark.node.inputs[mark.operand] ?? '');
        // Without ranges the error of the weights can still be measured.
        if (!bias || !this.ranges || !this.#quantized.has(mark.input)) continue;
        raised = await raisedForBias(raised, bias, bytes, await this.#scaleOf(mark.input));
      }
      return raised;
    });
    this.#converted.push({
      name,
      elements: tensor.elementCount,
      bytesBefore: tensor.byteLength,
      bytesAfter: quantized.elements('').byteLength + quantized.groups.count * 4 + quantized.zeroPoints('').byteLength,
      measure: (signal) => quantized.measure(signal),
    });
    return quantized;
  }

  /** The scale of an activation or of a constant with one scale. */
  async #scaleOf(name: string): Promise<number> {
    const quantized = this.#quantized.get(name);
    const root = quantized ? this.#quantized.get(quantized.rangeOf) : undefined;
    if (root?.constant) return (await root.constant.parameters()).scales[0] ?? 1;
    return this.#parametersOf(quantized?.rangeOf ?? name).scale;
  }

  #parametersOf(name: string): { readonly scale: number; readonly zeroPoint: number } {
    const rangeName = this.#rangeName(name);
    if (rangeName !== undefined) return activationParameters(rangeName, this.ranges, this.#activation);
    // A softmax goes from 0 to 1 whatever the data.
    return activationParameters(name, new Map([[name, { minimum: 0, maximum: 1 }]]), this.#activation);
  }

  /** A value that only Relu or Clip takes needs no more than what they let through. undefined: 0 to 1. */
  #rangeName(name: string): string | undefined {
    const producer = this.#view.producer(name);
    if (producer?.opType === 'Softmax' && producer.domain === 'ai.onnx') return undefined;
    const user = this.#view.onlyUse(name)?.node;
    const clips = user?.domain === 'ai.onnx' && (user.opType === 'Relu' || user.opType === 'Clip');
    return clips && user.inputs[0] === name ? (user.outputs[0] ?? name) : name;
  }

  #place(name: string, quantized: Quantized): void {
    const { names, parameters, constant, axis } = quantized;
    const operators = this.#operatorsFor(constant?.format.dataType ?? this.#activation.dataType);
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
    const producer = this.#producerOf(name);
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

  /** The node that makes a value once clipping nodes are gone. */
  #producerOf(name: string): number | undefined {
    let node = this.#view.producer(name);
    for (let removed = node && this.#marks.removed.get(node.index); removed !== undefined; ) {
      node = this.#view.producer(removed);
      removed = node && this.#marks.removed.get(node.index);
    }
    return node?.index;
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
    const bias = new QuantizedBias(tensor, this.source.bytes, () => this.#scaleOf(input), quantizedWeight, beta);
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

  /** Lets the nodes before removed ones make their outputs, and the nodes before graph outputs what is quantized for them. */
  #renameRemoved(): void {
    const renames = new Map<string, string>(this.#renamedOutputs);
    const removed = [...this.#marks.removed].toReversed();
    for (const [index, input] of removed) {
      const [output = ''] = this.#view.graph.nodes[index]?.outputs ?? [];
      renames.set(input, renames.get(output) ?? output);
      this.#change.removeNode(index);
    }
    for (const name of renames.keys()) {
      const producer = this.#view.producer(name);
      if (producer) this.#change.renameIn(producer.index, { outputs: (each) => renames.get(each) });
    }
  }

  #operatorsFor(dataType: DataType): LinearOperators {
    return linearOperators(this.source.model, dataType);
  }

  #free(base: string): string {
    const name = this.#names.free(base);
    this.#names.take(name);
    return name;
  }
}
