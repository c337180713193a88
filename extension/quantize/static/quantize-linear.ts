import type { DataType } from '../../model/data-type';
import type { Model } from '../../model/model';
import type { NewNode, TensorData } from '../../onnx/edit';
import type { UniqueNames } from '../unique-names';

/** Where QuantizeLinear and DequantizeLinear come from, and the opset import that this takes. */
export interface LinearOperators {
  readonly domain: string | undefined;
  readonly opsets: ReadonlyMap<string, number> | undefined;
}

/** From this opset on they take 16-bit and 4-bit numbers. */
const allIntegersOpset = 21;
/** The operators of ONNX. */
export const standardOperators: LinearOperators = { domain: undefined, opsets: undefined };

const laterTypes: ReadonlySet<DataType> = new Set<DataType>(['INT16', 'UINT16', 'INT4', 'UINT4']);
const microsoft = 'com.microsoft';

/** 16-bit and 4-bit numbers are taken by the operators of ONNX from opset 21 on; below it onnxruntime's own do, which are the same function. */
export function linearOperators(model: Model, dataType: DataType): LinearOperators {
  const operators = linearOperatorsFor(model.opsets.get('ai.onnx') ?? 1, dataType);
  if (operators.domain === undefined) return operators;
  return { domain: microsoft, opsets: model.opsets.has(microsoft) ? undefined : new Map([[microsoft, 1]]) };
}

/** The same by the opset of the graph; the import of com.microsoft is left to the caller. */
export function linearOperatorsFor(opset: number, dataType: DataType): LinearOperators {
  if (!laterTypes.has(dataType) || opset >= allIntegersOpset) return standardOperators;
  return { domain: microsoft, opsets: undefined };
}

/** Names of what stands for a quantized tensor; all are taken. */
export interface QuantizedNames {
  readonly quantized: string;
  readonly scale: string;
  readonly zeroPoint: string;
  readonly dequantized: string;
  readonly quantizeNode: string;
  readonly dequantizeNode: string;
}

/** New names for what quantizing the value `base` adds. */
export function quantizedNames(names: UniqueNames, base: string): QuantizedNames {
  const free = (suffix: string) => {
    const name = names.free(`${base}${suffix}`);
    names.take(name);
    return name;
  };
  return {
    quantized: free('_quantized'),
    scale: free('_scale'),
    zeroPoint: free('_zero_point'),
    dequantized: free('_dequantized'),
    quantizeNode: free('_QuantizeLinear'),
    dequantizeNode: free('_DequantizeLinear'),
  };
}

/** A QuantizeLinear or DequantizeLinear node. */
export function linearNode(
  opType: 'QuantizeLinear' | 'DequantizeLinear',
  operators: LinearOperators,
  parts: {
    readonly name: string;
    readonly input: string;
    readonly scale: string;
    /** Absent: zero, of the type of the input. */
    readonly zeroPoint?: string | undefined;
    readonly output: string;
    readonly axis?: number | undefined;
    readonly blockSize?: number | undefined;
  },
): NewNode {
  const { axis, blockSize, zeroPoint } = parts;
  const attributes = new Map([
    ...(axis === undefined ? [] : [['axis', { kind: 'int', value: BigInt(axis) }] as const]),
    ...(blockSize === undefined ? [] : [['block_size', { kind: 'int', value: BigInt(blockSize) }] as const]),
  ]);
  return {
    opType,
    ...(operators.domain !== undefined && { domain: operators.domain }),
    name: parts.name,
    inputs: [parts.input, parts.scale, ...(zeroPoint === undefined ? [] : [zeroPoint])],
    outputs: [parts.output],
    ...(attributes.size > 0 && { attributes }),
  };
}

/** One number as an initializer that is known when the file is written. */
export function scalarData(
  name: string,
  dataType: TensorData['dataType'],
  byteLength: number,
  produce: () => Promise<Uint8Array>,
): TensorData {
  const pieces = async function* () {
    yield await produce();
  };
  return { name, dataType, dims: [], byteLength, deferred: true, produce: pieces };
}
