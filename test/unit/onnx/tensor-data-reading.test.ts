import assert from 'node:assert/strict';
import fc from 'fast-check';
import { onnx } from 'onnx-proto';
import { type DataType, dataTypeCode, storedBytes } from '../../../extension/model/data-type';
import type { Model, Tensor } from '../../../extension/model/model';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { bytesField, varintField } from '../../../extension/onnx/encode';
import { readModel } from '../../../extension/onnx/read-model';
import { readTensor, readTensorChunks, toFloat64 } from '../../../extension/onnx/tensor-data';

interface Read {
  readonly model: Model;
  readonly tensor: Tensor;
  readonly source: MemoryByteSource;
}

async function readTensorProto(...protos: readonly Uint8Array[]): Promise<Read> {
  const graph = protos.map((proto) => bytesField(5, proto));
  const source = new MemoryByteSource(
    joined([varintField(1, 8n), bytesField(8, varintField(2, 17n)), bytesField(7, joined(graph))]),
  );
  const model = await readModel(source, { fileName: 'model.onnx' });
  const [tensor] = model.graph.constants.values();
  assert.ok(tensor);
  return { model, tensor, source };
}

function encode(type: DataType, dims: readonly number[], data: onnx.ITensorProto): Uint8Array {
  return onnx.TensorProto.encode({ name: 'w', dataType: dataTypeCode(type), dims: [...dims], ...data }).finish();
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    all.set(part, position);
    position += part.length;
  }
  return all;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

async function elements(read: Read): Promise<string> {
  assert.deepEqual(read.model.diagnostics, []);
  return hex(await readTensor(read.tensor, { source: read.source }));
}

