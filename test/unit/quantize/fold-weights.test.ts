import { deepEqual, equal, ok } from 'node:assert/strict';
import { applyEdits } from '../../../extension/quantize/edited-source';
import { foldWeights } from '../../../extension/quantize/preparation/fold-weights';
import { buildModel, fillValues, type GraphSpec, type NodeSpec, type TensorSpec } from '../../fixtures/model-builder';
import { compareBytes, open } from './upgraded-model';

const weight: TensorSpec = { name: 'w', type: 'FLOAT', dims: [5, 4] };
const product: NodeSpec = { op: 'MatMul', name: 'product', inputs: ['x', 'wt'], outputs: ['y'] };
const transpose: NodeSpec = { op: 'Transpose', name: 'turn', inputs: ['w'], outputs: ['wt'] };

async function fold(graph: Partial<GraphSpec>) {
  const bytes = buildModel({
    graph: {
      inputs: [{ name: 'x', dims: [3, 4] }],
      outputs: [{ name: 'y' }],
      nodes: [transpose, product],
      initializers: [weight],
      ...graph,
    },
  });
  const source = await open(bytes);
  const planned = await foldWeights.plan(source);
  if (!planned) return undefined;
  const edited = await applyEdits(source, planned.edits);
  const compared = await compareBytes(bytes, await edited.file.read(0, edited.file.size));
  const { graph: after } = edited.source.model;
  return { changes: planned.changes, compared, after, operators: after.nodes.map(({ opType }) => opType) };
}

describe('weights in their final form', () => {
  it('have Transpose in them, with the outputs of before', async () => {
    const folded = await fold({});
    ok(folded);
    deepEqual(folded.operators, ['MatMul']);
    deepEqual(
      [...folded.after.constants].map(([name, { dims }]) => [name, dims]),
      [['wt', [4, 5]]],
    );
    deepEqual(folded.changes, ['Transpose turn of a constant was replaced by its result.']);
    ok(folded.compared.compared && folded.compared.equal);
  });

  it('have a whole chain in them, and any order of axes', async () => {
    const shape: TensorSpec = { name: 'to', type: 'INT64', dims: [2], values: [4, 5] };
    const folded = await fold({
      nodes: [
        { op: 'Cast', inputs: ['w'], outputs: ['float'], attributes: { to: 1 } },
        { op: 'Transpose', inputs: ['float'], outputs: ['turned'], attributes: { perm: [1, 2, 0] } },
        { op: 'Reshape', inputs: ['turned', 'to'], outputs: ['wt'] },
        product,
      ],
      initializers: [{ name: 'w', type: 'DOUBLE', dims: [2, 5, 2], values: fillValues(20) }, shape],
    });
    ok(folded);
    deepEqual(folded.operators, ['MatMul']);
    deepEqual([...folded.after.constants.keys()], ['wt']);
    ok(folded.compared.compared && folded.compared.equal);
  });

  it('stay in one form where something takes another', async () => {
    const shared: NodeSpec = { op: 'Gather', inputs: ['w', 'row'], outputs: ['picked'] };
    const row: TensorSpec = { name: 'row', type: 'INT64', dims: [1], values: [0] };
    equal(
      await fold({
        nodes: [shared, transpose, product],
        initializers: [weight, row],
        outputs: [{ name: 'y' }, { name: 'picked' }],
      }),
      undefined,
    );
  });

  it('stay where the result is an output of the model', async () => {
    equal(await fold({ outputs: [{ name: 'y' }, { name: 'wt' }] }), undefined);
  });
});
