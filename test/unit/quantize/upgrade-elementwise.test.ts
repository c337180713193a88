import { deepEqual, rejects } from 'node:assert/strict';
import type { DataType } from '../../../extension/model/data-type';
import { QuantizationRefused } from '../../../extension/quantize/plan';
import { type AttributeSpec, buildModel, type ModelSpec } from '../../fixtures/model-builder';
import { upgrade, upgradeSame } from './upgraded-model';

type Attributes = Readonly<Record<string, AttributeSpec>>;

/** A node with the inputs `x` and `w`, of which `w` is constant. */
function binary(
  op: string,
  opset: number,
  shapes: { readonly x: readonly (number | string)[] | undefined; readonly w: readonly number[] },
  options: { readonly attributes?: Attributes; readonly type?: DataType; readonly result?: DataType } = {},
): ModelSpec {
  const { type = 'FLOAT', result = type, attributes = {} } = options;
  const count = shapes.w.reduce((product, dim) => product * dim, 1);
  const values = Array.from({ length: count }, (_, index) => (type === 'BOOL' ? index % 2 : index + 1));
  return {
    opset,
    graph: {
      inputs: [{ name: 'x', type, ...(shapes.x ? { dims: shapes.x } : {}) }],
      outputs: [{ name: 'y', type: result }],
      initializers: [{ name: 'w', type, dims: shapes.w, values }],
      nodes: [{ op, name: 'node', inputs: ['x', 'w'], outputs: ['y'], attributes }],
    },
  };
}

function unary(op: string, opset: number, attributes: Attributes, type: DataType = 'FLOAT'): ModelSpec {
  return {
    opset,
    graph: {
      inputs: [{ name: 'x', type, dims: [2, 3] }],
      outputs: [{ name: 'y', type }],
      nodes: [{ op, name: 'node', inputs: ['x'], outputs: ['y'], attributes }],
    },
  };
}

async function refused(spec: ModelSpec, pattern: RegExp): Promise<void> {
  await rejects(
    upgrade(buildModel(spec)),
    (error) => error instanceof QuantizationRefused && pattern.test(error.message),
  );
}

