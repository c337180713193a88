import type { Node } from '../../model/model';
import { executionOrder } from '../../model/order';
import { GraphView } from '../graph-view';
import { QuantizationRefused, type QuantizationSource } from '../plan';
import type { FoldedStatistics } from '../preparation/fold-affine';
import { readValues } from '../tensor-values';
import { added, applied, joined, type Moments, normal, pooled, uniform } from './moments';
import type { Interval } from './range-methods';

/**
 * Ranges of activations without data. A layer whose batch normalization was folded gives each channel the mean beta and the deviation |gamma| (six of which
 * make its range); what follows is worked out from that, with inputs of layers and sums taken to be independent, and graph inputs spread evenly over
 * `inputRange`. All of it is an estimate. Throws QuantizationRefused (a sentence that names the tensor) where the model has no batch normalization, and
 * where a range does not follow.
 */
export async function batchNormRanges(
  source: QuantizationSource,
  statistics: ReadonlyMap<string, FoldedStatistics>,
  tensors: readonly string[],
  inputRange: Interval,
): Promise<ReadonlyMap<string, Interval>> {
  const { model } = source;
  if (statistics.size === 0) {
    throw new QuantizationRefused(
      `${model.source.fileName} has no batch normalization that ranges could be worked out from; calibrate it with data.`,
    );
  }
  const view = new GraphView(model);
  const known = new Map<string, Moments>();
  for (const { name } of model.graph.inputs) known.set(name, uniform(inputRange));
  for (const index of executionOrder(model.graph).order) {
    const node = model.graph.nodes[index];
    const [output = ''] = node?.outputs ?? [];
    const folded = statistics.get(output);
    const moments = folded ? await normalised(folded) : node && (await follows(node, known, { source, view }));
    if (moments) known.set(output, moments);
  }
  return new Map(
    tensors.map((name) => {
      const moments = known.get(name);
      if (moments) return [name, { minimum: moments.minimum, maximum: moments.maximum }];
      const node = view.producer(name);
      const made = node ? `${node.opType} ${node.name || name} makes it` : 'no node makes it';
      throw new QuantizationRefused(
        `The range of ${name} does not follow from batch normalization (${made}); calibrate the model with data.`,
      );
    }),
  );
}

async function normalised({ gamma, beta, bytes }: FoldedStatistics): Promise<Moments> {
  const deviations = await readValues(gamma, bytes);
  return normal(
    await readValues(beta, bytes),
    deviations.map((deviation) => deviation ** 2),
  );
}

interface Surroundings {
  readonly source: QuantizationSource;
  readonly view: GraphView;
}

async function follows(
  node: Node,
  known: ReadonlyMap<string, Moments>,
  around: Surroundings,
): Promise<Moments | undefined> {
  const [first = '', second = ''] = node.inputs;
  const input = known.get(first);
  if (node.domain !== 'ai.onnx' || !input) return undefined;
  switch (node.opType) {
    case 'Add':
    case 'Sub': {
      const other = known.get(second);
      return other && added(input, other, node.opType === 'Add' ? 1 : -1);
    }
    case 'Concat': {
      const parts = node.inputs.map((name) => known.get(name)).filter((part) => part !== undefined);
      if (parts.length !== node.inputs.length) return undefined;
      const axis = node.attributes.get('axis');
      const isByChannel = axis?.kind === 'int' && axis.value === 1n && parts.every(({ mean }) => mean.length > 1);
      return isByChannel ? joined(parts) : pooled(joined(parts));
    }
    case 'Conv':
    case 'Gemm':
    case 'MatMul':
      return weighted(node, input, around);
    case 'Softmax':
      return uniform({ minimum: 0, maximum: 1 });
    case 'MaxPool':
    case 'GlobalMaxPool':
    case 'AveragePool':
    case 'GlobalAveragePool':
    case 'Identity':
    case 'Dropout':
      return input;
    case 'Flatten':
    case 'Reshape':
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Transpose':
      return sameChannels(node, around) ? input : pooled(input);
    default: {
      const of = await elementwise(node, around);
      return of && applied(of, input);
    }
  }
}

