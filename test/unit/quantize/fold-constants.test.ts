import { deepEqual, equal, ok } from 'node:assert/strict';
import { rewriteModel } from '../../../extension/onnx/edit';
import { foldConstants } from '../../../extension/quantize/preparation/fold-constants';
import {
  buildModel,
  type GraphSpec,
  type ModelSpec,
  type NodeSpec,
  type TensorSpec,
} from '../../fixtures/model-builder';
import { compareBytes, open } from './upgraded-model';

const axis: TensorSpec = { name: 'axis', type: 'INT64', dims: [1], values: [0] };
const last: TensorSpec = { name: 'last', type: 'INT64', dims: [1], values: [-1] };

/** Reshape to [first dimension, -1], as exporters write it. */
const flatten: readonly NodeSpec[] = [
  { op: 'Shape', name: 'shape', inputs: ['x'], outputs: ['s'] },
  { op: 'Gather', name: 'first', inputs: ['s', 'axis'], outputs: ['n'] },
  { op: 'Concat', name: 'sizes', inputs: ['n', 'last'], outputs: ['to'], attributes: { axis: 0 } },
  { op: 'Reshape', inputs: ['x', 'to'], outputs: ['y'] },
];

function model(graph: Partial<GraphSpec>, first: number | string = 2): ModelSpec {
  return {
    graph: {
      inputs: [{ name: 'x', dims: [first, 3, 4] }],
      outputs: [{ name: 'y' }],
      nodes: flatten,
      initializers: [axis, last],
      ...graph,
    },
  };
}

async function fold(spec: ModelSpec, bindings?: ReadonlyMap<string, number>) {
  const bytes = buildModel(spec);
  const source = await open(bytes, bindings);
  const planned = await foldConstants.plan(source);
  if (!planned) return undefined;
  const { model: file } = await rewriteModel(source.model, source.bytes.source, planned.edits, { kind: 'inline' });
  const folded = await file.read(0, file.size);
  const comparison = await compareBytes(bytes, folded);
  ok(comparison.compared && comparison.equal);
  const { graph } = (await open(folded)).model;
  return {
    operators: graph.nodes.map(({ opType }) => opType),
    constants: [...graph.constants.keys()],
    changes: planned.changes,
  };
}

describe('constant folding', () => {
  it('computes what follows from fixed shapes, and keeps only results that are taken', async () => {
    deepEqual(await fold(model({})), {
      operators: ['Reshape'],
      constants: ['to'],
      changes: [
        'Shape shape was replaced by its result.',
        'Gather first was replaced by its result.',
        'Concat sizes was replaced by its result.',
      ],
    });
  });

  it('leaves what depends on an open size, also where a person bound it', async () => {
    equal(await fold(model({}, 'batch')), undefined);
    equal(await fold(model({}, 'batch'), new Map([['batch', 2]])), undefined);
  });

  it('leaves graph outputs, constants that a caller may replace, and random numbers', async () => {
    const shapeOut = await fold(model({ outputs: [{ name: 'y' }, { name: 's', type: 'INT64' }] }));
    deepEqual(shapeOut?.operators, ['Shape', 'Reshape']);
    const inputs = [{ name: 'x', dims: [2, 3, 4] }, { name: 'last', type: 'INT64', dims: [1] } as const];
    equal(await fold(model({ inputs })), undefined);
    const random: readonly NodeSpec[] = [
      { op: 'RandomUniform', inputs: [], outputs: ['r'], attributes: { shape: [2], dtype: 1 } },
      { op: 'Cast', inputs: ['r'], outputs: ['i'], attributes: { to: 7 } },
      { op: 'Mul', inputs: ['i', 'axis'], outputs: ['z'] },
      { op: 'Cast', inputs: ['z'], outputs: ['y'], attributes: { to: 1 } },
    ];
    const operators = (await fold(model({ nodes: random })))?.operators ?? ['RandomUniform'];
    ok(operators.includes('RandomUniform'));
  });

  it('keeps results that the body of a node takes', async () => {
    const branch = {
      nodes: [{ op: 'Reshape', inputs: ['x', 'to'], outputs: ['z'] }],
      outputs: [{ name: 'z', type: 'FLOAT', dims: [2, 12] } as const],
    };
    const choice: NodeSpec = {
      op: 'If',
      inputs: ['c'],
      outputs: ['y'],
      attributes: { then_branch: { graph: branch }, else_branch: { graph: branch } },
    };
    const inputs = [{ name: 'x', dims: [2, 3, 4] }, { name: 'c', type: 'BOOL', dims: [] } as const];
    const folded = await fold(model({ inputs, nodes: [...flatten.slice(0, 3), choice] }));
    deepEqual(folded?.operators, ['If']);
    deepEqual(folded?.constants, ['to']);
  });

  it('leaves results that are long', async () => {
    const nodes: readonly NodeSpec[] = [
      { op: 'Expand', inputs: ['axis', 'long'], outputs: ['many'] },
      { op: 'Cast', inputs: ['many'], outputs: ['f'], attributes: { to: 1 } },
      { op: 'ReduceSum', inputs: ['f'], outputs: ['sum'] },
      { op: 'Add', inputs: ['x', 'sum'], outputs: ['y'] },
    ];
    const long: TensorSpec = { name: 'long', type: 'INT64', dims: [1], values: [2000] };
    equal(await fold(model({ nodes, initializers: [axis, long] })), undefined);
  });
});
