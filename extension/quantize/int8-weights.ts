import type { Tensor } from '../model/model';
import type { TensorData } from '../onnx/edit';
import type { ModelBytes } from '../onnx/tensor-data';
import { Int8Tensor } from './int8-tensor';
import { defaultOptions, type QuantizationOptions } from './options';
import type { QuantizationSource } from './plan';
import { linearNode, standardOperators } from './static/quantize-linear';
import { symmetricFormat } from './weights/integer-format';
import { hasWeightsFor, planWeights, type SchemePlan } from './weights/plan-weights';
import { QuantizedTensor } from './weights/quantized-tensor';
import type { WeightFitter } from './weights/weight-fitter';
import type { WeightForm, WeightScheme, WeightSite } from './weights/weight-form';

/** From this opset on, DequantizeLinear takes one scale per index of an axis. */
export const perAxisOpset = 13;

/**
 * Stores float weights as int8 (symmetric, -127 to 127) behind a DequantizeLinear whose output has the weight's old name.
 * Throws QuantizationRefused below opset 13.
 */
export function planInt8Weights(
  source: QuantizationSource,
  options: QuantizationOptions = defaultOptions,
  fitter?: WeightFitter,
): Promise<SchemePlan> {
  return planWeights(source, int8Weights(options, fitter), options.excludedNodes);
}

/** True when some weight would become int8, at whatever opset the model has. */
export function hasInt8Weights(source: QuantizationSource): Promise<boolean> {
  return hasWeightsFor(source, int8Weights(defaultOptions));
}

/** int8 with one scale per output channel or one for all, as the options have it. */
export function int8Weights({ granularity }: QuantizationOptions, fitter?: WeightFitter): WeightScheme {
  return {
    id: 'int8-weights',
    stored: 'int8 with its scales',
    opset: perAxisOpset,
    form: (site) => int8Form(site, granularity === 'per-tensor' ? undefined : site.axis, fitter),
  };
}

function int8Form(
  { name, tensor, bytes, named }: WeightSite,
  axis: number | undefined,
  fitter: WeightFitter | undefined,
): WeightForm {
  const content = fitter
    ? fittedTensor(tensor, bytes, axis, { by: fitter, name })
    : new Int8Tensor(tensor, bytes, axis);
  const quantized: TensorData = {
    name: named('_quantized'),
    dataType: 'INT8',
    dims: tensor.dims,
    byteLength: tensor.elementCount,
    deferred: true,
    produce: () => content.produceElements(),
  };
  const scale: TensorData = {
    name: named('_scale'),
    dataType: 'FLOAT',
    dims: axis === undefined ? [] : [content.channels],
    byteLength: content.channels * 4,
    deferred: true,
    produce: () => content.produceScales(),
  };
  const dequantize = linearNode('DequantizeLinear', standardOperators, {
    name: named('_DequantizeLinear'),
    input: quantized.name,
    scale: scale.name,
    output: name,
    axis,
  });
  return {
    replacement: quantized,
    added: [scale],
    nodes: [dequantize],
    description: axis === undefined ? 'INT8 with one scale' : `INT8 with ${content.channels} scales along axis ${axis}`,
    measuredByWriting: fitter === undefined,
    measure: (signal) => content.measure(signal),
  };
}

/** The same where a fitter chooses the scales. */
function fittedTensor(
  tensor: Tensor,
  bytes: ModelBytes,
  axis: number | undefined,
  fitter: { readonly by: WeightFitter; readonly name: string },
): Pick<Int8Tensor, 'channels' | 'produceElements' | 'produceScales' | 'measure'> {
  const grouping = axis === undefined ? ({ kind: 'tensor' } as const) : ({ kind: 'axis', axis } as const);
  const content = new QuantizedTensor(tensor, bytes, grouping, symmetricFormat('INT8', 127, 8), { fitter });
  return {
    channels: content.groups.count,
    produceElements: () => bytesOf(content.elements('')),
    produceScales: () => bytesOf(content.scales('')),
    measure: (signal) => content.measure(signal),
  };
}

async function* bytesOf(data: TensorData): AsyncGenerator<Uint8Array> {
  yield* data.produce();
}
