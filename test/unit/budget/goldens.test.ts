import assert from 'node:assert/strict';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { analyseModel } from '../../../extension/worker/analyse';
import { buildModel, type GraphSpec, type NodeSpec, type TensorSpec } from '../../fixtures/model-builder';

/** A net under construction: weights are filled at run time, so that only their shapes stand in the file. */
class Net {
  readonly nodes: NodeSpec[] = [];
  readonly initializers: TensorSpec[] = [];
  private current = 'x';

  /** A convolution without bias that keeps the size at stride 1 and halves it at stride 2. */
  convolution(dims: readonly number[], stride: number, group = 1): void {
    const pad = dims[2] === 3 ? 1 : 0;
    this.node('Conv', this.weight(dims), { strides: [stride, stride], pads: [pad, pad, pad, pad], group });
  }

  node(op: string, operand?: string, attributes: NodeSpec['attributes'] = {}): void {
    const output = `v${this.nodes.length}`;
    const inputs = operand === undefined ? [this.current] : [this.current, operand];
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    this.current = output;
  }

  /** A table looked up by the current value. */
  gather(dims: readonly number[]): void {
    const table = this.weight(dims);
    const output = `v${this.nodes.length}`;
    this.nodes.push({ op: 'Gather', inputs: [table, this.current], outputs: [output] });
    this.current = output;
  }

  weight(dims: readonly number[]): string {
    const name = `w${this.nodes.length}`;
    this.initializers.push({ name: `${name}.shape`, type: 'INT64', dims: [dims.length], values: dims });
    this.nodes.push({ op: 'ConstantOfShape', inputs: [`${name}.shape`], outputs: [name] });
    return name;
  }

  async footprint(input: Required<GraphSpec>['inputs'][number]) {
    const { nodes, initializers } = this;
    const graph: GraphSpec = { inputs: [input], outputs: [{ name: this.current }], nodes, initializers };
    const source = new MemoryByteSource(buildModel({ graph }));
    return (await analyseModel({ fileName: 'golden.onnx', source })).footprint;
  }
}

/** Channels of MobileNetV1 at width 1: the stem, then the output of each separable block. */
const mobileNetChannels = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];
const mobileNetStrides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1];

/** MobileNetV1 without batch normalization and bias, with its classifier of 1,000 classes. */
function mobileNet(channels: readonly number[]): Net {
  const net = new Net();
  let [before = 0] = channels;
  net.convolution([before, 3, 3, 3], 2);
  mobileNetStrides.forEach((stride, block) => {
    const after = channels[block + 1] ?? 0;
    net.convolution([before, 1, 3, 3], stride, before);
    net.convolution([after, before, 1, 1], 1);
    before = after;
  });
  net.node('GlobalAveragePool');
  net.node('Flatten');
  net.node('MatMul', net.weight([before, 1000]));
  return net;
}

const image = (side: number) => ({ name: 'x', dims: [1, 3, side, side] });

// Howard et al. 2017, tables 4 to 7; computed to the last digit from the architecture (the paper gives 4.2, 2.6, 1.3 and 0.5
// million parameters and 569, 325, 149, 41, 418, 290 and 186 million MACs).
describe('MobileNetV1', () => {
  for (const [width, side, weights, macs] of [
    [1, 224, 4_209_088, 568_740_352],
    [0.75, 224, 2_568_144, 325_400_448],
    [0.5, 224, 1_319_648, 149_497_088],
    [0.25, 224, 463_600, 41_030_272],
    [1, 192, 4_209_088, 418_121_728],
    [1, 160, 4_209_088, 290_675_200],
    [1, 128, 4_209_088, 186_400_768],
  ] as const) {
    it(`${width}-${side} has its weights and multiply-accumulates`, async () => {
      const { totals } = await mobileNet(mobileNetChannels.map((count) => count * width)).footprint(image(side));
      assert.deepEqual([totals.parameters, totals.macs], [weights, macs]);
      assert.equal(totals.weightBytes, weights * 4);
      assert.equal(totals.macsIncomplete, false);
    });
  }

  it('costs 1/N + 1/9 of the standard convolution where it is separable', async () => {
    const [channels, side] = [64, 28];
    const separable = new Net();
    separable.convolution([3, 3, 1, 1], 1);
    separable.convolution([channels, 3, 1, 1], 1);
    separable.convolution([channels, 1, 3, 3], 1, channels);
    separable.convolution([channels, channels, 1, 1], 1);
    separable.convolution([channels, channels, 3, 3], 1);
    const { layers } = await separable.footprint(image(side));
    const macs = layers.filter(({ opType }) => opType === 'Conv').map((layer) => layer.macs ?? 0);
    const [, , depthwise = 0, pointwise = 0, standard = 1] = macs;
    assert.equal(((depthwise + pointwise) / standard).toFixed(12), (1 / channels + 1 / 9).toFixed(12));
  });
});

