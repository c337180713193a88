import { deepEqual, ok, rejects } from 'node:assert/strict';
import { batchNormRanges } from '../../../../extension/quantize/calibration/batch-norm-ranges';
import { prepare } from '../../../../extension/quantize/preparation/prepare';
import { buildModel, type NodeSpec, type TensorSpec } from '../../../fixtures/model-builder';
import { open } from '../upgraded-model';

const statistics = ['gamma', 'beta', 'mean', 'variance'];
const tensors: readonly TensorSpec[] = [
  { name: 'w', type: 'FLOAT', dims: [2, 1, 1, 1], values: [3, -0.5] },
  { name: 'gamma', type: 'FLOAT', dims: [2], values: [0.5, -2] },
  { name: 'beta', type: 'FLOAT', dims: [2], values: [1, 0] },
  { name: 'mean', type: 'FLOAT', dims: [2], values: [7, 8] },
  { name: 'variance', type: 'FLOAT', dims: [2], values: [1, 4] },
];
const layer: readonly NodeSpec[] = [
  { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'] },
  { op: 'BatchNormalization', inputs: ['c', ...statistics], outputs: ['n'] },
];

async function ranges(nodes: readonly NodeSpec[], names: readonly string[], more: readonly TensorSpec[] = []) {
  const source = await open(
    buildModel({
      graph: {
        inputs: [{ name: 'x', dims: [1, 1, 4, 4] }],
        outputs: [{ name: names.at(-1) ?? '' }],
        nodes,
        initializers: [...tensors, ...more],
      },
    }),
  );
  const prepared = await prepare(source);
  const found = await batchNormRanges(prepared.source, prepared.statistics, names, { minimum: -1, maximum: 1 });
  return names.map((name) => {
    const range = found.get(name);
    ok(range);
    return [range.minimum, range.maximum].map((end) => Math.round(end * 1000) / 1000);
  });
}

describe('ranges from batch normalization', () => {
  it('are six deviations around the mean of each channel, clipped by what follows', async () => {
    const nodes: NodeSpec[] = [...layer, { op: 'Relu', inputs: ['n'], outputs: ['r'] }];
    // Channel 0: 1 +- 3; channel 1: 0 +- 12.
    deepEqual(await ranges(nodes, ['x', 'n', 'r']), [
      [-1, 1],
      [-12, 12],
      [0, 12],
    ]);
  });

  it('add means and variances where values are added', async () => {
    const nodes: NodeSpec[] = [
      ...layer,
      { op: 'Sigmoid', inputs: ['n'], outputs: ['s'] },
      { op: 'Add', inputs: ['n', 'n'], outputs: ['y'] },
    ];
    const [, sum] = await ranges(nodes, ['s', 'y']);
    // As if they were independent: 0 +- 6 * sqrt(2^2 + 2^2).
    deepEqual(sum, [-16.971, 16.971]);
  });

  it('go through pooling into a layer without batch normalization', async () => {
    const nodes: NodeSpec[] = [
      ...layer,
      { op: 'GlobalAveragePool', inputs: ['n'], outputs: ['p'] },
      { op: 'Flatten', inputs: ['p'], outputs: ['f'] },
      { op: 'Gemm', inputs: ['f', 'dense', 'b'], outputs: ['y'], attributes: { transB: 1 } },
    ];
    const dense: TensorSpec = { name: 'dense', type: 'FLOAT', dims: [1, 2], values: [2, 1] };
    const bias: TensorSpec = { name: 'b', type: 'FLOAT', dims: [1], values: [10] };
    // Mean 2 * 1 + 10; variance 4 * 0.25 + 1 * 4.
    const reach = 6 * Math.sqrt(5);
    const [range] = await ranges(nodes, ['y'], [dense, bias]);
    deepEqual(
      range,
      [12 - reach, 12 + reach].map((end) => Math.round(end * 1000) / 1000),
    );
  });

  it('are refused with the name of the tensor that they do not reach, and without batch normalization', async () => {
    await rejects(
      ranges([...layer, { op: 'Exp', name: 'exp', inputs: ['n'], outputs: ['y'] }], ['y']),
      /The range of y does not follow from batch normalization \(Exp exp makes it\); calibrate the model with data\./,
    );
    await rejects(
      ranges([{ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'] }], ['y']),
      /has no batch normalization that ranges could be worked out from/,
    );
  });
});
