import { open } from 'node:fs/promises';
import { onnx } from 'onnx-proto';
import { Writer } from 'protobufjs/minimal';

const { FLOAT } = onnx.TensorProto.DataType;
const layerCount = 60;
/** Protobuf tags of the length-delimited fields ModelProto.graph, GraphProto.initializer and TensorProto.raw_data. */
const graphTag = 0x3a;
const initializerTag = 0x2a;
const rawDataTag = 0x4a;

/** Writes 60 MatMul layers, each with its own inline weight of `side` x `side` floats. Memory stays at about one weight. */
export async function writeLargeModel(path: string, side: number): Promise<void> {
  const weightBytes = side * side * 4;
  const head = onnx.ModelProto.encode({ irVersion: 8, opsetImport: [{ domain: '', version: 17 }] }).finish();
  const structure = onnx.GraphProto.encode({
    name: 'large',
    input: [floats('value0', ['batch', side])],
    output: [floats(`value${layerCount}`, ['batch', side])],
    node: Array.from({ length: layerCount }, (_, layer) => ({
      opType: 'MatMul',
      name: `layer${layer}`,
      input: [`value${layer}`, weightName(layer)],
      output: [`value${layer + 1}`],
    })),
  }).finish();
  const initializerHeads = Array.from({ length: layerCount }, (_, layer) => {
    const tensor = onnx.TensorProto.encode({ name: weightName(layer), dataType: FLOAT, dims: [side, side] }).finish();
    const rawHead = Writer.create().uint32(rawDataTag).uint32(weightBytes).finish();
    const length = tensor.length + rawHead.length + weightBytes;
    return Buffer.concat([Writer.create().uint32(initializerTag).uint32(length).finish(), tensor, rawHead]);
  });
  const graphBytes = initializerHeads.reduce((sum, bytes) => sum + bytes.length + weightBytes, structure.length);
  const weights = new Uint8Array(someWeights(side * side).buffer);
  const file = await open(path, 'w');
  try {
    await file.writeFile(head);
    await file.writeFile(Writer.create().uint32(graphTag).uint32(graphBytes).finish());
    await file.writeFile(structure);
    for (const initializerHead of initializerHeads) {
      await file.writeFile(initializerHead);
      await file.writeFile(weights);
    }
  } finally {
    await file.close();
  }
}

function weightName(layer: number): string {
  return `weight${layer}`;
}

function floats(name: string, dims: readonly (string | number)[]): onnx.IValueInfoProto {
  const dim = dims.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
}

/** Numbers between -1 and 1 by a linear congruence: quick to make, and not all alike. */
function someWeights(count: number): Float32Array {
  const weights = new Float32Array(count);
  let state = 1;
  for (let index = 0; index < count; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    weights[index] = state / 2 ** 31;
  }
  return weights;
}
