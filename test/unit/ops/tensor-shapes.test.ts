import assert from 'node:assert/strict';
import { inferNode, type NodeCase } from '../../fixtures/infer-node';
import { float, floats, int64, int64s, unknownInt64s } from './node-inputs';

type Row = readonly [title: string, test: NodeCase, ...outputs: string[]];

function family(name: string, rows: readonly Row[]): void {
  describe(name, () => {
    for (const [title, test, ...expected] of rows) {
      it(`${test.op}: ${title}`, async () => {
        const { facts, faults } = await inferNode({ ...test, outputs: expected.length });
        assert.deepEqual(facts, expected);
        assert.deepEqual(faults, []);
      });
    }
  });
}

family('elementwise operators', [
  ['numbers broadcast', { op: 'Add', inputs: [float(3, 1), float(1, 4)] }, 'FLOAT [3, 4]'],
  ['a number decides over a symbol', { op: 'Mul', inputs: [float('n', 4), float(8, 1)] }, 'FLOAT [8, 4]'],
  ['of two symbols the larger', { op: 'Sub', inputs: [float('a'), float('b')] }, 'FLOAT [max(a, b)]'],
  [
    'the first input has the shape before opset 7',
    { op: 'Add', opset: 6, inputs: [float(2, 3, 4), float(3)], attributes: { broadcast: 1, axis: 1 } },
    'FLOAT [2, 3, 4]',
  ],
  ['division truncates', { op: 'Div', inputs: [int64s(7, -7), int64(2)] }, 'INT64 [2] = [3, -3]'],
  ['the remainder has the sign of the divisor', { op: 'Mod', inputs: [int64s(7, -7), int64(3)] }, 'INT64 [2] = [1, 2]'],
  [
    'the remainder has the sign of the dividend with fmod',
    { op: 'Mod', inputs: [int64s(7, -7), int64(3)], attributes: { fmod: 1 } },
    'INT64 [2] = [1, -1]',
  ],
  ['a comparison is BOOL', { op: 'Less', inputs: [int64s(1, 2), int64(2)] }, 'BOOL [2] = [1, 0]'],
  ['halves go to the even neighbour', { op: 'Round', inputs: [floats(0.5, 1.5, -2.5)] }, 'FLOAT [3] = [0, 2, -2]'],
  [
    'limits are inputs from opset 11',
    { op: 'Clip', inputs: [int64s(-5, 9), int64(0), int64(6)] },
    'INT64 [2] = [0, 6]',
  ],
  ['a fraction is cut off', { op: 'Cast', inputs: [floats(1.9, -1.9)], attributes: { to: 7 } }, 'INT64 [2] = [1, -1]'],
  [
    'what does not fit is not known',
    { op: 'Cast', inputs: [int64s(300, 7)], attributes: { to: 2 } },
    'UINT8 [2] = [null, 7]',
  ],
  [
    'the name of a type before opset 6',
    { op: 'Cast', opset: 1, inputs: [float(2)], attributes: { to: 'INT32' } },
    'INT32 [2]',
  ],
]);

family('reductions', [
  ['axes are an input from opset 13', { op: 'ReduceSum', inputs: [float(2, 'n', 4), int64s(-1)] }, 'FLOAT [2, n, 1]'],
  [
    'axes are an attribute before opset 18',
    { op: 'ReduceMean', opset: 13, inputs: [float(2, 'n', 4)], attributes: { axes: [1], keepdims: 0 } },
    'FLOAT [2, 4]',
  ],
  ['unknown axes keep the rank', { op: 'ReduceMax', inputs: [float(1, 3), unknownInt64s(1)] }, 'FLOAT [1, null]'],
  [
    'the number of unknown axes gives the rank',
    { op: 'ReduceMax', inputs: [float(2, 3, 4), unknownInt64s(2)], attributes: { keepdims: 0 } },
    'FLOAT [null]',
  ],
  [
    'no axes may mean no reduction',
    { op: 'ReduceMin', inputs: [float(2, 3)], attributes: { noop_with_empty_axes: 1 } },
    'FLOAT [2, 3]',
  ],
  [
    'elements are followed',
    { op: 'ReduceProd', inputs: [int64s(2, 3, 4)], attributes: { keepdims: 0 } },
    'INT64 [] = [24]',
  ],
  ['of equals the first', { op: 'ArgMax', inputs: [int64s(1, 5, 5)], attributes: { keepdims: 0 } }, 'INT64 [] = [1]'],
  [
    'of equals the last when asked',
    { op: 'ArgMax', inputs: [int64s(1, 5, 5)], attributes: { keepdims: 0, select_last_index: 1 } },
    'INT64 [] = [2]',
  ],
]);

