import assert from 'node:assert/strict';
import { dimToJson } from '../../../extension/model/dimension';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { readModel } from '../../../extension/onnx/read-model';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import { buildModel, type NodeSpec, type TensorSpec, type ValueSpec } from '../../fixtures/model-builder';

/** The shape that a graph gives its value `result`. */
async function shapeOfResult(
  inputs: readonly ValueSpec[],
  initializers: readonly TensorSpec[],
  nodes: readonly NodeSpec[],
): Promise<readonly (number | string | null)[] | undefined> {
  const bytes = buildModel({ opset: 17, graph: { inputs, initializers, nodes } });
  const { graph } = inferShapes(await readModel(new MemoryByteSource(bytes), { fileName: 'chain.onnx' }));
  const type = graph.values.get('result')?.type;
  return type?.kind === 'tensor' ? type.shape?.map(dimToJson) : undefined;
}

function vector(name: string, ...values: number[]): TensorSpec {
  return { name, type: 'INT64', dims: [values.length], values };
}

function scalar(name: string, value: number): TensorSpec {
  return { name, type: 'INT64', dims: [], values: [value] };
}

const image: ValueSpec = { name: 'x', dims: ['batch', 8, 'height', 'width'] };

describe('values of small integer tensors', () => {
  it('carry a symbolic size from Shape through Gather and Concat to a Reshape', async () => {
    const shape = await shapeOfResult(
      [image],
      [scalar('zero', 0), vector('axis', 0), vector('rest', 2, 4, -1)],
      [
        { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
        { op: 'Gather', inputs: ['shape', 'zero'], outputs: ['size'] },
        { op: 'Unsqueeze', inputs: ['size', 'axis'], outputs: ['first'] },
        { op: 'Concat', inputs: ['first', 'rest'], outputs: ['target'], attributes: { axis: 0 } },
        { op: 'Reshape', inputs: ['x', 'target'], outputs: ['result'] },
      ],
    );
    assert.deepEqual(shape, ['batch', 2, 4, 'height*width']);
  });

  it('are doubled for a Resize by sizes', async () => {
    const shape = await shapeOfResult(
      [image],
      [vector('starts', 2), vector('ends', 4), vector('factor', 2, 2)],
      [
        { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
        { op: 'Slice', inputs: ['shape', 'starts', 'ends'], outputs: ['spatial'] },
        { op: 'Slice', inputs: ['shape', 'none', 'starts'], outputs: ['outer'] },
        { op: 'Mul', inputs: ['spatial', 'factor'], outputs: ['larger'] },
        { op: 'Concat', inputs: ['outer', 'larger'], outputs: ['sizes'], attributes: { axis: 0 } },
        { op: 'Resize', inputs: ['x', '', '', 'sizes'], outputs: ['result'] },
        { op: 'Constant', inputs: [], outputs: ['none'], attributes: { value_ints: [0] } },
      ],
    );
    assert.deepEqual(shape, ['batch', 8, '2*height', '2*width']);
  });

  it('survive a detour through floats', async () => {
    const shape = await shapeOfResult(
      [{ name: 'x', dims: ['n'] }],
      [{ name: 'two', type: 'FLOAT', dims: [1], values: [2] }],
      [
        { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
        { op: 'Cast', inputs: ['shape'], outputs: ['float'], attributes: { to: 1 } },
        { op: 'Mul', inputs: ['float', 'two'], outputs: ['twice'] },
        { op: 'Floor', inputs: ['twice'], outputs: ['whole'] },
        { op: 'Cast', inputs: ['whole'], outputs: ['target'], attributes: { to: 7 } },
        { op: 'ConstantOfShape', inputs: ['target'], outputs: ['result'] },
      ],
    );
    assert.deepEqual(shape, ['2*n']);
  });

  it('tell an Expand which -1 means "as it is"', async () => {
    const shape = await shapeOfResult(
      [{ name: 'x', dims: ['n', 1] }],
      [vector('asked', -1, 6), vector('minus', -1, -1), vector('ones', 1, 1)],
      [
        { op: 'Equal', inputs: ['asked', 'minus'], outputs: ['open'] },
        { op: 'Where', inputs: ['open', 'ones', 'asked'], outputs: ['target'] },
        { op: 'Expand', inputs: ['x', 'target'], outputs: ['result'] },
      ],
    );
    assert.deepEqual(shape, ['n', 6]);
  });

  it('give the length of a Range', async () => {
    const shape = await shapeOfResult(
      [
        { name: 'past', dims: ['past'] },
        { name: 'x', dims: ['n'] },
      ],
      [scalar('one', 1), vector('axis', 0)],
      [
        { op: 'Size', inputs: ['past'], outputs: ['start'] },
        { op: 'Size', inputs: ['x'], outputs: ['new'] },
        { op: 'Add', inputs: ['start', 'new'], outputs: ['limit'] },
        { op: 'Range', inputs: ['start', 'limit', 'one'], outputs: ['result'] },
      ],
    );
    assert.deepEqual(shape, ['n']);
  });

  it('of the largest int64 are compared with, never computed with', async () => {
    const nodes: NodeSpec[] = [
      { op: 'Sub', inputs: ['huge', 'huge'], outputs: ['difference'] },
      { op: 'ConstantOfShape', inputs: ['difference'], outputs: ['result'] },
    ];
    const raw = new Uint8Array(new BigInt64Array([2n ** 63n - 1n]).buffer);
    assert.deepEqual(await shapeOfResult([], [{ name: 'huge', type: 'INT64', dims: [1], raw }], nodes), [null]);
  });

  it('pass through sequences as types', async () => {
    const shape = await shapeOfResult(
      [
        { name: 'a', dims: ['n', 3] },
        { name: 'b', dims: ['n', 3] },
      ],
      [],
      [
        { op: 'SequenceConstruct', inputs: ['a', 'b'], outputs: ['pair'] },
        { op: 'ConcatFromSequence', inputs: ['pair'], outputs: ['result'], attributes: { axis: 1 } },
      ],
    );
    assert.deepEqual(shape, ['n', 6]);
  });
});
