import { deepEqual, rejects } from 'node:assert/strict';
import { QuantizationRefused } from '../../../extension/quantize/plan';
import { type AttributeSpec, buildModel, type ModelSpec, type TensorSpec } from '../../fixtures/model-builder';
import { upgrade, upgradeSame } from './upgraded-model';

type Attributes = Readonly<Record<string, AttributeSpec>>;

interface Example {
  readonly dims: readonly (number | string)[];
  readonly constants?: readonly TensorSpec[];
  readonly attributes?: Attributes;
  readonly outputs?: readonly string[];
}

/** A node with the input `x` and constants after it. */
function layer(op: string, opset: number, example: Example): ModelSpec {
  const { dims, constants = [], attributes = {}, outputs = ['y'] } = example;
  return {
    opset,
    graph: {
      inputs: [{ name: 'x', dims }],
      outputs: outputs.filter((name) => name !== '').map((name) => ({ name })),
      initializers: constants.filter((constant) => constant.name),
      nodes: [{ op, name: 'node', inputs: ['x', ...constants.map(({ name }) => name ?? '')], outputs, attributes }],
    },
  };
}

function constant(name: string, dims: readonly number[], values?: readonly number[]): TensorSpec {
  return { name, type: 'FLOAT', dims, ...(values ? { values } : {}) };
}

async function refused(spec: ModelSpec, pattern: RegExp): Promise<void> {
  await rejects(
    upgrade(buildModel(spec)),
    (error) => error instanceof QuantizationRefused && pattern.test(error.message),
  );
}