family('changes of shape', [
  ['0 copies and -1 is deduced', { op: 'Reshape', inputs: [float('n', 3, 8), int64s(0, -1)] }, 'FLOAT [n, 24]'],
  ['a copied dimension cancels', { op: 'Reshape', inputs: [float(null, 3, 8), int64s(0, -1)] }, 'FLOAT [in0[0], 24]'],
  ['-1 is solved symbolically', { op: 'Reshape', inputs: [float('n', 8), int64s(-1, 4)] }, 'FLOAT [2*n, 4]'],
  [
    'with allowzero 0 is a size',
    { op: 'Reshape', inputs: [float(0, 3), int64s(3, 0)], attributes: { allowzero: 1 } },
    'FLOAT [3, 0] = []',
  ],
  [
    'the length of an unknown target is the rank',
    { op: 'Reshape', inputs: [float(4, 6), unknownInt64s(3)] },
    'FLOAT [null, null, null]',
  ],
  [
    'the target is an attribute in opset 1',
    { op: 'Reshape', opset: 1, inputs: [float(4, 6)], attributes: { shape: [8, -1] } },
    'FLOAT [8, 3]',
  ],
  ['two dimensions remain', { op: 'Flatten', inputs: [float('n', 3, 4)] }, 'FLOAT [n, 12]'],
  ['every 1 goes without axes', { op: 'Squeeze', inputs: [float(1, 3, 1)] }, 'FLOAT [3]'],
  ['without axes a symbol leaves the rank open', { op: 'Squeeze', inputs: [float(1, 'n')] }, 'FLOAT ?'],
  [
    'the number of unknown axes gives the rank',
    { op: 'Squeeze', inputs: [float(1, 'n'), unknownInt64s(1)] },
    'FLOAT [null]',
  ],
  [
    'negative axes count in the result',
    { op: 'Unsqueeze', inputs: [float(3, 4), int64s(0, -1)] },
    'FLOAT [1, 3, 4, 1]',
  ],
  ['axes are reversed by default', { op: 'Transpose', inputs: [float(2, 'n', 4)] }, 'FLOAT [4, n, 2]'],
  ['the target broadcasts', { op: 'Expand', inputs: [float('n', 1), int64s(3, 1, 4)] }, 'FLOAT [3, n, 4]'],
  ['repeats multiply', { op: 'Tile', inputs: [float('n', 2), int64s(2, 3)] }, 'FLOAT [2*n, 6]'],
  ['one axis in opset 1', { op: 'Tile', opset: 1, inputs: [float(2, 3), int64(4), int64(1)] }, 'FLOAT [2, 12]'],
  [
    'blocks go to the depth',
    { op: 'SpaceToDepth', inputs: [float(1, 3, 8, 6)], attributes: { blocksize: 2 } },
    'FLOAT [1, 12, 4, 3]',
  ],
  [
    'blocks come from the depth',
    { op: 'DepthToSpace', inputs: [float(1, 12, 4, 3)], attributes: { blocksize: 2 } },
    'FLOAT [1, 3, 8, 6]',
  ],
  ['start and end cut', { op: 'Shape', inputs: [float('n', 3, 4)], attributes: { start: -2 } }, 'INT64 [2] = [3, 4]'],
  ['symbols multiply', { op: 'Size', inputs: [float('n', 3, 4)] }, 'INT64 [] = [12*n]'],
]);

const largest = Number.MAX_SAFE_INTEGER;