// He et al. 2018, the channels of the published 50 % FLOPs model.
describe('AMC on MobileNetV1', () => {
  const channels = [24, 48, 96, 80, 192, 200, 328, 352, 368, 360, 328, 400, 736, 752];

  it('has 51.67 % of the multiply-accumulates of the whole net', async () => {
    const { totals } = await mobileNet(channels).footprint(image(224));
    assert.deepEqual([totals.parameters, totals.macs], [2_391_680, 293_870_000]);
    assert.equal(((100 * totals.macs) / 568_740_352).toFixed(2), '51.67');
  });

  it('has the published count in its separable blocks', async () => {
    const { layers } = await mobileNet(channels).footprint(image(224));
    const convolutions = layers.filter(({ opType }) => opType === 'Conv').slice(1);
    assert.equal(
      convolutions.reduce((sum, layer) => sum + (layer.macs ?? 0), 0),
      284_989_488,
    );
  });
});

// Han et al. 2016, the nets before compression; counts with bias.
describe('the baselines of Deep Compression', () => {
  function withBias(net: Net, op: 'Conv' | 'Gemm', dims: readonly number[], attributes: NodeSpec['attributes'] = {}) {
    const weight = net.weight(dims);
    const bias = net.weight([dims[0] ?? 0]);
    net.node(op, weight, attributes);
    const node = net.nodes.pop();
    if (node) net.nodes.push({ ...node, inputs: [...node.inputs, bias] });
  }

  const linear = (net: Net, outputs: number, inputs: number) => withBias(net, 'Gemm', [outputs, inputs], { transB: 1 });

  it('LeNet-300-100 has 266,610 parameters', async () => {
    const net = new Net();
    linear(net, 300, 784);
    linear(net, 100, 300);
    linear(net, 10, 100);
    const { totals } = await net.footprint({ name: 'x', dims: [1, 784] });
    assert.equal(totals.parameters, 266_610);
  });

  it('LeNet-5 has 431,080 parameters', async () => {
    const net = new Net();
    withBias(net, 'Conv', [20, 1, 5, 5]);
    net.node('MaxPool', undefined, { kernel_shape: [2, 2], strides: [2, 2] });
    withBias(net, 'Conv', [50, 20, 5, 5]);
    net.node('MaxPool', undefined, { kernel_shape: [2, 2], strides: [2, 2] });
    net.node('Flatten');
    linear(net, 500, 800);
    linear(net, 10, 500);
    const { totals } = await net.footprint({ name: 'x', dims: [1, 1, 28, 28] });
    assert.equal(totals.parameters, 431_080);
    assert.equal(totals.macs, 20 * 24 * 24 * 25 + 50 * 8 * 8 * 500 + 800 * 500 + 5000);
  });

  it('AlexNet and VGG16 have 60,965,224 and 138,357,544', async () => {
    const alex = new Net();
    withBias(alex, 'Conv', [96, 3, 11, 11], { strides: [4, 4] });
    alex.node('MaxPool', undefined, { kernel_shape: [3, 3], strides: [2, 2] });
    withBias(alex, 'Conv', [256, 48, 5, 5], { pads: [2, 2, 2, 2], group: 2 });
    alex.node('MaxPool', undefined, { kernel_shape: [3, 3], strides: [2, 2] });
    const padded = { pads: [1, 1, 1, 1] };
    withBias(alex, 'Conv', [384, 256, 3, 3], padded);
    withBias(alex, 'Conv', [384, 192, 3, 3], { ...padded, group: 2 });
    withBias(alex, 'Conv', [256, 192, 3, 3], { ...padded, group: 2 });
    alex.node('MaxPool', undefined, { kernel_shape: [3, 3], strides: [2, 2] });
    alex.node('Flatten');
    linear(alex, 4096, 9216);
    linear(alex, 4096, 4096);
    linear(alex, 1000, 4096);
    assert.equal((await alex.footprint(image(227))).totals.parameters, 60_965_224);

    const vgg = new Net();
    let before = 3;
    for (const block of [
      [64, 64],
      [128, 128],
      [256, 256, 256],
      [512, 512, 512],
      [512, 512, 512],
    ]) {
      for (const channels of block) {
        withBias(vgg, 'Conv', [channels, before, 3, 3], padded);
        before = channels;
      }
      vgg.node('MaxPool', undefined, { kernel_shape: [2, 2], strides: [2, 2] });
    }
    vgg.node('Flatten');
    linear(vgg, 4096, 25_088);
    linear(vgg, 4096, 4096);
    linear(vgg, 1000, 4096);
    assert.equal((await vgg.footprint(image(224))).totals.parameters, 138_357_544);
  });
});
