import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict';
import { onnx } from 'onnx-proto';
import { QuantizationRefused } from '../../../extension/quantize/plan';
import { planUpgrade } from '../../../extension/quantize/upgrade';
import { upgradeEntry } from '../../../extension/quantize/upgrade-table';
import { buildModel, type ModelSpec, type NodeSpec } from '../../fixtures/model-builder';
import { compareBytes, open, upgrade, upgradeSame } from './upgraded-model';

function squeeze(name: string, input: string, output: string, axes: readonly number[]): NodeSpec {
  return { op: 'Squeeze', name, inputs: [input], outputs: [output], attributes: { axes } };
}

describe('planUpgrade', () => {
  it('has nothing to do from opset 13 on', async () => {
    const model = buildModel({
      opset: 13,
      graph: {
        inputs: [{ name: 'x', dims: [1] }],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
      },
    });
    equal(await planUpgrade(await open(model)), undefined);
  });

  it('changes only the opset where no operator needs more', async () => {
    const model = buildModel({
      opset: 9,
      graph: {
        inputs: [{ name: 'x', dims: [1] }],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
      },
    });
    deepEqual(await planUpgrade(await open(model)), {
      edits: { opsets: new Map([['ai.onnx', 13]]) },
      passes: [{ pass: 'opset 9 to 13', changes: [] }],
    });
  });

  it('counts changes, shares constants and keeps clear of names in use', async () => {
    const model: ModelSpec = {
      opset: 11,
      graph: {
        inputs: [{ name: 'x', dims: [1, 1, 3] }],
        outputs: [{ name: 'y' }, { name: 'z' }, { name: 'a_axes' }],
        nodes: [
          squeeze('one', 'x', 'a', [0]),
          squeeze('two', 'a', 'y', [0]),
          squeeze('three', 'x', 'z', [1]),
          { op: 'Neg', inputs: ['x'], outputs: ['a_axes'] },
        ],
      },
    };
    deepEqual(await upgradeSame(model), ['3 Squeeze: axes became an input']);
    const planned = await planUpgrade(await open(buildModel(model)));
    deepEqual(
      planned?.edits.graph?.addedInitializers?.map((tensor) => tensor.name),
      ['a_axes_1', 'z_axes'],
    );
  });

  it('upgrades the branches of If, with the shapes around them', async () => {
    const branch = (axes: readonly number[], op: string) => ({
      graph: {
        outputs: [{ name: `${op}_out`, dims: [1, 3, 4] }],
        nodes: [
          { op: 'Unsqueeze', name: 'inner', inputs: ['x'], outputs: [`${op}_up`], attributes: { axes } },
          { op: 'Softmax', inputs: [`${op}_up`], outputs: [`${op}_soft`] },
          { op, inputs: [`${op}_soft`], outputs: [`${op}_out`] },
        ],
      },
    });
    const model: ModelSpec = {
      opset: 11,
      graph: {
        inputs: [
          { name: 'x', dims: [3, 4] },
          { name: 'condition', type: 'BOOL', dims: [] },
        ],
        outputs: [{ name: 'y', dims: [1, 3, 4] }],
        nodes: [
          {
            op: 'If',
            inputs: ['condition'],
            outputs: ['y'],
            attributes: { then_branch: branch([0], 'Neg'), else_branch: branch([0], 'Abs') },
          },
        ],
      },
    };
    deepEqual(await upgradeSame(model), [
      '2 Unsqueeze: axes became an input',
      '2 Softmax: taken over several axes as before, by Flatten and Reshape',
    ]);
  });

  it('upgrades the bodies of model functions with constants of their own', async () => {
    const model: ModelSpec = {
      ir: 8,
      opsets: { '': 12, local: 1 },
      graph: {
        inputs: [{ name: 'x', dims: [1, 3, 4] }],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'Shrunk', domain: 'local', inputs: ['x'], outputs: ['y'] }],
      },
      functions: [
        {
          name: 'Shrunk',
          domain: 'local',
          inputs: ['a'],
          outputs: ['b'],
          opsets: { '': 12 },
          nodes: [{ op: 'Softmax', inputs: ['a'], outputs: ['soft'] }, squeeze('inner', 'soft', 'b', [0])],
        },
      ],
    };
    deepEqual(await upgradeSame(model), [
      '1 Softmax: taken over several axes as before, by Flatten and Reshape',
      '1 Squeeze: axes became an input',
    ]);
  });

  it('says of what kind attributes are where IR 1 does not', async () => {
    const spec: ModelSpec = {
      ir: 1,
      opset: 1,
      graph: {
        inputs: [{ name: 'x', dims: [1, 2, 5, 5] }],
        outputs: [{ name: 'y' }],
        nodes: [
          { op: 'MaxPool', inputs: ['x'], outputs: ['y'], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
        ],
      },
    };
    const model = onnx.ModelProto.decode(buildModel(spec));
    for (const attribute of model.graph?.node?.[0]?.attribute ?? []) delete attribute.type;
    const upgraded = await upgrade(onnx.ModelProto.encode(model).finish());
    deepEqual(upgraded.changes, ['1 MaxPool: kinds of attributes made explicit']);
    const [kernel] = onnx.ModelProto.decode(upgraded.bytes).graph?.node?.[0]?.attribute ?? [];
    equal(kernel?.type, onnx.AttributeProto.AttributeType.INTS);
    const result = await compareBytes(buildModel({ ...spec, ir: 8, opset: 13 }), upgraded.bytes);
    ok(result.compared && result.equal);
  });

  it('leaves operators alone that ONNX does not define', async () => {
    const model = buildModel({
      opsets: { '': 11, 'com.example': 1 },
      graph: {
        inputs: [{ name: 'x', dims: [1, 3] }],
        outputs: [{ name: 'z' }],
        nodes: [
          { op: 'Squeeze', domain: 'com.example', inputs: ['x'], outputs: ['y'], attributes: { axes: [0] } },
          { op: 'NoSuchOperator', inputs: ['y'], outputs: ['z'] },
        ],
      },
    });
    deepEqual((await upgrade(model)).changes, []);
  });

  it('refuses with one sentence that names operator and node', async () => {
    const model = buildModel({
      opset: 8,
      graph: {
        inputs: [{ name: 'x', dims: [1, 3] }],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'Slice', name: 'cut', inputs: ['x'], outputs: ['y'], attributes: { starts: [0] } }],
      },
    });
    await rejects(upgrade(model), (error) => {
      ok(error instanceof QuantizationRefused);
      equal(error.message, 'Slice "cut" of opset 8 cannot be upgraded to opset 13: its ends are missing.');
      return true;
    });
  });

  it('would be noticed if it changed what is computed', async () => {
    const soft = (opset: number): Uint8Array =>
      buildModel({
        opset,
        graph: {
          inputs: [{ name: 'x', dims: [2, 3, 4] }],
          outputs: [{ name: 'y' }],
          nodes: [{ op: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: { axis: 1 } }],
        },
      });
    const result = await compareBytes(soft(12), soft(13));
    ok(result.compared && !result.equal);
  });
});