describe('upgrade of layers', () => {
  describe('BatchNormalization', () => {
    const constants = [
      ...[constant('scale', [3]), constant('b', [3]), constant('mean', [3])],
      constant('var', [3], [1, 2, 3]),
    ];
    const normalized = (opset: number, attributes: Attributes, outputs = ['y']) =>
      layer('BatchNormalization', opset, { dims: [2, 3, 4], constants, attributes, outputs });

    it('loses attributes that say what is the rule now', async () => {
      deepEqual(await upgradeSame(normalized(7, { spatial: 1, epsilon: { float: 0.01 } })), [
        '1 BatchNormalization: spatial removed',
      ]);
      deepEqual(await upgradeSame(normalized(1, { is_test: 1, consumed_inputs: [0, 0, 0, 1, 1] }), normalized(9, {})), [
        '1 BatchNormalization: is_test removed',
      ]);
      deepEqual(await upgradeSame(normalized(8, {})), []);
    });

    it('is refused where it does something that is gone', async () => {
      await refused(normalized(8, { spatial: 0 }), /^BatchNormalization "node" of opset 8 .*spatial/);
      await refused(normalized(6, {}), /training/);
      await refused(normalized(6, { is_test: 1 }, ['y', 'm']), /training/);
    });
  });

  it('drops the broadcast of Gemm', async () => {
    const constants = [constant('w', [4, 3]), constant('c', [3])];
    deepEqual(
      await upgradeSame(
        layer('Gemm', 6, { dims: [2, 4], constants, attributes: { broadcast: 1 } }),
        layer('Gemm', 9, { dims: [2, 4], constants }),
      ),
      ['1 Gemm: broadcast became implicit'],
    );
  });

  for (const [op, gates] of [
    ['RNN', 1],
    ['GRU', 3],
    ['LSTM', 4],
  ] as const) {
    it(`drops output_sequence of ${op}`, async () => {
      const example = {
        dims: [5, 2, 3],
        constants: [constant('w', [1, gates * 4, 3]), constant('r', [1, gates * 4, 4])],
        outputs: ['y', 'h'],
      };
      deepEqual(
        await upgradeSame(
          layer(op, 6, { ...example, attributes: { hidden_size: 4, output_sequence: 1 } }),
          layer(op, 7, { ...example, attributes: { hidden_size: 4 } }),
        ),
        [`1 ${op}: output_sequence removed`],
      );
    });
  }

  it('gives LpPool and GlobalLpPool a whole norm', async () => {
    const pool = (opset: number, p: AttributeSpec) =>
      layer('LpPool', opset, { dims: [1, 2, 4, 4], attributes: { kernel_shape: [2, 2], p } });
    deepEqual(await upgradeSame(pool(1, { float: 3 }), pool(2, 3)), ['1 LpPool: p became an integer']);
    const whole = (opset: number, p: AttributeSpec) =>
      layer('GlobalLpPool', opset, { dims: [1, 2, 4, 4], attributes: { p } });
    await upgradeSame(whole(1, { float: 1 }), whole(2, 1));
    await refused(whole(1, { float: 1.5 }), /GlobalLpPool "node".*1\.5/);
  });

  describe('Upsample and Resize', () => {
    const dims = [1, 2, 4, 4];
    const scales = (values: readonly number[]) => [constant('scales', [4], values)];
    const became = ['1 Upsample: became Resize'];
    const explicit = ['1 Resize: mapping of coordinates made explicit'];

    for (const mode of ['nearest', 'linear']) {
      it(`keeps what ${mode} means`, async () => {
        const attributes = { mode, scales: { floats: [1, 1, 2, 3] } };
        deepEqual(await upgradeSame(layer('Upsample', 7, { dims, attributes })), became);
        for (const factors of [
          [1, 1, 2, 2],
          [1, 1, 1.5, 2.6],
          [1, 1, 1, 3],
        ]) {
          const example = { dims, constants: scales(factors), attributes: { mode } };
          deepEqual(await upgradeSame(layer('Upsample', 9, example)), became);
          deepEqual(await upgradeSame(layer('Resize', 10, example)), explicit);
        }
        for (const factors of [
          [1, 1, 0.5, 0.5],
          [1, 1, 0.6, 0.3],
          [1, 1, 1, 0.75],
        ]) {
          deepEqual(
            await upgradeSame(
              layer('Resize', 10, { dims: [1, 2, 9, 10], constants: scales(factors), attributes: { mode } }),
            ),
            explicit,
          );
        }
      });
    }

    it('reads the first form of Upsample', async () => {
      const first = { height_scale: { float: 2 }, width_scale: { float: 3 } };
      deepEqual(
        await upgradeSame(
          layer('Upsample', 1, { dims, attributes: { ...first, mode: 'bilinear' } }),
          layer('Upsample', 9, { dims, constants: scales([1, 1, 2, 3]), attributes: { mode: 'linear' } }),
        ),
        became,
      );
    });

    it('takes scales that are computed', async () => {
      const model: ModelSpec = {
        opset: 9,
        graph: {
          inputs: [{ name: 'x', dims }],
          outputs: [{ name: 'y' }],
          initializers: scales([1, 1, 1, 1]),
          nodes: [
            { op: 'Add', inputs: ['scales', 'scales'], outputs: ['double'] },
            { op: 'Div', inputs: ['double', 'scales'], outputs: ['factors'] },
            { op: 'Upsample', inputs: ['x', 'factors'], outputs: ['y'] },
          ],
        },
      };
      deepEqual(await upgradeSame(model), became);
    });

    it('refuses a nearest Resize that shrinks one axis and grows another', async () => {
      await refused(layer('Resize', 10, { dims, constants: scales([1, 1, 0.5, 2]) }), /^Resize "node"/);
    });
  });

  it('renames Scatter', async () => {
    const model: ModelSpec = {
      opset: 9,
      graph: {
        inputs: [{ name: 'x', dims: [3, 3] }],
        outputs: [{ name: 'y' }],
        initializers: [
          { name: 'indices', type: 'INT64', dims: [1, 2], values: [1, 2] },
          constant('updates', [1, 2], [7, 8]),
        ],
        nodes: [{ op: 'Scatter', inputs: ['x', 'indices', 'updates'], outputs: ['y'], attributes: { axis: 1 } }],
      },
    };
    deepEqual(await upgradeSame(model), ['1 Scatter: became ScatterElements']);
  });

  it('turns experimental activations into arithmetic', async () => {
    const alpha = { float: 1.5 };
    const beta = { float: -0.5 };
    for (const op of ['Affine', 'ScaledTanh', 'ParametricSoftplus']) {
      const spec = layer(op, 7, { dims: [2, 3], attributes: { alpha, beta } });
      deepEqual(await upgradeSame(spec), [`1 ${op}: became arithmetic`]);
    }
    const doubled = layer('Mul', 13, { dims: [2, 3], constants: [constant('two', [], [2])] });
    await upgradeSame(layer('Scale', 7, { dims: [2, 3], attributes: { scale: { float: 2 } } }), doubled);
    await refused(layer('ScaledTanh', 7, { dims: [2, 3], attributes: { alpha } }), /ScaledTanh "node".*beta/);
  });

  it('turns ImageScaler into arithmetic', async () => {
    const scaler = (attributes: Attributes) => layer('ImageScaler', 7, { dims: [2, 3, 4, 4], attributes });
    const bias = { floats: [-1, 2, 0.5] };
    deepEqual(await upgradeSame(scaler({ bias, scale: { float: 0.25 } })), ['1 ImageScaler: became arithmetic']);
    await upgradeSame(scaler({ bias }));
    await refused(scaler({}), /ImageScaler "node".*bias/);
  });

  it('turns Crop into Slice', async () => {
    const crop = (attributes: Attributes) => layer('Crop', 7, { dims: [2, 3, 9, 8], attributes });
    deepEqual(await upgradeSame(crop({ border: [1, 2, 0, 3] })), ['1 Crop: became Slice']);
    await upgradeSame(crop({ border: [0, 1, 2, 0] }));
    await upgradeSame(crop({ border: [1, 2, 0, 0], scale: [4, 3] }));
    await refused(crop({ border: [1, 2] }), /Crop "node".*four/);
  });

  it('refuses the Scan of opset 8 and operators that are gone', async () => {
    await refused(layer('Scan', 8, { dims: [1, 2, 3], attributes: { num_scan_inputs: 1 } }), /^Scan "node" of opset 8/);
    await refused(layer('GRUUnit', 7, { dims: [1, 3, 4, 4] }), /^GRUUnit "node".*experimental/);
    await refused(layer('MeanVarianceNormalization', 7, { dims: [1, 3, 4, 4] }), /experimental/);
  });

  for (const [op, opset, attributes] of [
    ['MaxPool', 7, { kernel_shape: [2, 2], strides: [2, 2] }],
    ['AveragePool', 7, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
    ['GlobalAveragePool', 7, {}],
    ['DepthToSpace', 7, { blocksize: 2 }],
    ['Flatten', 7, { axis: 2 }],
    ['ReduceMean', 7, { axes: [2, 3] }],
    ['MeanVarianceNormalization', 9, {}],
  ] as const) {
    it(`leaves ${op} as it is`, async () => {
      deepEqual(await upgradeSame(layer(op, opset, { dims: [1, 4, 6, 6], attributes })), []);
    });
  }
});
