import { dataTypeCode } from '../../model/data-type';
import type { Node, Tensor } from '../../model/model';
import { executionOrder } from '../../model/order';
import type { NewNode } from '../../onnx/edit';
import { readTensorChunks } from '../../onnx/tensor-data';
import { weightsInBodies, weightsInFloat } from '../float-weights';
import { GraphChange } from '../graph-change';
import { GraphView } from '../graph-view';
import type { QuantizationOptions } from '../options';
import { type ConvertedTensor, QuantizationRefused, type QuantizationSource } from '../plan';
import { linearNode, standardOperators } from '../static/quantize-linear';
import { UniqueNames } from '../unique-names';
import type { Grouping } from '../weights/grouping';
import { symmetricFormat } from '../weights/integer-format';
import type { LeftWeight, SchemePlan } from '../weights/plan-weights';
import { QuantizedTensor } from '../weights/quantized-tensor';
import type { SummedRows } from '../weights/sum-rounding';
import type { WeightFitter } from '../weights/weight-fitter';
import { dynamicLstm, type LstmWeights, lstmWeights } from './dynamic-lstm';
import { transposedCodes } from './transposed-codes';

/** The opset that brought DynamicQuantizeLinear. */
export const dynamicOpset = 11;
const microsoft = 'com.microsoft';

/** How a node computes with whole numbers. */
interface DynamicUse {
  readonly node: Node;
  readonly weightName: string;
  readonly weight: Tensor;
  readonly kind: 'Conv' | 'MatMul' | 'Gemm' | 'Gather';
  /** The axis of the output channels; undefined: one scale. */
  readonly axis: number | undefined;
  /** Gemm's weight is [channels, inputs], and MatMulInteger wants [inputs, channels]. */
  readonly transposed: boolean;
}

/** A weight as int8, and the initializers that hold it. */
interface DynamicWeight {
  readonly quantized: string;
  readonly scale: string;
}

/**
 * Lets Conv, MatMul and Gemm of the main graph compute with int8 weights and activations that are quantized while it runs (ConvInteger and
 * MatMulInteger behind DynamicQuantizeLinear), LSTM too (DynamicQuantizeLSTM of com.microsoft), and Gather pick from int8 tables, as onnxruntime's
 * dynamic quantizer does. Scales are one per output channel (of a table: per row) or one for all. What has no such form stays in float, and so do the bodies
 * of control flow and functions. Nodes and sizes follow from the graph alone.
 * Throws QuantizationRefused below opset 11.
 */
export function planDynamic(
  source: QuantizationSource,
  options: QuantizationOptions,
  fitter?: WeightFitter,
): SchemePlan {
  const { model } = source;
  const version = model.opsets.get('ai.onnx') ?? 1;
  if (version < dynamicOpset) {
    throw new QuantizationRefused(
      `int8-dynamic needs opset ${dynamicOpset}, and ${model.source.fileName} has ${version}; upgrade the model first.`,
    );
  }
  return new DynamicQuantizer(source, options, fitter).plan();
}

class DynamicQuantizer {
  readonly #view: GraphView;
  readonly #change: GraphChange;
  readonly #names: UniqueNames;
  readonly #inputs = new Map<
    string,
    { readonly quantized: string; readonly scale: string; readonly zeroPoint: string }
  >();
  readonly #weights = new Map<string, DynamicWeight>();
  readonly #converted: ConvertedTensor[] = [];

  constructor(
    private readonly source: QuantizationSource,
    private readonly options: QuantizationOptions,
    private readonly fitter: WeightFitter | undefined,
  ) {
    this.#view = new GraphView(source.model);
    this.#change = new GraphChange(this.#view);
    this.#names = new UniqueNames(source.model);
  }

