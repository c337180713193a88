import { deepEqual, rejects } from 'node:assert/strict';
import { QuantizationRefused } from '../../../extension/quantize/plan';
import { type AttributeSpec, buildModel, type ModelSpec, type ValueSpec } from '../../fixtures/model-builder';
import { upgrade, upgradeSame } from './upgraded-model';

interface Example {
  readonly opset: number;
  readonly dims: ValueSpec['dims'];
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
  readonly outputs?: readonly ValueSpec[];
}

/** One node with one input `x`. */
function one(op: string, { opset, dims, attributes = {}, outputs = [{ name: 'y' }] }: Example): ModelSpec {
  return {
    opset,
    graph: {
      inputs: [{ name: 'x', ...(dims ? { dims } : {}) }],
      outputs,
      nodes: [{ op, name: 'node', inputs: ['x'], outputs: outputs.map((output) => output.name), attributes }],
    },
  };
}

describe('upgrade of axes, sizes and bounds', () => {
  it('gives Squeeze, Unsqueeze and ReduceSum their axes as an input', async () => {
    deepEqual(await upgradeSame(one('Squeeze', { opset: 9, dims: [1, 3, 1], attributes: { axes: [0, 2] } })), [
      '1 Squeeze: axes became an input',
    ]);
    deepEqual(await upgradeSame(one('Unsqueeze', { opset: 11, dims: [3], attributes: { axes: [0, -1] } })), [
      '1 Unsqueeze: axes became an input',
    ]);
    deepEqual(
      await upgradeSame(one('ReduceSum', { opset: 12, dims: [2, 3], attributes: { axes: [-1], keepdims: 0 } })),
      ['1 ReduceSum: axes became an input'],
    );
  });

  it('leaves them alone where they have no axes', async () => {
    deepEqual(await upgradeSame(one('Squeeze', { opset: 9, dims: [1, 3, 1] })), []);
    deepEqual(await upgradeSame(one('ReduceSum', { opset: 9, dims: [2, 3], attributes: { keepdims: 0 } })), []);
  });

  it('gives Split its sizes as an input', async () => {
    const outputs = [{ name: 'y' }, { name: 'z' }];
    deepEqual(
      await upgradeSame(one('Split', { opset: 9, dims: [2, 5], attributes: { axis: 1, split: [2, 3] }, outputs })),
      ['1 Split: split became an input'],
    );
    deepEqual(await upgradeSame(one('Split', { opset: 12, dims: [4], outputs })), []);
  });

  it('gives Slice, TopK and Reshape their inputs', async () => {
    deepEqual(
      await upgradeSame(
        one('Slice', { opset: 9, dims: [4, 5], attributes: { starts: [1, -3], ends: [100, -1], axes: [0, 1] } }),
      ),
      ['1 Slice: starts, ends and axes became inputs'],
    );
    await upgradeSame(one('Slice', { opset: 7, dims: [4, 5], attributes: { starts: [1], ends: [3] } }));
    const outputs: ValueSpec[] = [{ name: 'y' }, { name: 'z', type: 'INT64' }];
    deepEqual(await upgradeSame(one('TopK', { opset: 9, dims: [2, 6], attributes: { k: 3, axis: 1 }, outputs })), [
      '1 TopK: k became an input',
    ]);
    deepEqual(
      await upgradeSame(
        one('Reshape', { opset: 4, dims: [2, 6], attributes: { shape: [0, -1, 2], consumed_inputs: [0] } }),
        {
          opset: 13,
          graph: {
            inputs: [{ name: 'x', dims: [2, 6] }],
            outputs: [{ name: 'y' }],
            initializers: [{ name: 'shape', type: 'INT64', dims: [3], values: [0, -1, 2] }],
            nodes: [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
          },
        },
      ),
      ['1 Reshape: shape became an input'],
    );
  });

  it('gives Pad its pads and value as inputs', async () => {
    const attributes = { pads: [1, 0, 0, 2], mode: 'constant', value: { float: 1.5 } };
    const padded = one('Pad', { opset: 9, dims: [2, 3], attributes });
    deepEqual(await upgradeSame(padded), ['1 Pad: pads and value became inputs']);
    await upgradeSame(one('Pad', { opset: 10, dims: [4, 5], attributes: { pads: [1, 1, 1, 1], mode: 'reflect' } }));
    const { pads, ...others } = attributes;
    deepEqual(
      await upgradeSame(one('Pad', { opset: 1, dims: [2, 3], attributes: { ...others, paddings: pads } }), padded),
      ['1 Pad: paddings and value became inputs'],
    );
  });

  it('gives Tile of opset 1 a count for every axis', async () => {
    const tile = (opset: number, constants: readonly { name: string; dims: number[]; values: number[] }[]) => ({
      opset,
      graph: {
        inputs: [{ name: 'x', dims: [2, 3] }],
        outputs: [{ name: 'y' }],
        initializers: constants.map((constant) => ({ ...constant, type: 'INT64' as const })),
        nodes: [{ op: 'Tile', inputs: ['x', ...constants.map(({ name }) => name)], outputs: ['y'] }],
      },
    });
    await upgradeSame(
      tile(1, [
        { name: 'tiles', dims: [], values: [2] },
        { name: 'axis', dims: [], values: [1] },
      ]),
      tile(13, [{ name: 'repeats', dims: [2], values: [1, 2] }]),
    );
    const open: ModelSpec = {
      opset: 1,
      graph: {
        inputs: [
          { name: 'x', dims: [2, 3] },
          { name: 'tiles', type: 'INT64', dims: [] },
          { name: 'axis', type: 'INT64', dims: [] },
        ],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'Tile', name: 'repeat', inputs: ['x', 'tiles', 'axis'], outputs: ['y'] }],
      },
    };
    await rejects(
      upgrade(buildModel(open)),
      (error) => error instanceof QuantizationRefused && /Tile "repeat"/.test(error.message),
    );
  });

  it('makes the axis of Concat explicit', async () => {
    const concat = (opset: number, attributes: Record<string, number>): ModelSpec => ({
      opset,
      graph: {
        inputs: [{ name: 'x', dims: [2, 3] }],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'Concat', inputs: ['x', 'x'], outputs: ['y'], attributes }],
      },
    });
    deepEqual(await upgradeSame(concat(3, {}), concat(13, { axis: 1 })), ['1 Concat: axis made explicit']);
    deepEqual(await upgradeSame(concat(9, { axis: 0 })), []);
  });

  for (const op of ['Softmax', 'LogSoftmax', 'Hardmax']) {
    describe(op, () => {
      const explicit = [`1 ${op}: axis made explicit`];
      const flattened = [`1 ${op}: taken over several axes as before, by Flatten and Reshape`];

      it('names the axis where one axis is meant', async () => {
        deepEqual(await upgradeSame(one(op, { opset: 9, dims: [2, 3] })), explicit);
        deepEqual(await upgradeSame(one(op, { opset: 9, dims: ['batch', 3] })), explicit);
        deepEqual(await upgradeSame(one(op, { opset: 11, dims: [2, 3, 1, 1] })), explicit);
        deepEqual(await upgradeSame(one(op, { opset: 11, dims: [2, 3, 4], attributes: { axis: 2 } })), []);
        // Without a rank the engine has no input to run with.
        const unknownRank = buildModel(one(op, { opset: 12, dims: undefined, attributes: { axis: -1 } }));
        deepEqual((await upgrade(unknownRank)).changes, []);
      });

      it('keeps taking it over several axes', async () => {
        deepEqual(await upgradeSame(one(op, { opset: 9, dims: [2, 3, 4] })), flattened);
        deepEqual(await upgradeSame(one(op, { opset: 12, dims: [2, 3, 4], attributes: { axis: 0 } })), flattened);
        deepEqual(await upgradeSame(one(op, { opset: 11, dims: [2, 3, 4], attributes: { axis: -2 } })), flattened);
        deepEqual(await upgradeSame(one(op, { opset: 11, dims: [2, 'rows', 4] })), flattened);
      });

      it('does not take a size that the user bound for one of the model', async () => {
        const model = buildModel(one(op, { opset: 11, dims: [2, 3, 'columns'] }));
        deepEqual((await upgrade(model, new Map([['columns', 1]]))).changes, flattened);
      });
    });
  }
});
