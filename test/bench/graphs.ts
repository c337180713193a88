import type { GraphSpec, NodeSpec, TensorSpec } from '../fixtures/model-builder';

/**
 * A chain of about `nodeCount` nodes in blocks of five as exporters write them: a convolution, an activation, a shape computed from
 * it, a reshape and a residual sum. Every tenth block has a weight of its own.
 */
export function layeredGraph(nodeCount: number, { channels = 8 }: { readonly channels?: number } = {}): GraphSpec {
  const nodes: NodeSpec[] = [];
  const initializers: TensorSpec[] = [];
  const values = Array.from({ length: channels * channels * 9 }, (_, index) => ((index % 17) - 8) / 8);
  let value = 'x';
  for (let block = 0; block < nodeCount / 5; block++) {
    const weight = channels > 8 ? `w${block}` : `w${Math.floor(block / 10)}`;
    if (channels > 8 || block % 10 === 0) {
      initializers.push({ name: weight, type: 'FLOAT', dims: [channels, channels, 3, 3], values });
    }
    nodes.push(
      {
        op: 'Conv',
        name: `conv${block}`,
        inputs: [value, weight],
        outputs: [`c${block}`],
        attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
      },
      { op: 'Relu', inputs: [`c${block}`], outputs: [`r${block}`] },
      { op: 'Shape', inputs: [`r${block}`], outputs: [`s${block}`] },
      { op: 'Reshape', inputs: [`c${block}`, `s${block}`], outputs: [`q${block}`] },
      { op: 'Add', inputs: [`q${block}`, `r${block}`], outputs: [`a${block}`] },
    );
    value = `a${block}`;
  }
  return {
    inputs: [{ name: 'x', dims: ['batch', channels, 'height', 'width'] }],
    outputs: [{ name: value, dims: ['batch', channels, 'height', 'width'] }],
    nodes,
    initializers,
  };
}

/** `count` tensors of one float each and a few nodes: a file that is all structure. */
export function manyTensorsGraph(count: number): GraphSpec {
  return {
    inputs: [{ name: 'x', dims: [1] }],
    outputs: [{ name: 'y', dims: [1] }],
    nodes: [{ op: 'Add', inputs: ['x', 'tensor0'], outputs: ['y'] }],
    initializers: Array.from({ length: count }, (_, index) => ({
      name: `tensor${index}`,
      type: 'FLOAT' as const,
      dims: [1],
      values: [index],
    })),
  };
}