  plan(): SchemePlan {
    const { model } = this.source;
    const excluded = new Set(this.options.excludedNodes);
    const uses: DynamicUse[] = [];
    const lstms: LstmWeights[] = [];
    for (const index of executionOrder(model.graph).order) {
      const node = model.graph.nodes[index];
      if (!node || excluded.has(node.name || (node.outputs[0] ?? ''))) continue;
      const use = this.#useOf(node);
      if (use) uses.push(use);
      const lstm = lstmWeights(node, this.#view);
      if (lstm) lstms.push(lstm);
    }
    /** Uses of each weight, by the form they take it in. */
    const forms = new Map<string, { readonly keys: Set<string>; count: number }>();
    for (const use of uses) {
      const known = forms.get(use.weightName) ?? { keys: new Set(), count: 0 };
      known.keys.add(formKey(use));
      known.count++;
      forms.set(use.weightName, known);
    }
    const left = new Map<string, LeftWeight>();
    const done = new Map<string, number>();
    for (const use of uses) {
      const { weightName: name } = use;
      const form = forms.get(name);
      if (form?.keys.size !== 1 || form.count !== this.#view.uses(name).length) {
        left.set(name, { name, reason: 'It is also used in another way.' });
        continue;
      }
      this.#replace(use);
      done.set(use.kind, (done.get(use.kind) ?? 0) + 1);
    }
    for (const lstm of lstms) this.#replaceLstm(lstm);
    if (lstms.length > 0) done.set('LSTM', lstms.length);
    const changes = Array.from(done, ([kind, count]) => `${count} ${kind} nodes compute with int8 weights.`);
    const needsImport = lstms.length > 0 && !model.opsets.has(microsoft);
    const converted = new Set([...this.#converted.map(({ name }) => name), ...left.keys()]);
    return {
      edits: { ...this.#change.edits(), ...(needsImport && { opsets: new Map([[microsoft, 1]]) }) },
      converted: this.#converted,
      left: [
        ...left.values(),
        ...weightsInFloat(model, 'int8-dynamic', { converted, excluded }),
        ...weightsInBodies(model, 'int8-dynamic'),
      ],
      passes: changes.length > 0 ? [{ pass: 'int8-dynamic', changes }] : [],
    };
  }

  #useOf(node: Node): DynamicUse | undefined {
    if (node.domain !== 'ai.onnx') return undefined;
    const { opType } = node;
    const position = opType === 'Gather' ? 0 : 1;
    const weightName = node.inputs[position] ?? '';
    const weight = this.#view.constant(weightName);
    if (weight?.dataType !== 'FLOAT' || weight.elementCount < 2) return undefined;
    const perChannel = this.options.granularity === 'per-channel';
    const rank = weight.dims.length;
    const common = { node, weightName, weight, transposed: false };
    switch (opType) {
      case 'Gather':
        if (whole(node, 'axis', 0) !== 0) return undefined;
        // A scale for each row, where a row is more than one number.
        return { ...common, kind: 'Gather', axis: perChannel && rank > 1 ? 0 : undefined };
      case 'Conv':
        if ((node.inputs[2] ?? '') !== '' && this.#view.constant(node.inputs[2] ?? '')?.dataType !== 'FLOAT')
          return undefined;
        return this.#isData(node.inputs[0]) ? { ...common, kind: 'Conv', axis: perChannel ? 0 : undefined } : undefined;
      case 'MatMul':
        if (rank < 2 || !this.#isData(node.inputs[0])) return undefined;
        return { ...common, kind: 'MatMul', axis: perChannel && rank === 2 ? 1 : undefined };
      case 'Gemm': {
        const isPlain = whole(node, 'transA', 0) === 0 && isOne(node, 'alpha') && isOne(node, 'beta');
        if (!isPlain || !this.#isData(node.inputs[0])) return undefined;
        const transposed = whole(node, 'transB', 0) !== 0;
        return { ...common, kind: 'Gemm', transposed, axis: perChannel ? (transposed ? 0 : 1) : undefined };
      }
      default:
        return undefined;
    }
  }

  #isData(name = ''): boolean {
    const value = this.source.shapes.graph.values.get(name);
    return value?.type?.kind === 'tensor' && value.type.dataType === 'FLOAT' && !this.#view.constant(name);
  }

  #replace(use: DynamicUse): void {
    const { node } = use;
    const weight = this.#weight(use);
    const [output = ''] = node.outputs;
    if (use.kind === 'Gather') {
      this.#replaceGather(use, weight);
      return;
    }
    const input = this.#input(node.inputs[0] ?? '', node.index);
    const sum = this.#free(`${output}_int32`);
    this.#change.editNode(node.index, {
      opType: use.kind === 'Conv' ? 'ConvInteger' : 'MatMulInteger',
      inputs: [input.quantized, weight.quantized, input.zeroPoint],
      outputs: [sum],
      ...(use.kind === 'Gemm' && { attributes: new Map(Array.from(node.attributes.keys(), (name) => [name, null])) }),
    });
    const bias = node.inputs[2] ?? '';
    const float = this.#free(`${output}_float`);
    const scale = this.#free(`${output}_scale`);
    const scaled = bias === '' ? output : this.#free(`${output}_scaled`);
    const after: NewNode[] = [
      this.#castToFloat(sum, float),
      this.#binary('Mul', [input.scale, weight.scale], scale),
      this.#binary('Mul', [float, scale], scaled),
    ];
    if (bias !== '') after.push(this.#binary('Add', [scaled, this.#bias(use, bias)], output));
    this.#change.addAfter(node.index, ...after);
  }

  /** The rows are picked as int8, and their scales like them. */
  #replaceGather({ node, axis }: DynamicUse, weight: DynamicWeight): void {
    const [output = ''] = node.outputs;
    const picked = this.#free(`${output}_quantized`);
    this.#change.editNode(node.index, { inputs: node.inputs.with(0, weight.quantized), outputs: [picked] });
    if (axis === undefined) {
      const name = this.#free(`${output}_DequantizeLinear`);
      const parts = { name, input: picked, scale: weight.scale, output };
      this.#change.addAfter(node.index, linearNode('DequantizeLinear', standardOperators, parts));
      return;
    }
    const scale = this.#free(`${output}_scale`);
    const float = this.#free(`${output}_float`);
    this.#change.addAfter(
      node.index,
      {
        opType: 'Gather',
        name: this.#free(`${scale}_Gather`),
        inputs: node.inputs.with(0, weight.scale),
        outputs: [scale],
      },
      this.#castToFloat(picked, float),
      this.#binary('Mul', [float, scale], output),
    );
  }

  #replaceLstm(lstm: LstmWeights): void {
    const { edit, initializers, converted } = dynamicLstm(lstm, this.source, {
      perChannel: this.options.granularity === 'per-channel',
      fitter: this.fitter,
      free: (name) => this.#free(name),
    });
    this.#change.editNode(lstm.node.index, edit);
    for (const tensor of initializers) this.#change.addInitializer(tensor);
    this.#converted.push(...converted);
  }

