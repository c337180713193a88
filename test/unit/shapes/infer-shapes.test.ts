import assert from 'node:assert/strict';
import { dimToJson } from '../../../extension/model/dimension';
import { allOperators } from '../../../extension/ops/table';
import { inferShapes, UnknownBinding } from '../../../extension/shapes/infer-shapes';
import type { GraphSpec, NodeSpec, TensorSpec, ValueSpec } from '../../fixtures/model-builder';
import { faults, infer, modelOf, typeOf } from './infer-spec';

const convolution: GraphSpec = {
  inputs: [{ name: 'image', dims: ['batch', 3, 'height', null] }],
  outputs: [{ name: 'y' }],
  initializers: [{ name: 'w', type: 'FLOAT', dims: [8, 3, 3, 3] }],
  nodes: [
    {
      op: 'Conv',
      name: 'first',
      inputs: ['image', 'w'],
      outputs: ['c'],
      attributes: { strides: [2, 2], pads: [1, 1, 1, 1] },
    },
    { op: 'Relu', inputs: ['c'], outputs: ['y'] },
  ],
};

describe('inferShapes', () => {
  it('keeps unbound dimensions as formulas, an unnamed one by input and axis', async () => {
    const shapes = await infer(convolution);
    assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[batch, 8, floor((height + 1)/2), floor((image[3] + 1)/2)]');
    assert.deepEqual(shapes.bindables, [
      { key: 'batch', inputs: ['image'] },
      { key: 'height', inputs: ['image'] },
      { key: 'image[3]', inputs: ['image'] },
    ]);
    const notes = shapes.diagnostics.filter(({ code }) => code === 'unbound-dimension');
    assert.equal(notes.length, 3);
    assert.equal(shapes.sizeInTotals('batch'), 1);
  });

  it('puts bound sizes in, and counts multiply-accumulates with them', async () => {
    const shapes = await infer(convolution, { batch: 2, height: 10, 'image[3]': 7 });
    assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[2, 8, 5, 4]');
    assert.equal(shapes.graph.values.get('image')?.origin, 'bound');
    assert.equal(shapes.graph.values.get('w')?.origin, 'file');
    assert.equal(shapes.graph.values.get('y')?.origin, 'inferred');
    assert.equal(shapes.graph.nodes[0]?.macs, 2 * 8 * 5 * 4 * 27);
    assert.equal(shapes.graph.nodes[1]?.macs, 0);
    assert.deepEqual(faults(shapes), []);
  });

  it('refuses a binding the model does not have and names those it has', async () => {
    await assert.rejects(infer(convolution, { bath: 1 }), (error) => {
      assert.ok(error instanceof UnknownBinding);
      assert.match(error.message, /bath.*batch, height, image\[3\]/);
      return true;
    });
    await assert.rejects(infer(convolution, { batch: -1 }), UnknownBinding);
  });

  it('takes a dim_param verbatim, even where it looks like an expression', async () => {
    const graph: GraphSpec = {
      inputs: [
        { name: 'past', dims: [1, 'past'] },
        { name: 'mask', dims: [1, 'past + new'] },
      ],
      outputs: [{ name: 'y' }],
      nodes: [{ op: 'Concat', inputs: ['past', 'mask'], outputs: ['y'], attributes: { axis: 1 } }],
    };
    assert.equal(typeOf((await infer(graph)).graph, 'y'), 'FLOAT[1, (past + new) + past]');
    assert.equal(typeOf((await infer(graph, { 'past + new': 5, past: 2 })).graph, 'y'), 'FLOAT[1, 7]');
  });

  it('goes on around an operator that is not known, with the shape the file declares', async () => {
    const graph: GraphSpec = {
      inputs: [{ name: 'x', dims: [1, 4] }],
      outputs: [{ name: 'z' }],
      values: [{ name: 'b', dims: [1, 'inner', 3] }],
      nodes: [
        { op: 'Mystery', domain: 'my.ops', name: 'm', inputs: ['x'], outputs: ['a'] },
        { op: 'Mystery', domain: 'my.ops', inputs: ['x'], outputs: ['b'] },
        { op: 'Relu', inputs: ['a'], outputs: ['y'] },
        { op: 'Relu', inputs: ['b'], outputs: ['z'] },
      ],
    };
    const shapes = await infer(graph, {}, { opsets: { '': 17, 'my.ops': 1 } });
    const a = shapes.graph.values.get('a');
    assert.equal(a?.origin, 'unknown');
    assert.match(a?.reason ?? '', /operator Mystery \(my\.ops\) at node m is not known/);
    assert.match(shapes.graph.values.get('y')?.reason ?? '', /Mystery/);
    assert.equal(typeOf(shapes.graph, 'b'), 'FLOAT[1, ?, 3]');
    assert.equal(shapes.graph.values.get('b')?.origin, 'file');
    assert.equal(typeOf(shapes.graph, 'z'), 'FLOAT[1, ?, 3]');
    assert.equal(shapes.graph.nodes[0]?.macs, null);
    assert.match(shapes.graph.nodes[0]?.unknown ?? '', /Mystery/);
    const [unknown, ...more] = shapes.diagnostics;
    assert.deepEqual(more, []);
    assert.equal(unknown?.code, 'unknown-operator');
    assert.match(unknown?.message ?? '', /2 nodes use it, first m/);
  });

  it('warns where the file contradicts what is inferred, and keeps what is inferred', async () => {
    const shapes = await infer({
      inputs: [{ name: 'x', dims: [1, 4] }],
      outputs: [{ name: 'y', dims: [1, 5] }],
      values: [{ name: 'h', type: 'INT32', dims: [1, 4] }],
      nodes: [
        { op: 'Relu', name: 'first', inputs: ['x'], outputs: ['h'] },
        { op: 'Relu', name: 'second', inputs: ['h'], outputs: ['y'] },
      ],
    });
    assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[1, 4]');
    const found = shapes.diagnostics.map(({ code, place }) => [code, place?.node, place?.nodeIndex, place?.value]);
    assert.deepEqual(found, [
      ['shape-contradiction', 'first', 0, 'h'],
      ['shape-contradiction', 'second', 1, 'y'],
    ]);
  });

  it('gives a wrong attribute as a diagnostic at its node and goes on', async () => {
    const shapes = await infer({
      inputs: [{ name: 'x', dims: [1, 4] }],
      outputs: [{ name: 'z' }],
      nodes: [
        { op: 'Concat', name: 'bad', inputs: ['x', 'x'], outputs: ['y'], attributes: { axis: 'one' } },
        { op: 'Relu', inputs: ['x'], outputs: ['z'] },
      ],
    });
    const [diagnostic] = shapes.diagnostics;
    assert.equal(diagnostic?.code, 'attribute');
    assert.equal(diagnostic?.severity, 'error');
    assert.equal(diagnostic?.place?.node, 'bad');
    assert.match(diagnostic?.message ?? '', /axis.*string.*int/);
    assert.equal(typeOf(shapes.graph, 'z'), 'FLOAT[1, 4]');
  });

  it('survives every known operator with inputs that make no sense', async () => {
    const inputs: ValueSpec[] = [
      { name: 'scalar', dims: [] },
      { name: 'empty', type: 'INT64', dims: [0] },
      { name: 'vector', type: 'INT64', dims: ['n'] },
      { name: 'matrix', dims: [null, 3] },
      { name: 'image', dims: [1, 'c', 'h', 5] },
      { name: 'deep', type: 'BOOL', dims: [1, 1, 1, 1, 1, 1] },
      { name: 'unknown' },
    ];
    const initializers: TensorSpec[] = [
      { name: 'huge', type: 'INT64', dims: [2], values: [-(2 ** 52), 2 ** 52] },
      { name: 'negative', type: 'INT64', dims: [3], values: [-1, -1, 0] },
      { name: 'half', type: 'FLOAT', dims: [], values: [0.5] },
    ];
    const names = [...inputs.map(({ name }) => name), 'huge', 'negative', 'half', '', 'nobody'];
    const given = (offset: number, count: number) =>
      Array.from({ length: count }, (_, index) => names[(offset + index * (1 + (offset % 3))) % names.length] ?? '');
    const attributes: NodeSpec['attributes'] = {
      axis: 7,
      axes: [9, -9],
      kernel_shape: [0, 0, 2 ** 50],
      strides: [0, 0],
      dilations: [0],
      pads: [-5, 2 ** 52, 1],
      group: 0,
      perm: [3, 3],
      blocksize: 0,
      to: 99,
      dtype: 99,
      split: [-1, 2 ** 52],
      shape: [-1, -1, 0],
      num_outputs: 0,
      hidden_size: -1,
      num_heads: 0,
      q_num_heads: 0,
      kv_num_heads: 0,
      num_scan_inputs: 5,
      output_shape: [0],
      equation: 'ij,...jk->',
      mode: 'sideways',
      auto_pad: 'SAME_UPPER',
      scales: { floats: [0, -1] },
      bits: 0,
      block_size: 0,
      K: -1,
      N: 0,
    };
    for (const opset of [1, 6, 8, 10, 12, 18, 28]) {
      const nodes: NodeSpec[] = allOperators().flatMap(({ domain, type }, index) =>
        [0, 1, 2, 3, 5, 8].map((count) => ({
          ...(opset % 4 === 0 ? { attributes } : {}),
          op: type,
          domain: domain === 'ai.onnx' ? '' : domain,
          inputs: given(index + count, count),
          outputs: [`${domain} ${type} ${count}`, `${domain} ${type} ${count} second`],
        })),
      );
      const domains = new Set(nodes.map(({ domain = '' }) => domain));
      const opsets = Object.fromEntries([...domains].map((domain) => [domain, domain === '' ? opset : 1]));
      const shapes = await infer({ inputs, outputs: [], initializers, nodes }, {}, { opsets });
      for (const { type } of shapes.graph.values.values()) {
        const dims = type?.kind === 'tensor' ? (type.shape ?? []) : [];
        assert.ok(dims.every((dim) => typeof dim !== 'number' || (Number.isSafeInteger(dim) && dim >= 0)));
      }
      const failed = shapes.diagnostics.filter(({ code }) => code === 'inference-failed');
      assert.deepEqual(
        failed.map(({ message }) => message),
        [],
      );
    }
  });

  it('follows small integer tensors through shape arithmetic, also when symbolic', async () => {
    const shapes = await infer({
      inputs: [{ name: 'x', dims: ['batch', 'tokens', 64] }],
      outputs: [{ name: 'y' }],
      initializers: [
        { name: 'two', type: 'INT64', dims: [1], values: [1] },
        { name: 'heads', type: 'INT64', dims: [2], values: [8, -1] },
        { name: 'zero', type: 'INT64', dims: [1], values: [0] },
      ],
      nodes: [
        { op: 'Shape', inputs: ['x'], outputs: ['s'] },
        { op: 'Gather', inputs: ['s', 'zero'], outputs: ['b'] },
        { op: 'Gather', inputs: ['s', 'two'], outputs: ['t'] },
        { op: 'Concat', inputs: ['b', 't', 'heads'], outputs: ['target'], attributes: { axis: 0 } },
        { op: 'Reshape', inputs: ['x', 'target'], outputs: ['y'] },
      ],
    });
    assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[batch, tokens, 8, 8]');
    assert.deepEqual(shapes.graph.values.get('target')?.elements?.elements.map(dimToJson), ['batch', 'tokens', 8, -1]);
  });

  it('knows an input declared without elements', async () => {
    const shapes = await infer({
      inputs: [
        { name: 'x', dims: [3] },
        { name: 'target', type: 'INT64', dims: [0] },
        { name: 'one', dims: [1] },
      ],
      outputs: [{ name: 'y' }],
      nodes: [{ op: 'Reshape', inputs: ['one', 'target'], outputs: ['y'] }],
    });
    assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[]');
  });

  it('names a size that depends on data, and never states its bound as the size', async () => {
    const shapes = await infer({
      inputs: [{ name: 'x', dims: [4, 5] }],
      outputs: [{ name: 'z' }],
      nodes: [
        { op: 'NonZero', name: 'n', inputs: ['x'], outputs: ['y'] },
        { op: 'Transpose', inputs: ['y'], outputs: ['z'] },
      ],
    });
    assert.equal(typeOf(shapes.graph, 'z'), 'INT64[nonzero@y, 2]');
    assert.deepEqual(shapes.graph.values.get('y')?.shapeUpperBound, [2, 20]);
    assert.equal(shapes.diagnostics[0]?.code, 'data-dependent-size');
    assert.equal(shapes.diagnostics[0]?.severity, 'note');
  });

  it('marks what depends on constants only', async () => {
    const shapes = await infer({
      inputs: [{ name: 'x', dims: [2, 4] }],
      outputs: [{ name: 'y' }],
      initializers: [
        { name: 'q', type: 'INT8', dims: [4, 3], raw: new Uint8Array(12) },
        { name: 'scale', type: 'FLOAT', dims: [] },
      ],
      nodes: [
        { op: 'DequantizeLinear', inputs: ['q', 'scale'], outputs: ['w'] },
        { op: 'RandomNormalLike', inputs: ['w'], outputs: ['noise'] },
        { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] },
      ],
    });
    const constant = (name: string) => shapes.graph.values.get(name)?.constant;
    assert.deepEqual(
      [constant('q'), constant('w'), constant('noise'), constant('x'), constant('y')],
      [true, true, false, false, false],
    );
  });

  it('says when the opset is newer than those it knows', async () => {
    const shapes = await infer(convolution, { batch: 1, height: 8, 'image[3]': 8 }, { opset: 99 });
    assert.deepEqual(faults(shapes), ['newer-opset']);
    assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[1, 8, 4, 4]');
  });

  it('infers a chain of 20,000 nodes whose file lists them backwards', async () => {
    const count = 20_000;
    const nodes: NodeSpec[] = Array.from({ length: count }, (_, index) => {
      const step = count - 1 - index;
      return { op: 'Relu', inputs: [step === 0 ? 'x' : `v${step - 1}`], outputs: [`v${step}`] };
    });
    const model = await modelOf({ ir: 8, graph: { inputs: [{ name: 'x', dims: ['n', 3] }], outputs: [], nodes } });
    assert.equal(typeOf(inferShapes(model).graph, `v${count - 1}`), 'FLOAT[n, 3]');
  });

  it('limits how many diagnostics of one kind it gives', async () => {
    const nodes: NodeSpec[] = Array.from({ length: 300 }, (_, index) => ({
      op: 'Concat',
      inputs: ['x'],
      outputs: [`y${index}`],
      attributes: { axis: 'none' },
    }));
    const { diagnostics } = await infer({ inputs: [{ name: 'x', dims: [1] }], outputs: [], nodes });
    assert.equal(diagnostics.length, 101);
    assert.match(diagnostics.at(-1)?.message ?? '', /200 more/);
  });
});