/** True where the values of a channel stay together on axis 1, as they do where nothing but axes of 1 comes or goes behind it. */
function sameChannels(node: Node, { source }: Surroundings): boolean {
  const [before, after] = [node.inputs[0] ?? '', node.outputs[0] ?? ''].map((name) => {
    const type = source.shapes.graph.values.get(name)?.type;
    return type?.kind === 'tensor' ? type.shape : undefined;
  });
  const channels = before?.[1];
  const isSmall = before?.slice(2).every((dim) => dim === 1) || after?.length === before?.length;
  return node.opType !== 'Transpose' && isSmall === true && typeof channels === 'number' && after?.[1] === channels;
}

async function elementwise(node: Node, { source, view }: Surroundings): Promise<((x: number) => number) | undefined> {
  const float = (name: string, otherwise: number) => {
    const attribute = node.attributes.get(name);
    return attribute?.kind === 'float' ? attribute.value : otherwise;
  };
  switch (node.opType) {
    case 'Relu':
      return (x) => Math.max(x, 0);
    case 'LeakyRelu': {
      const slope = float('alpha', 0.01);
      return (x) => (x < 0 ? slope * x : x);
    }
    case 'Clip': {
      const bound = async (operand: number, attribute: string, otherwise: number) => {
        const name = node.inputs[operand] ?? '';
        if (name === '') return float(attribute, otherwise);
        const tensor = view.constant(name);
        return tensor && (await readValues(tensor, source.bytes))[0];
      };
      const low = await bound(1, 'min', Number.NEGATIVE_INFINITY);
      const high = await bound(2, 'max', Number.POSITIVE_INFINITY);
      return low === undefined || high === undefined ? undefined : (x) => Math.min(Math.max(x, low), high);
    }
    case 'Sigmoid':
      return (x) => 1 / (1 + Math.exp(-x));
    case 'Tanh':
      return Math.tanh;
    case 'HardSigmoid': {
      const [slope, middle] = [float('alpha', 0.2), float('beta', 0.5)];
      return (x) => Math.min(Math.max(slope * x + middle, 0), 1);
    }
    case 'HardSwish':
      return (x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1);
    default:
      return undefined;
  }
}

/** Sums of independent inputs: means go with the weights, variances with their squares. */
async function weighted(node: Node, input: Moments, { source, view }: Surroundings): Promise<Moments | undefined> {
  const weight = view.constant(node.inputs[1] ?? '');
  const bias = view.constant(node.inputs[2] ?? '');
  const hasBias = (node.inputs[2] ?? '') !== '';
  const whole = (name: string, otherwise: number) => {
    const attribute = node.attributes.get(name);
    return attribute?.kind === 'int' ? Number(attribute.value) : otherwise;
  };
  const isOne = (name: string) => {
    const attribute = node.attributes.get(name);
    return attribute?.kind !== 'float' || attribute.value === 1;
  };
  const isPlain = whole('transA', 0) === 0 && isOne('alpha') && isOne('beta');
  if (weight?.dataType !== 'FLOAT' || (hasBias && bias?.dataType !== 'FLOAT') || !isPlain) return undefined;
  const byRow = node.opType === 'Conv' || whole('transB', 0) !== 0;
  if (node.opType !== 'Conv' && weight.dims.length !== 2) return undefined;
  const outputs = weight.dims[byRow ? 0 : 1] ?? 1;
  const window = weight.dims.slice(2).reduce((product, dim) => product * dim, 1);
  const inputs = weight.elementCount / outputs / window;
  const groups = whole('group', 1);
  const channels = input.mean.length;
  if (outputs === 0 || (channels !== 1 && channels !== inputs * groups)) return undefined;
  const values = await readValues(weight, source.bytes);
  const biases = bias ? await readValues(bias, source.bytes) : undefined;
  const mean = new Float64Array(outputs);
  const variance = new Float64Array(outputs);
  for (let output = 0; output < outputs; output++) {
    const firstChannel = Math.floor(output / (outputs / groups)) * inputs;
    mean[output] = biases?.[biases.length === 1 ? 0 : output] ?? 0;
    for (let index = 0; index < inputs * window; index++) {
      const channel = channels === 1 ? 0 : firstChannel + Math.floor(index / window);
      const factor = values[byRow ? output * inputs * window + index : index * outputs + output] ?? 0;
      mean[output] = (mean[output] ?? 0) + factor * (input.mean[channel] ?? 0);
      variance[output] = (variance[output] ?? 0) + factor ** 2 * (input.variance[channel] ?? 0);
    }
  }
  return normal(mean, variance);
}
