import { deepEqual, equal, rejects } from 'node:assert/strict';
import { defaultOptions } from '../../../extension/quantize/options';
import { planScheme, schemeBasis } from '../../../extension/quantize/plan-scheme';
import { planUpgrade } from '../../../extension/quantize/upgrade';
import { upgradeEntry } from '../../../extension/quantize/upgrade-table';
import { buildModel, type ModelSpec, type NodeSpec, type TensorSpec } from '../../fixtures/model-builder';
import { open, upgradeSame } from './upgraded-model';

function model(opset: number, node: NodeSpec, initializers: readonly TensorSpec[] = [], dims = [2, 4, 6]): ModelSpec {
  return {
    opset,
    graph: {
      inputs: [{ name: 'x', dims }],
      outputs: node.outputs.map((name) => ({ name })),
      nodes: [node],
      initializers,
    },
  };
}

const cases: readonly { readonly name: string; readonly spec: ModelSpec; readonly changes: readonly string[] }[] = [
  {
    name: 'ReduceMean over axes',
    spec: model(13, { op: 'ReduceMean', inputs: ['x'], outputs: ['y'], attributes: { axes: [1, -1], keepdims: 0 } }),
    changes: ['1 ReduceMean: axes became an input'],
  },
  {
    name: 'ReduceMax over everything',
    spec: model(11, { op: 'ReduceMax', inputs: ['x'], outputs: ['y'] }),
    changes: [],
  },
  {
    name: 'Split into equal parts',
    spec: model(13, { op: 'Split', inputs: ['x'], outputs: ['y', 'z'], attributes: { axis: 1 } }),
    changes: ['1 Split: the number of parts made explicit'],
  },
  {
    name: 'Split by sizes in an attribute',
    spec: model(11, { op: 'Split', inputs: ['x'], outputs: ['y', 'z'], attributes: { axis: 1, split: [1, 3] } }),
    changes: ['1 Split: split became an input'],
  },
  {
    name: 'RoiAlign without a half pixel',
    spec: model(
      13,
      {
        op: 'RoiAlign',
        inputs: ['x', 'boxes', 'batch'],
        outputs: ['y'],
        attributes: { output_height: 2, output_width: 2, sampling_ratio: 2 },
      },
      [
        { name: 'boxes', type: 'FLOAT', dims: [1, 4], values: [0.3, 0.6, 4.1, 3.7] },
        { name: 'batch', type: 'INT64', dims: [1], values: [0] },
      ],
      [1, 2, 6, 6],
    ),
    changes: ['1 RoiAlign: coordinates without the half pixel made explicit'],
  },
  {
    name: 'GridSample by its old names',
    spec: model(
      16,
      { op: 'GridSample', inputs: ['x', 'grid'], outputs: ['y'], attributes: { mode: 'bicubic' } },
      [{ name: 'grid', type: 'FLOAT', dims: [1, 2, 2, 2], values: [-0.5, 0.1, 0.7, -0.9, 0, 0, 0.33, 0.66] }],
      [1, 2, 6, 6],
    ),
    changes: ['1 GridSample: mode got its new name'],
  },
  {
    name: 'DFT along its old default axis',
    spec: model(17, { op: 'DFT', inputs: ['x'], outputs: ['y'] }, [], [1, 8, 3, 1]),
    changes: ['1 DFT: axis became an input'],
  },
  {
    name: 'Softmax, which changed before',
    spec: model(14, { op: 'Softmax', inputs: ['x'], outputs: ['y'] }),
    changes: [],
  },
  {
    name: 'AveragePool and its rounding',
    spec: model(
      11,
      {
        op: 'AveragePool',
        inputs: ['x'],
        outputs: ['y'],
        attributes: { kernel_shape: [3], strides: [2], pads: [1, 1], ceil_mode: 1 },
      },
      [],
      [1, 2, 8],
    ),
    changes: [],
  },
];

describe('planUpgrade to opset 21', () => {
  for (const { name, spec, changes } of cases) {
    it(`keeps what ${name} computes`, async () => {
      deepEqual(await upgradeSame(spec, spec, 21), changes);
    });
  }

  it('names what it cannot bring there, and the opset', async () => {
    const normalization: NodeSpec = {
      op: 'GroupNormalization',
      name: 'group',
      inputs: ['x', 's', 's'],
      outputs: ['y'],
      attributes: { num_groups: 2 },
    };
    const source = await open(buildModel(model(18, normalization, [{ name: 's', type: 'FLOAT', dims: [2] }])));
    await rejects(
      planUpgrade(source, 21),
      /GroupNormalization "group" of opset 18 cannot be upgraded to opset 21: its scale and bias are those of groups/,
    );
    equal(await planUpgrade(source, 13), undefined);
  });

  it('is done for schemes with blocks, and left out where it cannot be or is not wanted', async () => {
    const weight: TensorSpec = { name: 'w', type: 'FLOAT', dims: [64, 32] };
    const plain = { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] };
    const operators = async (spec: ModelSpec, skipped: readonly string[] = []) => {
      const source = await open(buildModel(spec));
      const basis = await schemeBasis(source);
      const options = { ...defaultOptions, blockSize: 16 };
      const settings = { skippedPasses: new Set(skipped) };
      const planned = await planScheme(source, basis, 'int4-weights', options, settings);
      const [node] = planned.edits.graph?.nodes ?? [];
      return {
        domain: node && 'domain' in node ? node.domain : undefined,
        steps: planned.steps.map(({ pass }) => pass),
      };
    };
    const spec = model(12, plain, [weight], [2, 64]);
    deepEqual(await operators(spec), { domain: undefined, steps: ['opset 12 to 13', 'opset 13 to 21'] });
    const left = { domain: 'com.microsoft', steps: ['opset 12 to 13'] };
    deepEqual(await operators(spec, ['opset 13 to 21']), left);
    const batchNorm: NodeSpec = {
      op: 'BatchNormalization',
      inputs: ['y', 's', 's', 's', 's'],
      outputs: ['n', 'mean', 'variance'],
    };
    const { graph } = spec;
    const scale: TensorSpec = { name: 's', type: 'FLOAT', dims: [32] };
    const training = { ...graph, nodes: [plain, batchNorm], initializers: [weight, scale] };
    deepEqual(await operators({ ...spec, graph: training }), left);
  });

  it('knows the operators that came after opset 13', () => {
    for (const opType of ['LayerNormalization', 'Gelu', 'Trilu']) equal(upgradeEntry(opType, 17).kind, 'unchanged');
    equal(upgradeEntry('Squeeze', 13).kind, 'unchanged');
  });
});