  #castToFloat(input: string, output: string): NewNode {
    const to = { kind: 'int', value: BigInt(dataTypeCode('FLOAT')) } as const;
    const name = this.#free(`${output}_Cast`);
    return { opType: 'Cast', name, inputs: [input], outputs: [output], attributes: new Map([['to', to]]) };
  }

  #binary(opType: string, inputs: readonly string[], output: string): NewNode {
    return { opType, name: this.#free(`${output}_${opType}`), inputs, outputs: [output] };
  }

  /** A bias of a Conv has a dimension for the channels only, and has to be added along axis 1. */
  #bias({ kind, weight }: DynamicUse, name: string): string {
    const constant = this.#view.constant(name);
    if (kind !== 'Conv' || !constant) return name;
    const { bytes } = this.source;
    const aligned = this.#free(`${name}_aligned`);
    this.#change.addInitializer({
      name: aligned,
      dataType: 'FLOAT',
      dims: [constant.elementCount, ...weight.dims.slice(2).map(() => 1)],
      byteLength: constant.byteLength,
      produce: () => readTensorChunks(constant, bytes),
    });
    return aligned;
  }

  /** One DynamicQuantizeLinear for each value, before the first node that takes it. */
  #input(
    name: string,
    firstUser: number,
  ): { readonly quantized: string; readonly scale: string; readonly zeroPoint: string } {
    const known = this.#inputs.get(name);
    if (known) return known;
    const input = {
      quantized: this.#free(`${name}_quantized`),
      scale: this.#free(`${name}_scale`),
      zeroPoint: this.#free(`${name}_zero_point`),
    };
    this.#change.addBefore(firstUser, {
      opType: 'DynamicQuantizeLinear',
      name: this.#free(`${name}_DynamicQuantizeLinear`),
      inputs: [name],
      outputs: [input.quantized, input.scale, input.zeroPoint],
    });
    this.#inputs.set(name, input);
    return input;
  }

  #weight(use: DynamicUse): DynamicWeight {
    const { weightName: name, weight, axis, kind, transposed } = use;
    const known = this.#weights.get(name);
    if (known) return known;
    const grouping: Grouping = axis === undefined ? { kind: 'tensor' } : { kind: 'axis', axis };
    const content = new QuantizedTensor(weight, this.source.bytes, grouping, symmetricFormat('INT8', 127, 8), {
      fitter: this.fitter && { by: this.fitter, name },
      rows: summedRows(use),
    });
    const names = { quantized: this.#free(`${name}_quantized`), scale: this.#free(`${name}_scale`) };
    const codes = content.elements(names.quantized);
    const scales = content.scales(names.scale);
    this.#change.addInitializer(transposed ? transposedCodes(codes) : codes);
    // The sums of a Conv have their channels along axis 1, followed by the axes of its window; the scale of a row goes with all of it.
    const following = kind === 'Conv' ? weight.dims.slice(2) : kind === 'Gather' ? weight.dims.slice(1) : [];
    this.#change.addInitializer(
      axis === undefined ? scales : { ...scales, dims: [...scales.dims, ...following.map(() => 1)] },
    );
    this.#converted.push({
      name,
      elements: weight.elementCount,
      bytesBefore: weight.byteLength,
      bytesAfter: codes.byteLength + scales.byteLength,
      measure: (signal) => content.measure(signal),
    });
    this.#weights.set(name, names);
    return names;
  }

  #free(base: string): string {
    const name = this.#names.free(base);
    this.#names.take(name);
    return name;
  }
}

/** The rows that a node sums over, where they stand together in the weight: dynamic scales leave no other way to keep those sums without data. */
function summedRows({ kind, weight, transposed }: DynamicUse): SummedRows | undefined {
  const [rows = 0, ...others] = weight.dims;
  const isByRow = kind === 'Conv' || (kind === 'Gemm' && transposed);
  if (!isByRow || rows === 0) return undefined;
  const window = kind === 'Conv' ? others.slice(1).reduce((product, dim) => product * dim, 1) : 1;
  return { length: weight.elementCount / rows, window };
}

/** Uses with equal keys can take one initializer. */
function formKey({ kind, axis, transposed }: DynamicUse): string {
  return `${kind === 'Gemm' ? 'MatMul' : kind};${axis};${transposed}`;
}

function whole(node: Node, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'int' ? Number(attribute.value) : otherwise;
}

function isOne(node: Node, name: string): boolean {
  const attribute = node.attributes.get(name);
  return attribute?.kind !== 'float' || attribute.value === 1;
}