family('slices, parts and padding', [
  ['to the end', { op: 'Slice', inputs: [float('n', 10), int64s(1), int64s(largest), int64s(1)] }, 'FLOAT [n, 9]'],
  ['from the end of a symbol', { op: 'Slice', inputs: [float('n'), int64s(-1), int64s(largest)] }, 'FLOAT [min(n, 1)]'],
  ['from the start of a symbol', { op: 'Slice', inputs: [float('n'), int64s(0), int64s(4)] }, 'FLOAT [min(n, 4)]'],
  [
    'backwards',
    { op: 'Slice', inputs: [int64s(1, 2, 3, 4, 5), int64s(-1), int64s(-largest), int64s(0), int64s(-2)] },
    'INT64 [3] = [5, 3, 1]',
  ],
  [
    'attributes before opset 10',
    { op: 'Slice', opset: 9, inputs: [float(5, 6)], attributes: { starts: [1], ends: [-1] } },
    'FLOAT [3, 6]',
  ],
  [
    'unknown bounds leave the other axes',
    { op: 'Slice', inputs: [float(5, 6), unknownInt64s(1), unknownInt64s(1)] },
    'FLOAT [null, 6]',
  ],
  ['sizes add up', { op: 'Concat', inputs: [float('n', 2), float('n', 3)], attributes: { axis: -1 } }, 'FLOAT [n, 5]'],
  [
    'unknown elements keep their places',
    { op: 'Concat', inputs: [int64s(1), unknownInt64s(1)], attributes: { axis: 0 } },
    'INT64 [2] = [1, null]',
  ],
  ['equal parts', { op: 'Split', opset: 13, inputs: [float(6, 2)] }, 'FLOAT [2, 2]', 'FLOAT [2, 2]', 'FLOAT [2, 2]'],
  [
    'the last part is smaller',
    { op: 'Split', inputs: [float(7)], attributes: { num_outputs: 3 } },
    'FLOAT [3]',
    'FLOAT [3]',
    'FLOAT [1]',
  ],
  [
    'sizes are an input from opset 13',
    { op: 'Split', inputs: [int64s(1, 2, 3), int64s(1, 2)] },
    'INT64 [1] = [1]',
    'INT64 [2] = [2, 3]',
  ],
  ['pads may be negative', { op: 'Pad', inputs: [float('n', 5), int64s(1, -1, 1, -2)] }, 'FLOAT [n + 2, 2]'],
  ['some axes only', { op: 'Pad', inputs: [float(4, 5), int64s(1, 2), null, int64s(-1)] }, 'FLOAT [4, 8]'],
  [
    'pads are an attribute before opset 11',
    { op: 'Pad', opset: 2, inputs: [float(4)], attributes: { pads: [1, 1] } },
    'FLOAT [6]',
  ],
  [
    'some axes only',
    { op: 'CenterCropPad', inputs: [float(9, 8), int64s(4)], attributes: { axes: [1] } },
    'FLOAT [9, 4]',
  ],
]);

family('gathering and scattering', [
  ['indices replace the axis', { op: 'Gather', inputs: [float(5, 'n'), unknownInt64s(2, 3)] }, 'FLOAT [2, 3, n]'],
  ['negative indices', { op: 'Gather', inputs: [int64s(4, 5, 6), int64(-1)] }, 'INT64 [] = [6]'],
  ['the indices have the shape', { op: 'GatherElements', inputs: [float(5, 4), unknownInt64s(2, 4)] }, 'FLOAT [2, 4]'],
  ['tuples', { op: 'GatherND', inputs: [float(2, 3, 4), unknownInt64s(7, 2)] }, 'FLOAT [7, 4]'],
  [
    'tuples in batches',
    { op: 'GatherND', inputs: [float(2, 3, 4), unknownInt64s(2, 1)], attributes: { batch_dims: 1 } },
    'FLOAT [2, 4]',
  ],
  [
    'elements are followed',
    { op: 'ScatterElements', inputs: [int64s(1, 2, 3), int64s(-1), int64s(9)] },
    'INT64 [3] = [1, 2, 9]',
  ],
  ['the depth is a value', { op: 'OneHot', inputs: [unknownInt64s('n'), int64(4), float(2)] }, 'FLOAT [n, 4]'],
]);