describe('tensor elements', () => {
  it('in raw_data, of every type', async () => {
    const types: DataType[] = [
      ...(['FLOAT', 'UINT8', 'INT8', 'UINT16', 'INT16', 'INT32', 'INT64', 'BOOL', 'FLOAT16', 'DOUBLE'] as const),
      ...(['UINT32', 'UINT64', 'COMPLEX64', 'COMPLEX128', 'BFLOAT16', 'FLOAT8E4M3FN', 'FLOAT8E4M3FNUZ'] as const),
      ...(['FLOAT8E5M2', 'FLOAT8E5M2FNUZ', 'UINT4', 'INT4', 'FLOAT4E2M1', 'FLOAT8E8M0', 'UINT2', 'INT2'] as const),
      ...(['FLOAT6E2M3', 'FLOAT6E3M2'] as const),
    ];
    for (const type of types) {
      for (const count of [0, 1, 5, 700]) {
        const raw = Uint8Array.from({ length: storedBytes(type, count) }, (_, index) => index * 37);
        const read = await readTensorProto(encode(type, [count], { rawData: raw }));
        assert.equal(read.tensor.byteLength, raw.length);
        assert.equal(read.tensor.inline !== undefined, raw.length <= 1024, `${type} ${count}`);
        assert.equal(await elements(read), hex(raw), type);
      }
    }
  });

  it('in typed fields, small ones', async () => {
    const typed = async (type: DataType, count: number, data: onnx.ITensorProto) =>
      elements(await readTensorProto(encode(type, [count], data)));
    assert.equal(await typed('FLOAT', 2, { floatData: [1, -2] }), '0000803f000000c0');
    assert.equal(await typed('COMPLEX64', 1, { floatData: [1, -2] }), '0000803f000000c0');
    assert.equal(await typed('DOUBLE', 1, { doubleData: [1] }), '000000000000f03f');
    assert.equal(await typed('INT32', 2, { int32Data: [-1, 256] }), 'ffffffff00010000');
    assert.equal(await typed('INT8', 3, { int32Data: [-1, 1, -128] }), 'ff0180');
    assert.equal(await typed('UINT16', 2, { int32Data: [65535, 1] }), 'ffff0100');
    assert.equal(await typed('FLOAT16', 1, { int32Data: [0x3c00] }), '003c');
    assert.equal(await typed('BOOL', 2, { int32Data: [1, 0] }), '0100');
    assert.equal(await typed('UINT4', 3, { int32Data: [0x21, 0x03] }), '2103');
    assert.equal(await typed('INT2', 5, { int32Data: [0xe4, 0x01] }), 'e401');
    assert.equal(await typed('FLOAT6E2M3', 5, { int32Data: [1, 2, 3, 63, 5] }), '8130fc05', 'one element an entry');
    assert.equal(await typed('INT64', 2, { int64Data: [-2, 4294967296] }), 'feffffffffffffff0000000001000000');
    assert.equal(await typed('UINT32', 1, { uint64Data: [4294967295] }), 'ffffffff');
    assert.equal(await typed('UINT64', 1, { uint64Data: [4294967296] }), '0000000001000000');
  });

  it('in large packed fields, decoded in pieces', async () => {
    const count = 5000;
    const values = Array.from({ length: count }, (_, index) => (index % 2 ? -index * 1000 : index * 70_000));
    const expected = hex(new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
    const { tensor, source } = await readTensorProto(encode('INT64', [count], { int64Data: values }));
    assert.equal(tensor.location.kind, 'packed');
    assert.equal(tensor.inline, undefined);
    for (const chunkBytes of [1, 100, 4096, 1 << 20]) {
      const pieces: Uint8Array[] = [];
      for await (const piece of readTensorChunks(tensor, { source }, chunkBytes)) pieces.push(piece);
      assert.ok(pieces.slice(0, -1).every((piece) => piece.length % 8 === 0));
      assert.equal(hex(joined(pieces)), expected);
    }
    const floats = Array.from({ length: count }, (_, index) => index / 2);
    const float = await readTensorProto(encode('FLOAT', [count], { floatData: floats }));
    assert.equal(await elements(float), hex(new Uint8Array(Float32Array.from(floats).buffer)));
  });

  it('in unpacked fields and in several pieces of one field', async () => {
    const head = encode('INT32', [4], {});
    const read = await readTensorProto(
      joined([head, varintField(5, 7n), varintField(5, -1n), bytesField(5, Uint8Array.of(1, 2))]),
    );
    assert.equal(await elements(read), '07000000ffffffff0100000002000000');
    const many = Array.from({ length: 3000 }, (_, index) => varintField(5, BigInt(index)));
    const large = await readTensorProto(joined([encode('INT32', [3000], {}), ...many]));
    assert.equal(large.tensor.location.kind, 'memory');
    assert.equal(
      await elements(large),
      hex(new Uint8Array(Int32Array.from({ length: 3000 }, (_, index) => index).buffer)),
    );
  });

  it('are missing, with a reason, when they do not fit the dimensions', async () => {
    const wrong: Uint8Array[] = [
      encode('FLOAT', [3], { rawData: new Uint8Array(8) }),
      encode('FLOAT', [3], { floatData: [1, 2] }),
      encode('INT32', [3], { int32Data: [1, 2, 3, 4] }),
      encode('FLOAT', [3], {}),
      encode('STRING', [2], { stringData: [Uint8Array.of(1)] }),
      joined([encode('INT32', [2], {}), bytesField(5, Uint8Array.of(1, 0x80))]),
    ];
    for (const proto of wrong) {
      const { model, tensor, source } = await readTensorProto(proto);
      assert.deepEqual(
        model.diagnostics.map((fault) => fault.code),
        ['tensor-size-mismatch'],
      );
      assert.equal(tensor.location.kind, 'missing');
      await assert.rejects(readTensor(tensor, { source }), /Tensor "w" has no data: .+\.$/);
    }
  });

  it('of impossible dimensions are missing', async () => {
    for (const dims of [[-1], [2 ** 40, 2 ** 40]]) {
      const { model, tensor } = await readTensorProto(encode('FLOAT', dims, {}));
      assert.deepEqual(
        model.diagnostics.map((fault) => fault.code),
        ['bad-dimensions'],
      );
      assert.deepEqual([tensor.elementCount, tensor.byteLength], [0, 0]);
    }
  });

  it('that are strings stay in the file', async () => {
    const stringData = [Uint8Array.of(1, 2, 3), new Uint8Array(0)];
    const { model, tensor } = await readTensorProto(encode('STRING', [2], { stringData }));
    assert.deepEqual(model.diagnostics, []);
    assert.deepEqual(tensor.location, { kind: 'strings', bytes: 3 });
    assert.equal(tensor.byteLength, 3);
  });
});

describe('sparse tensors', () => {
  async function dense(dims: number[], indexDims: number[], indices: number[], values: number[]): Promise<Read> {
    const sparse = onnx.SparseTensorProto.encode({
      dims,
      values: { name: 's', dataType: 1, dims: [values.length], floatData: values },
      indices: { dataType: 7, dims: indexDims, int64Data: indices },
    }).finish();
    const source = new MemoryByteSource(
      joined([varintField(1, 8n), bytesField(8, varintField(2, 17n)), bytesField(7, bytesField(15, sparse))]),
    );
    const model = await readModel(source, { fileName: 'model.onnx' });
    const tensor = model.graph.constants.get('s');
    assert.ok(tensor);
    return { model, tensor, source };
  }

  it('give their dense elements, from both forms of indices', async () => {
    const expected = hex(new Uint8Array(Float32Array.of(0, 0, 5, 0, 7, 0).buffer));
    for (const read of [await dense([2, 3], [2], [2, 4], [5, 7]), await dense([2, 3], [2, 2], [0, 2, 1, 1], [5, 7])]) {
      assert.deepEqual(read.tensor.dims, [2, 3]);
      assert.equal(await elements(read), expected);
      assert.ok(read.tensor.inline);
    }
  });

  it('are expanded in pieces when large', async () => {
    const read = await dense([100_000], [2], [3, 99_999], [5, 7]);
    assert.equal(read.tensor.inline, undefined);
    const expected = new Float32Array(100_000);
    expected[3] = 5;
    expected[99_999] = 7;
    assert.equal(await elements(read), hex(new Uint8Array(expected.buffer)));
  });

  it('with an index outside their dimensions give a sentence', async () => {
    const { tensor, source } = await dense([2, 3], [1], [6], [5]);
    await assert.rejects(readTensor(tensor, { source }), /index outside its dimensions/);
  });
});

describe('elements as numbers', () => {
  const numbers = (type: DataType, count: number, ...bytes: number[]) => [
    ...toFloat64(type, Uint8Array.from(bytes), count),
  ];

  it('of integer types', () => {
    assert.deepEqual(numbers('INT8', 2, 0xff, 0x7f), [-1, 127]);
    assert.deepEqual(numbers('UINT16', 1, 0xff, 0xff), [65535]);
    assert.deepEqual(numbers('INT16', 1, 0x00, 0x80), [-32768]);
    assert.deepEqual(numbers('INT64', 1, 0xfe, 255, 255, 255, 255, 255, 255, 255), [-2]);
    assert.deepEqual(numbers('INT4', 3, 0x8f, 0x07), [-1, -8, 7]);
    assert.deepEqual(numbers('UINT4', 3, 0x8f, 0x07), [15, 8, 7]);
    assert.deepEqual(numbers('INT2', 5, 0b11_10_01_00, 0b10), [0, 1, -2, -1, -2]);
    assert.deepEqual(numbers('UINT2', 4, 0b11_10_01_00), [0, 1, 2, 3]);
    assert.deepEqual(numbers('BOOL', 2, 1, 0), [1, 0]);
  });

  it('of floating-point types', () => {
    assert.deepEqual(numbers('FLOAT16', 6, 0, 0x3c, 0, 0xc0, 1, 0, 0, 0x7c, 1, 0x7c, 0xff, 0x7b), [
      1,
      -2,
      2 ** -24,
      Number.POSITIVE_INFINITY,
      Number.NaN,
      65504,
    ]);
    assert.deepEqual(numbers('BFLOAT16', 2, 0x80, 0x3f, 0x49, 0xc0), [1, -3.140625]);
    assert.deepEqual(numbers('FLOAT8E4M3FN', 5, 0x38, 0x7e, 0x7f, 0x01, 0xb8), [1, 448, Number.NaN, 2 ** -9, -1]);
    assert.deepEqual(numbers('FLOAT8E4M3FNUZ', 3, 0x40, 0x7f, 0x80), [1, 240, Number.NaN]);
    assert.deepEqual(numbers('FLOAT8E5M2', 4, 0x3c, 0x7b, 0x7c, 0xfd), [
      1,
      57344,
      Number.POSITIVE_INFINITY,
      Number.NaN,
    ]);
    assert.deepEqual(numbers('FLOAT8E5M2FNUZ', 3, 0x40, 0x7f, 0x80), [1, 57344, Number.NaN]);
    assert.deepEqual(numbers('FLOAT8E8M0', 3, 127, 0, 255), [1, 2 ** -127, Number.NaN]);
    assert.deepEqual(numbers('FLOAT4E2M1', 4, 0x71, 0xf2), [0.5, 6, 1, -6]);
    assert.deepEqual(numbers('FLOAT6E2M3', 4, 0x81, 0x00, 0xfc), [0.125, 0.25, 0, -7.5]);
    assert.deepEqual(numbers('FLOAT6E3M2', 1, 0x1f), [28]);
  });

  it('round trip for any float32 and float64', () => {
    fc.assert(
      fc.property(fc.array(fc.float()), fc.array(fc.double()), (floats, doubles) => {
        const single = Float32Array.from(floats);
        const double = Float64Array.from(doubles);
        assert.deepEqual(toFloat64('FLOAT', new Uint8Array(single.buffer), floats.length), Float64Array.from(single));
        assert.deepEqual(toFloat64('DOUBLE', new Uint8Array(double.buffer), doubles.length), double);
      }),
    );
  });

  it('are refused for strings, complex numbers and too few bytes', () => {
    assert.throws(() => toFloat64('STRING', new Uint8Array(0), 1));
    assert.throws(() => toFloat64('COMPLEX64', new Uint8Array(8), 1), /COMPLEX64/);
    assert.throws(() => toFloat64('FLOAT', new Uint8Array(4), 2), /cannot hold/);
  });
});