describe('upgrade of elementwise operators', () => {
  const groups: readonly { readonly ops: readonly string[]; readonly type: DataType; readonly result: DataType }[] = [
    { ops: ['Add', 'Sub', 'Mul', 'Div', 'Pow'], type: 'FLOAT', result: 'FLOAT' },
    { ops: ['And', 'Or', 'Xor'], type: 'BOOL', result: 'BOOL' },
    { ops: ['Greater', 'Less'], type: 'FLOAT', result: 'BOOL' },
    { ops: ['Equal'], type: 'INT64', result: 'BOOL' },
  ];
  for (const { ops, type, result } of groups) {
    for (const op of ops) {
      it(`turns the broadcast of ${op} along an axis into an Unsqueeze`, async () => {
        const x = [2, 3, 4, 5];
        const attributes = { broadcast: 1, axis: 1 };
        deepEqual(
          await upgradeSame(
            binary(op, 6, { x, w: [3, 4] }, { attributes, type, result }),
            binary(op, 13, { x, w: [3, 4, 1] }, { type, result }),
          ),
          [`1 ${op}: broadcast along an axis became an Unsqueeze`],
        );
      });
    }
  }

  it('drops a broadcast that is today’s', async () => {
    const dropped = ['1 Add: broadcast became implicit'];
    const x = [2, 3, 4];
    deepEqual(
      await upgradeSame(
        binary('Add', 5, { x, w: [4] }, { attributes: { broadcast: 1, consumed_inputs: [0, 0] } }),
        binary('Add', 13, { x, w: [4] }),
      ),
      dropped,
    );
    deepEqual(
      await upgradeSame(
        binary('Add', 6, { x, w: [3, 4] }, { attributes: { broadcast: 1, axis: 1 } }),
        binary('Add', 13, { x, w: [3, 4] }),
      ),
      dropped,
    );
    deepEqual(
      await upgradeSame(
        binary('Add', 6, { x, w: [] }, { attributes: { broadcast: 1, axis: 0 } }),
        binary('Add', 13, { x, w: [] }),
      ),
      dropped,
    );
    deepEqual(await upgradeSame(binary('Add', 7, { x, w: [4] })), []);
  });

  it('refuses a broadcast whose ranks do not fit or are not known', async () => {
    const attributes = { broadcast: 1, axis: 2 };
    await refused(binary('Mul', 6, { x: [2, 3, 4], w: [3, 4] }, { attributes }), /^Mul "node" of opset 6 .*axis 2/);
    await refused(binary('Mul', 6, { x: undefined, w: [3, 4] }, { attributes }), /ranks/);
  });

  it('gives the slopes of PRelu the channel axis', async () => {
    deepEqual(
      await upgradeSame(
        binary('PRelu', 6, { x: ['n', 3, 4, 4], w: [3] }),
        binary('PRelu', 13, { x: ['n', 3, 4, 4], w: [3, 1, 1] }),
      ),
      ['1 PRelu: the slope of each channel became explicit by an Unsqueeze'],
    );
    deepEqual(
      await upgradeSame(binary('PRelu', 6, { x: [2, 3, 4], w: [1] }), binary('PRelu', 13, { x: [2, 3, 4], w: [1] })),
      [],
    );
    await refused(binary('PRelu', 6, { x: undefined, w: [3] }), /PRelu "node".*rank/);
  });

  it('gives Clip its bounds as inputs, of the type of its input', async () => {
    const changes = ['1 Clip: min and max became inputs'];
    const bounds = { min: { float: -0.25 }, max: { float: 0.5 } };
    deepEqual(await upgradeSame(unary('Clip', 6, bounds), unary('Clip', 10, bounds)), changes);
    for (const type of ['FLOAT', 'DOUBLE', 'FLOAT16'] as const) {
      const half = { opset: 13, graph: clipGraph(type) };
      deepEqual(await upgradeSame(unary('Clip', 9, bounds, type), half), changes);
    }
    deepEqual(await upgradeSame(unary('Clip', 9, { max: { float: 0.5 } })), changes);
    deepEqual(await upgradeSame(unary('Clip', 9, { min: { float: 0 } })), changes);
    deepEqual(await upgradeSame(unary('Clip', 9, {})), []);
  });

  it('keeps the defaults of Selu', async () => {
    const selu = (opset: number, attributes: Attributes) => unary('Selu', opset, attributes);
    deepEqual(await upgradeSame(selu(5, {}), selu(13, { alpha: { float: 1.6732 }, gamma: { float: 1.0507 } })), [
      '1 Selu: alpha and gamma made explicit',
    ]);
    deepEqual(await upgradeSame(selu(6, {})), []);
  });

  it('gives Cast its type as a code', async () => {
    const cast = (opset: number, to: number | string): ModelSpec => ({
      opset,
      graph: {
        inputs: [{ name: 'x', dims: [4] }],
        outputs: [{ name: 'y', type: 'INT32' }],
        nodes: [{ op: 'Cast', name: 'node', inputs: ['x'], outputs: ['y'], attributes: { to } }],
      },
    });
    deepEqual(await upgradeSame(cast(5, 'INT32'), cast(13, 6)), ['1 Cast: the type it casts to became a code']);
    deepEqual(await upgradeSame(cast(9, 6)), []);
    await refused(cast(5, 'INTEGER'), /Cast "node".*INTEGER/);
  });

  it('gives Dropout its ratio as an input and leaves an unused mask out', async () => {
    const dropout = (opset: number, attributes: Attributes, mask: boolean): ModelSpec => ({
      opset,
      graph: {
        inputs: [{ name: 'x', dims: [4] }],
        outputs: [{ name: 'y' }],
        ...(mask ? { values: [{ name: 'mask', dims: [4] }] } : {}),
        nodes: [{ op: 'Dropout', name: 'node', inputs: ['x'], outputs: mask ? ['y', 'mask'] : ['y'], attributes }],
      },
    });
    const ratio = { ratio: { float: 0.3 } };
    deepEqual(await upgradeSame(dropout(10, ratio, false)), ['1 Dropout: ratio became an input']);
    deepEqual(await upgradeSame(dropout(7, ratio, true)), [
      '1 Dropout: ratio became an input, the unused mask left out',
    ]);
    await upgradeSame(dropout(6, { ...ratio, is_test: 1 }, true), dropout(13, {}, false));
    deepEqual(await upgradeSame(dropout(7, {}, false)), []);
    await refused(dropout(6, ratio, false), /training/);
    const used = dropout(7, ratio, true);
    await refused({ ...used, graph: { ...used.graph, outputs: [{ name: 'y' }, { name: 'mask' }] } }, /mask/);
  });

  it('removes consumed_inputs', async () => {
    deepEqual(await upgradeSame(unary('Relu', 1, { consumed_inputs: [0] }), unary('Relu', 13, {})), [
      '1 Relu: consumed_inputs removed',
    ]);
  });
});

function clipGraph(type: DataType): ModelSpec['graph'] {
  const bound = (name: string, value: number, half: number) => ({
    name,
    type,
    dims: [],
    values: [type === 'FLOAT16' ? half : value],
  });
  return {
    inputs: [{ name: 'x', type, dims: [2, 3] }],
    outputs: [{ name: 'y', type }],
    initializers: [bound('low', -0.25, 0xb400), bound('high', 0.5, 0x3800)],
    nodes: [{ op: 'Clip', inputs: ['x', 'low', 'high'], outputs: ['y'] }],
  };
}
