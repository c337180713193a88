import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { type CompareOptions, compareModels } from '../../../extension/inference/compare-models';
import { loadWasmFromDisk } from '../../../extension/inference/node-wasm';
import { createWebEngine } from '../../../extension/inference/web-engine';
import { type ByteSource, MemoryByteSource } from '../../../extension/onnx/byte-source';
import { buildModel, type GraphSpec, type ModelSpec } from '../../fixtures/model-builder';

const engine = createWebEngine(loadWasmFromDisk);

function compare(source: ModelSpec, changed: ModelSpec, options: Partial<CompareOptions> = {}) {
  return compareModels(bytes(source), bytes(changed), { engine, ...options });
}

function bytes(spec: ModelSpec): ByteSource {
  return new MemoryByteSource(buildModel(spec));
}

function scaled(weight: number, opset = 13): ModelSpec {
  return {
    opset,
    graph: {
      inputs: [{ name: 'x', dims: ['batch', 4] }],
      outputs: [{ name: 'y', dims: ['batch', 4] }],
      initializers: [{ name: 'w', type: 'FLOAT', dims: [1], values: [weight] }],
      nodes: [{ op: 'Mul', inputs: ['x', 'w'], outputs: ['y'] }],
    },
  };
}

function single(op: string, graph: Partial<GraphSpec>, attributes: Record<string, number> = {}): ModelSpec {
  return {
    opset: 13,
    graph: {
      inputs: [{ name: 'x', dims: [4] }],
      outputs: [{ name: 'y', dims: [4] }],
      nodes: [{ op, inputs: ['x'], outputs: ['y'], attributes }],
      ...graph,
    },
  };
}

describe('compareModels', () => {
  it('finds a model equal to itself', async () => {
    deepEqual(await compare(scaled(2), scaled(2, 12)), {
      compared: true,
      outputs: 1,
      maxAbsoluteDifference: 0,
      maxRelativeDifference: 0,
      equal: true,
    });
  });

  it('measures a difference', async () => {
    const result = await compare(scaled(2), scaled(3));
    ok(result.compared);
    equal(result.equal, false);
    ok(Math.abs(result.maxRelativeDifference - 0.5) < 1e-6);
  });

  it('lets a difference of rounding pass', async () => {
    const result = await compare(scaled(2), scaled(2.000001));
    ok(result.compared && result.equal && result.maxAbsoluteDifference > 0);
  });

  it('compares integers exactly', async () => {
    const integers = (value: number): ModelSpec => ({
      opset: 13,
      graph: {
        inputs: [{ name: 'x', type: 'INT64', dims: [2] }],
        outputs: [{ name: 'y', type: 'INT64', dims: [2] }],
        initializers: [{ name: 'w', type: 'INT64', dims: [1], values: [value] }],
        nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
      },
    });
    const result = await compare(integers(100_000_000), integers(100_000_001));
    ok(result.compared);
    equal(result.equal, false);
    equal(result.maxAbsoluteDifference, 1);
  });

  it('finds NaN equal to NaN and nothing else', async () => {
    // Inputs are on both sides of zero, so that Log gives numbers and NaN.
    const log = await compare(single('Log', {}), single('Log', {}));
    ok(log.compared && log.equal);
    const other = await compare(single('Log', {}), single('Neg', {}));
    ok(other.compared && !other.equal);
    equal(other.maxAbsoluteDifference, Number.POSITIVE_INFINITY);
  });

  it('finds another output shape or another output name unequal', async () => {
    const shape = await compare(
      single('Neg', {}),
      single('Unsqueeze', {
        outputs: [{ name: 'y', dims: [1, 4] }],
        initializers: [{ name: 'axes', type: 'INT64', dims: [1], values: [0] }],
        nodes: [{ op: 'Unsqueeze', inputs: ['x', 'axes'], outputs: ['y'] }],
      }),
    );
    ok(shape.compared && !shape.equal);
    const name = await compare(
      single('Neg', {}),
      single('Neg', {
        outputs: [{ name: 'z', dims: [4] }],
        nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['z'] }],
      }),
    );
    ok(name.compared && !name.equal);
  });

  it('takes sizes from the caller, and finds some that run where none are given', async () => {
    const seen: string[] = [];
    const sizes = (symbol: string) => {
      seen.push(symbol);
      return 3;
    };
    ok((await compare(scaled(2), scaled(2), { sizes })).compared);
    ok(seen.includes('batch'));
    const needsTwo = single('Slice', {
      inputs: [{ name: 'x', dims: ['length'] }],
      outputs: [{ name: 'y', dims: [2] }],
      initializers: [{ name: 'pair', type: 'FLOAT', dims: [2], values: [1, 2] }],
      nodes: [
        { op: 'Concat', inputs: ['x', 'pair'], outputs: ['joined'], attributes: { axis: 0 } },
        { op: 'Split', inputs: ['joined'], outputs: ['y', 'rest'], attributes: { axis: 0 } },
        { op: 'Add', inputs: ['y', 'rest'], outputs: ['sum'] },
      ],
    });
    ok((await compare(needsTwo, needsTwo)).compared);
  });

  it('does the same twice', async () => {
    deepEqual(await compare(scaled(2), scaled(3)), await compare(scaled(2), scaled(3)));
  });

  it('says why a model was not compared', async () => {
    const unknown = await compare(single('NoSuchOperator', {}), single('Neg', {}));
    ok(!unknown.compared);
    match(unknown.reason, /^The engine does not run the model: .*NoSuchOperator/);
    const changed = await compare(single('Neg', {}), single('NoSuchOperator', {}));
    ok(!changed.compared);
    match(changed.reason, /after the change/);
  });

  it('does not compare a model of random numbers', async () => {
    const result = await compare(single('RandomNormalLike', {}), single('RandomUniformLike', {}));
    ok(!result.compared);
    match(result.reason, /random/);
  });

  it('does not load a model that is too large', async () => {
    const large: ByteSource = {
      size: 2 ** 31,
      read: () => Promise.reject(new Error('must not be read')),
    };
    const result = await compareModels(large, large, { engine });
    ok(!result.compared);
    match(result.reason, /1 GiB/);
  });

  it('stops when told to', async () => {
    const stop = AbortSignal.abort();
    const result = await compare(scaled(1), scaled(1), { signal: stop }).catch((error: unknown) => error);
    equal(result, stop.reason);
  });
});