family('resizing', [
  [
    'scales round down',
    { op: 'Resize', opset: 10, inputs: [float(1, 3, 5, 5), floats(1, 1, 1.5, 0.5)] },
    'FLOAT [1, 3, 7, 2]',
  ],
  [
    'a symbol times a scale',
    { op: 'Resize', inputs: [float(1, 3, 'h', 'w'), null, floats(1, 1, 2, 0.5)] },
    'FLOAT [1, 3, 2*h, floor(w/2)]',
  ],
  ['0.7 of 10 in float32 is 7', { op: 'Resize', inputs: [float(10), null, floats(0.7)] }, 'FLOAT [7]'],
  ['sizes', { op: 'Resize', inputs: [float('n', 3, 5, 5), null, null, int64s(1, 3, 9, 8)] }, 'FLOAT [1, 3, 9, 8]'],
  [
    'sizes of some axes that keep the aspect ratio',
    {
      op: 'Resize',
      inputs: [float('n', 3, 4, 8), null, null, int64s(6, 6)],
      attributes: { axes: [2, 3], keep_aspect_ratio_policy: 'not_larger' },
    },
    'FLOAT [n, 3, 3, 6]',
  ],
  [
    'a region is resized',
    {
      op: 'Resize',
      inputs: [float(8, 8), floats(0, 0, 0.5, 1), floats(2, 1)],
      attributes: { coordinate_transformation_mode: 'tf_crop_and_resize' },
    },
    'FLOAT [8, 8]',
  ],
  [
    'scales are an attribute in opset 7',
    { op: 'Upsample', opset: 7, inputs: [float(1, 1, 2, 2)], attributes: { scales: { floats: [1, 1, 2, 3] } } },
    'FLOAT [1, 1, 4, 6]',
  ],
  [
    'the grid has the shape',
    { op: 'GridSample', inputs: [float('n', 3, 4, 4), float('n', 5, 6, 2)] },
    'FLOAT [n, 3, 5, 6]',
  ],
  [
    'blocks are put together',
    { op: 'Col2Im', inputs: [float(1, 20, 6), int64s(5, 5), int64s(1, 5)] },
    'FLOAT [1, 4, 5, 5]',
  ],
]);

family('sizes that depend on data', [
  ['symbolic, with a bound', { op: 'NonZero', inputs: [float(3, 4)] }, 'INT64 [2, nonzero@out0] <= [2, 12]'],
  ['exact when the elements are known', { op: 'NonZero', inputs: [int64s(0, 5, 6)] }, 'INT64 [1, 2] = [1, 2]'],
  [
    'an unknown count has a bound',
    { op: 'TopK', inputs: [float(2, 9), unknownInt64s(1)] },
    'FLOAT [2, null] <= [2, 9]',
    'INT64 [2, null] <= [2, 9]',
  ],
  [
    'the count is an attribute in opset 1',
    { op: 'TopK', opset: 1, inputs: [float(2, 9)], attributes: { k: 4 } },
    'FLOAT [2, 4]',
    'INT64 [2, 4]',
  ],
  [
    'a known condition',
    {
      op: 'Compress',
      inputs: [float(3, 2), { type: 'BOOL', dims: [3], elements: [1, 0, 1] }],
      attributes: { axis: 0 },
    },
    'FLOAT [2, 2]',
  ],
  [
    'the bound is boxes times classes',
    { op: 'NonMaxSuppression', inputs: [float(1, 100, 4), float(1, 3, 100), int64(10)] },
    'INT64 [nms@out0, 3] <= [30, 3]',
  ],
]);

family('generated tensors', [
  ['counts', { op: 'Range', inputs: [int64(2), int64(9), int64(3)] }, 'INT64 [3] = [2, 5, 8]'],
  ['counts down', { op: 'Range', inputs: [int64(3), int64(0), int64(-1)] }, 'INT64 [3] = [3, 2, 1]'],
  ['type and shape of the input', { op: 'RandomNormalLike', inputs: [float('n', 2)] }, 'FLOAT [n, 2]'],
  [
    'shape and type are attributes',
    { op: 'RandomUniform', inputs: [], attributes: { shape: [2, 3], dtype: 11 } },
    'DOUBLE [2, 3]',
  ],
  [
    'one side of a spectrum',
    { op: 'DFT', opset: 17, inputs: [float('n', 10, 1)], attributes: { onesided: 1 } },
    'FLOAT [n, 6, 2]',
  ],
  ['frames of a signal', { op: 'STFT', inputs: [float(1, 128, 1), int64(8), null, int64(16)] }, 'FLOAT [1, 15, 9, 2]'],
  ['the length is a value', { op: 'HannWindow', inputs: [int64(10)] }, 'FLOAT [10]'],
]);
