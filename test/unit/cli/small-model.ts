import { buildModel } from '../../fixtures/model-builder';

/** A convolutional net of three kinds of layer, with a symbolic batch, small enough to read its report whole. */
export function smallModel(): Uint8Array {
  return buildModel({
    opset: 17,
    producer: 'golden',
    graph: {
      name: 'small',
      inputs: [{ name: 'image', dims: ['batch', 3, 16, 16] }],
      outputs: [{ name: 'scores', dims: ['batch', 10] }],
      nodes: [
        {
          op: 'Conv',
          name: 'stem',
          inputs: ['image', 'stem.weight', 'stem.bias'],
          outputs: ['features'],
          attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
        },
        { op: 'Relu', inputs: ['features'], outputs: ['active'] },
        {
          op: 'Conv',
          name: 'depthwise',
          inputs: ['active', 'depthwise.weight'],
          outputs: ['spread'],
          attributes: { kernel_shape: [3, 3], group: 8, strides: [2, 2], pads: [1, 1, 1, 1] },
        },
        {
          op: 'MaxPool',
          name: 'pool',
          inputs: ['spread'],
          outputs: ['pooled'],
          attributes: { kernel_shape: [2, 2], strides: [2, 2] },
        },
        { op: 'Flatten', name: 'flatten', inputs: ['pooled'], outputs: ['flat'] },
        {
          op: 'Gemm',
          name: 'classify',
          inputs: ['flat', 'classify.weight', 'classify.bias'],
          outputs: ['scores'],
          attributes: { transB: 1 },
        },
      ],
      initializers: [
        { name: 'stem.weight', type: 'FLOAT', dims: [8, 3, 3, 3] },
        { name: 'stem.bias', type: 'FLOAT', dims: [8] },
        { name: 'depthwise.weight', type: 'FLOAT', dims: [8, 1, 3, 3] },
        { name: 'classify.weight', type: 'FLOAT', dims: [10, 128] },
        { name: 'classify.bias', type: 'FLOAT', dims: [10] },
      ],
    },
  });
}
