import fc from 'fast-check';
import type { ModelSpec, NodeSpec, TensorSpec } from '../../fixtures/model-builder';

/** A step of a network that keeps [1, 4, 6, 6]. */
type Step = 'conv' | 'depthwise' | 'relu' | 'clip' | 'sigmoid' | 'residual' | 'pool' | 'pad' | 'shared';

/** Small networks of images with a classifier behind, and the names of all their nodes. */
export const randomNetwork: fc.Arbitrary<{ readonly spec: ModelSpec; readonly layers: readonly string[] }> = fc
  .record({
    steps: fc.array(
      fc.constantFrom<Step>('conv', 'depthwise', 'relu', 'clip', 'sigmoid', 'residual', 'pool', 'pad', 'shared'),
      { minLength: 1, maxLength: 7 },
    ),
    opset: fc.constantFrom(11, 13, 17, 21),
    named: fc.boolean(),
  })
  .map(({ steps, opset, named }) => network(steps, opset, named));

/** All of them; `named`: else nodes go by their first output. */
export function network(steps: readonly Step[], opset: number, named: boolean) {
  const nodes: NodeSpec[] = [];
  const initializers: TensorSpec[] = [];
  const layers: string[] = [];
  let value = 'x';
  let earlier = 'x';
  let last: string | undefined;
  const weight = (name: string, dims: readonly number[]) => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const values = Array.from({ length: count }, (_, index) => Math.sin((initializers.length + 1) * 7 + index) / 2);
    initializers.push({ name, type: 'FLOAT', dims, values });
    return name;
  };
  const push = (op: string, inputs: readonly string[], attributes: NodeSpec['attributes'] = {}) => {
    const output = `v${nodes.length}`;
    const name = named ? `node ${nodes.length}` : '';
    nodes.push({ op, name, inputs, outputs: [output], attributes });
    layers.push(name || output);
    earlier = value;
    value = output;
  };
  for (const [index, step] of steps.entries()) {
    switch (step) {
      case 'conv':
        last = weight(`w${index}`, [4, 4, 3, 3]);
        push('Conv', [value, last, weight(`b${index}`, [4])], { pads: [1, 1, 1, 1] });
        break;
      case 'depthwise':
        push('Conv', [value, weight(`w${index}`, [4, 1, 3, 3])], { group: 4, pads: [1, 1, 1, 1] });
        break;
      case 'shared':
        last ??= weight(`w${index}`, [4, 4, 3, 3]);
        push('Conv', [value, last], { pads: [1, 1, 1, 1] });
        break;
      case 'relu':
        push('Relu', [value]);
        break;
      case 'clip':
        push('Clip', [value, constant('low', 0), constant('high', 6)]);
        break;
      case 'sigmoid':
        push('Sigmoid', [value]);
        break;
      case 'residual':
        push('Add', [value, earlier]);
        break;
      case 'pool':
        push('MaxPool', [value], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
        break;
      case 'pad':
        push('AveragePool', [value], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
        break;
    }
  }
  function constant(name: string, number: number): string {
    if (!initializers.some((each) => each.name === name)) {
      initializers.push({ name, type: 'FLOAT', dims: [], values: [number] });
    }
    return name;
  }
  push('GlobalAveragePool', [value]);
  push('Flatten', [value]);
  push('Gemm', [value, weight('dense', [4, 40]), weight('dense bias', [40])]);
  push('MatMul', [value, weight('last', [40, 3])]);
  push('Softmax', [value], { axis: 1 });
  const spec: ModelSpec = {
    opset,
    graph: {
      inputs: [{ name: 'x', dims: [1, 4, 6, 6] }],
      outputs: [{ name: value, dims: [1, 3] }],
      nodes,
      initializers,
    },
  };
  return { spec, layers };
}
