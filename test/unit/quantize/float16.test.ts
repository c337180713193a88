import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { onnx } from 'onnx-proto';
import { combineErrors } from '../../../extension/quantize/weight-error';
import { buildModel, type GraphSpec, type ModelSpec, type TensorSpec } from '../../fixtures/model-builder';
import { float, float16, half, halfThatRuns, planHalf, streamed } from './float16-model';

const x = { name: 'x', dims: [2, 8] };
const y = { name: 'y', dims: [2, 8] };
const weight = (name: string, ...dims: number[]): TensorSpec => ({ name, type: 'FLOAT', dims });
const scalar = (name: string, value: number): TensorSpec => ({ name, type: 'FLOAT', dims: [], values: [value] });
const product = { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] };
const simple: GraphSpec = { inputs: [x], outputs: [y], nodes: [product], initializers: [weight('w', 8, 8)] };

describe('float16', () => {
  it('converts weights and compute, and leaves the types of inputs and outputs', async () => {
    const { nodes, initializers, proto, plan } = await halfThatRuns({ graph: simple });
    assert.deepEqual(nodes, ['Cast', 'MatMul', 'Cast']);
    assert.equal(initializers.get('w'), float16);
    for (const value of [...(proto.graph?.input ?? []), ...(proto.graph?.output ?? [])]) {
      assert.equal(value.type?.tensorType?.elemType, float);
    }
    assert.deepEqual(plan.left, []);
    assert.match(plan.passes.map(({ changes }) => changes.join(' ')).join(' '), /65,504/);
  });

  it('gives names that are free, and rewrites value_info', async () => {
    const { proto } = await halfThatRuns({
      graph: {
        inputs: [x],
        outputs: [y, { name: 'x_float16_Cast', dims: [2, 8] }],
        values: [{ name: 'y_float16', dims: [2, 8] }],
        nodes: [
          { op: 'Relu', inputs: ['x'], outputs: ['y_float16'] },
          { op: 'MatMul', inputs: ['y_float16', 'w'], outputs: ['y'] },
          { op: 'Relu', inputs: ['y'], outputs: ['x_float16_Cast'] },
        ],
        initializers: [weight('w', 8, 8)],
      },
    });
    const made = (proto.graph?.node ?? []).flatMap((node) => node.output ?? []);
    assert.equal(new Set(made).size, made.length);
    assert.equal(proto.graph?.valueInfo?.[0]?.type?.tensorType?.elemType, float16);
  });

  it('sorts nodes that are out of order and says so', async () => {
    const nodes = [
      { op: 'Relu', inputs: ['t'], outputs: ['y'] },
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['t'] },
    ];
    const { plan, nodes: written } = await half({ graph: { ...simple, nodes } });
    assert.deepEqual(written, ['Cast', 'MatMul', 'Relu', 'Cast']);
    assert.ok(plan.passes.some(({ pass }) => pass === 'topological order'));
  });

  it('changes nothing where there is no float32 constant', async () => {
    const relu = buildModel({
      graph: { inputs: [x], outputs: [y], nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }] },
    });
    const plan = await planHalf(relu);
    assert.deepEqual(Buffer.from(await streamed(plan.file)), Buffer.from(relu));
    assert.match(plan.passes[0]?.changes[0] ?? '', /Nothing is changed/);
  });

  describe('constants', () => {
    it('converts Constant nodes, also those of value_float and value_floats', async () => {
      const { plan, proto } = await halfThatRuns({
        graph: {
          inputs: [x],
          outputs: [y],
          nodes: [
            { op: 'Constant', inputs: [], outputs: ['a'], attributes: { value_float: { float: 2.5 } } },
            {
              op: 'Constant',
              inputs: [],
              outputs: ['b'],
              attributes: { value_floats: { floats: [1, 2, 3, 4, 5, 6, 7, 8] } },
            },
            { op: 'Constant', inputs: [], outputs: ['c'], attributes: { value: { tensor: weight('c', 2, 8) } } },
            { op: 'Mul', inputs: ['x', 'a'], outputs: ['xa'] },
            { op: 'Add', inputs: ['xa', 'b'], outputs: ['xab'] },
            { op: 'Sub', inputs: ['xab', 'c'], outputs: ['y'] },
          ],
        },
      });
      assert.equal(plan.converted.length, 3);
      const attributes = (proto.graph?.node ?? [])
        .filter(({ opType }) => opType === 'Constant')
        .map(({ attribute }) => attribute);
      assert.deepEqual(
        attributes.map((list) => list?.map((attribute) => [attribute.name, attribute.t?.dataType])),
        [[['value', float16]], [['value', float16]], [['value', float16]]],
      );
    });

    it('stores a small one in both types where both are wanted, and a large one once', async () => {
      const scales = { name: 'scales', type: 'FLOAT', dims: [4], values: [1, 1, 2, 2] } as const;
      const small = await halfThatRuns({
        graph: {
          inputs: [
            { name: 'image', dims: [1, 1, 4, 4] },
            { name: 'x', dims: [4] },
          ],
          outputs: [
            { name: 'r', dims: [1, 1, 8, 8] },
            { name: 'y', dims: [4] },
          ],
          nodes: [
            { op: 'Resize', inputs: ['image', '', 'scales'], outputs: ['r'], attributes: { mode: 'nearest' } },
            { op: 'Mul', inputs: ['x', 'scales'], outputs: ['y'] },
          ],
          initializers: [scales],
        },
      });
      assert.deepEqual([...small.initializers.values()].sort(), [float, float16]);
      assert.equal(small.initializers.get('scales'), float);
      const large = await halfThatRuns({
        graph: {
          inputs: [
            { name: 's', dims: [1, 1, 20] },
            { name: 'x', dims: [1, 20, 4] },
          ],
          outputs: [
            { name: 'n', type: 'INT64', dims: ['k', 3] },
            { name: 'y', dims: [1, 20, 4] },
          ],
          nodes: [
            { op: 'NonMaxSuppression', inputs: ['boxes', 's'], outputs: ['n'] },
            { op: 'Mul', inputs: ['boxes', 'x'], outputs: ['y'] },
          ],
          initializers: [weight('boxes', 1, 20, 4)],
        },
      });
      assert.deepEqual([...large.initializers], [['boxes', float16]]);
    });

    it('keeps the type of an initializer that is an output', async () => {
      const outputs = [y, { name: 'w', dims: [8, 8] }];
      const { initializers } = await halfThatRuns({ graph: { ...simple, outputs } });
      assert.equal(initializers.get('w'), float);
    });

    it('leaves what a caller may override as float32, and reports it', async () => {
      const inputs = [x, { name: 'w', dims: [8, 8] }];
      const graph = { ...simple, inputs, nodes: [product, { op: 'Mul', inputs: ['y', 'v'], outputs: ['z'] }] };
      const outputs = [{ name: 'z', dims: [2, 8] }];
      const { plan, initializers } = await halfThatRuns({
        graph: { ...graph, outputs, initializers: [weight('w', 8, 8), weight('v', 8)] },
      });
      assert.deepEqual([initializers.get('w'), initializers.get('v')], [float, float16]);
      assert.match(plan.left[0]?.reason ?? '', /graph input/);
    });

    it('raises an IR version below 4, takes weights off the inputs and keeps opset and operators', async () => {
      const inputs = [x, { name: 'w', dims: [8, 8] }];
      const { proto, plan } = await halfThatRuns({ ir: 3, opset: 9, graph: { ...simple, inputs } });
      assert.match(plan.passes.at(-1)?.changes[0] ?? '', /from 3 to 4, and the weight w left the graph inputs\.$/);
      assert.equal(Number(proto.irVersion), 4);
      assert.deepEqual(
        proto.graph?.input?.map(({ name }) => name),
        ['x'],
      );
      assert.equal(Number(proto.opsetImport?.[0]?.version), 9);
    });

    it('writes the opset that a file older than IR 3 does not say', async () => {
      const { proto } = await half({
        ir: 1,
        opsets: {},
        graph: { ...simple, inputs: [x, { name: 'w', dims: [8, 8] }] },
      });
      assert.equal(Number(proto.opsetImport?.[0]?.version), 13);
    });

    it('counts magnitudes above 65,504 and values that vanish, before anything is written', async () => {
      const values = [1, 70000, -1e9, 65504, 1e-9, -1e-30, 0, 6e-8];
      const graph = { ...simple, nodes: [{ ...product, op: 'Mul' }], initializers: [{ ...weight('w', 8), values }] };
      const plan = await planHalf({ graph });
      const error = await combineErrors(plan.converted);
      assert.deepEqual([error.overflows, error.underflows, error.tensors], [2, 2, 1]);
      const proto = onnx.ModelProto.decode(await streamed(plan.file));
      const raw = Uint8Array.from(proto.graph?.initializer?.[0]?.rawData ?? []);
      assert.deepEqual([...new Uint16Array(raw.buffer)], [0x3c00, 0x7bff, 0xfbff, 0x7bff, 0, 0x8000, 0, 1]);
    });

    it('keeps a divisor from zero that a tiny number kept from it', async () => {
      const nodes = [
        { op: 'Mul', inputs: ['x', 'zero'], outputs: ['n'] },
        { op: 'Add', inputs: ['n', 'epsilon'], outputs: ['d'] },
        { op: 'Div', inputs: ['n', 'd'], outputs: ['y'] },
      ];
      await halfThatRuns({ graph: { ...simple, nodes, initializers: [scalar('zero', 0), scalar('epsilon', 1e-12)] } });
    });
  });

  it('gives external weights a data file of the predicted size', async () => {
    const external = { ...weight('w', 32, 64), external: { location: 'm.data', offset: 0, length: 8192 } };
    const graph: GraphSpec = {
      inputs: [{ name: 'x', dims: [2, 32] }],
      outputs: [{ name: 'y', dims: [2, 64] }],
      nodes: [product],
      initializers: [external],
    };
    const plan = await planHalf({ graph }, new Uint8Array(8192));
    assert.ok(plan.dataFile);
    assert.equal((await streamed(plan.dataFile)).length, 4096);
    assert.equal(plan.predictedExternalBytes, 4096);
  });

  it('predicts the size of what it writes, which does not depend on values', async () => {
    const operators = fc.constantFrom('Relu', 'Sigmoid', 'Mul', 'Add', 'MatMul', 'FastGelu', 'Transpose', 'Celu');
    const models = fc
      .array(operators, { minLength: 1, maxLength: 8 })
      .chain((ops) => fc.record({ ops: fc.constant(ops), seed: fc.double({ noNaN: true, min: -1e6, max: 1e6 }) }));
    await fc.assert(
      fc.asyncProperty(models, fc.integer({ min: 0, max: 7 }), async ({ ops, seed }, outputAt) => {
        const model = (value: number): ModelSpec => ({
          opsets: { '': 17, 'com.microsoft': 1 },
          graph: {
            inputs: [{ name: 'v0', dims: [8, 8] }],
            outputs: [...new Set([ops.length, Math.min(outputAt, ops.length)])].map((index) => ({
              name: `v${index}`,
              dims: [8, 8],
            })),
            nodes: ops.map((op, index) => ({
              op,
              domain: op === 'FastGelu' ? 'com.microsoft' : '',
              inputs: ['Mul', 'Add', 'MatMul'].includes(op) ? [`v${index}`, 'w'] : [`v${index}`],
              outputs: [`v${index + 1}`],
            })),
            initializers: [{ ...weight('w', 8, 8), values: Array.from({ length: 64 }, () => value) }],
          },
        });
        const { plan } = await half(model(seed));
        const other = await planHalf(model(0));
        assert.equal(plan.predictedFileBytes, (await streamed(plan.file)).length);
        assert.equal(plan.predictedFileBytes, other.predictedFileBytes);
      }),
      { numRuns: 60 },
    );
  });
});