describe('the upgrade table', () => {
  // Every operator of ai.onnx whose definition changed or appeared in opsets 2 to 13, by onnx.defs of ONNX 1.23.
  const changedOperators = `
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BitShift Cast Ceil Celu Clip Compress
    Concat ConcatFromSequence Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum DepthToSpace
    DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather
    GatherElements GatherND Gemm GlobalLpPool Greater GreaterOrEqual HardSigmoid Hardmax Identity If InstanceNormalization IsInf
    IsNaN LRN LSTM LeakyRelu Less LessOrEqual Log LogSoftmax Loop LpPool MatMul MatMulInteger Max MaxPool MaxUnpool Mean
    MeanVarianceNormalization Min Mod Mul Multinomial Neg NegativeLogLikelihoodLoss NonMaxSuppression NonZero OneHot Or PRelu Pad
    Pow QLinearConv QLinearMatMul QuantizeLinear RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ReverseSequence RoiAlign Round Scan Scatter
    ScatterElements ScatterND Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength Shape
    Shrink Sigmoid Sign Sin Sinh Size Slice Softmax SoftmaxCrossEntropyLoss SpaceToDepth Split SplitToSequence Sqrt Squeeze
    StringNormalizer Sub Sum Tan Tanh TfIdfVectorizer ThresholdedRelu Tile TopK Transpose Unique Unsqueeze Upsample Where Xor`;
  const oldOperators = `
    GlobalAveragePool GlobalMaxPool LpNormalization MaxRoiPool Not RandomNormal RandomNormalLike RandomUniform RandomUniformLike
    Softplus Softsign`;

  for (const opType of `${changedOperators} ${oldOperators}`.trim().split(/\s+/)) {
    it(`has considered ${opType}`, () => {
      notEqual(upgradeEntry(opType, 12).kind, 'not-in-onnx');
    });
  }

  it('has rules for what lost attributes or changed its meaning', () => {
    // Operators of which an attribute or input of an older version is missing or means something else in that of opset 13, by
    // onnx.defs, consumed_inputs apart.
    const withRules = `
      Add And BatchNormalization Cast Clip Concat Div Dropout Equal GRU Gemm GlobalLpPool Greater Hardmax LSTM Less LogSoftmax
      LpPool Mul Or PRelu Pad Pow RNN ReduceSum Reshape Resize Scan Scatter Selu Slice Softmax Split Squeeze Sub Tile TopK
      Unsqueeze Upsample Xor`;
    for (const opType of withRules.trim().split(/\s+/)) equal(upgradeEntry(opType, 6).kind, 'rule', opType);
  });

  it('does not know what ONNX does not define', () => {
    equal(upgradeEntry('NoSuchOperator', 12).kind, 'not-in-onnx');
  });
});
