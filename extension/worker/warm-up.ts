import { MemoryByteSource } from '../onnx/byte-source';
import { bytesField, stringField, varintField } from '../onnx/encode';
import { analyseModel } from './analyse';

/**
 * Reads and measures a model of one convolution, so that what runs only once (compiling, tables of operators, the protobuf schema) is done before the
 * first real model comes. Never rejects.
 */
export async function warmUp(): Promise<void> {
  await analyseModel({ fileName: 'warm-up.onnx', source: new MemoryByteSource(smallModel()) }).catch(() => {});
}

/** ModelProto: x [1, 1, 4, 4] through a Conv with w [1, 1, 3, 3], then Relu. Field numbers: onnx.proto of ONNX 1.23. */
function smallModel(): Uint8Array {
  const message = (field: number, ...parts: readonly Uint8Array[]) => bytesField(field, Buffer.concat(parts));
  const node = (type: string, output: string, ...inputs: readonly string[]) =>
    message(1, ...inputs.map((name) => stringField(1, name)), stringField(2, output), stringField(4, type));
  const dims = [1, 1, 4, 4].map((size) => message(1, varintField(1, size)));
  const value = (field: number, name: string) =>
    message(field, stringField(1, name), message(2, message(1, varintField(1, 1), message(2, ...dims))));
  const weight = message(
    5,
    ...[1, 1, 3, 3].map((size) => varintField(1, size)),
    varintField(2, 1),
    stringField(8, 'w'),
    bytesField(9, new Uint8Array(36)),
  );
  const nodes = [node('Conv', 'c', 'x', 'w'), node('Relu', 'y', 'c')];
  const graph = message(7, ...nodes, stringField(2, 'g'), weight, value(11, 'x'), value(12, 'y'));
  return Buffer.concat([varintField(1, 8), graph, message(8, varintField(2, 17))]);
}
