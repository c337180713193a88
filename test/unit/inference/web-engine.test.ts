import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { EngineRefused, type EngineTensor } from '../../../extension/inference/engine';
import { loadWasmFromDisk } from '../../../extension/inference/node-wasm';
import { createWebEngine } from '../../../extension/inference/web-engine';
import type { DataType } from '../../../extension/model/data-type';
import { buildModel, rawBytes } from '../../fixtures/model-builder';

const engine = createWebEngine(loadWasmFromDisk);

function tensor(dataType: DataType, dims: readonly number[], values: readonly number[]): EngineTensor {
  return { dataType, dims, data: rawBytes(dataType, values) };
}

const addModel = buildModel({
  opset: 13,
  graph: {
    inputs: [{ name: 'x', dims: ['batch', 2] }],
    outputs: [{ name: 'y', dims: ['batch', 2] }],
    initializers: [{ name: 'b', type: 'FLOAT', dims: [2], values: [10, 20] }],
    nodes: [
      { op: 'Neg', inputs: ['x'], outputs: ['negative'] },
      { op: 'Add', inputs: ['negative', 'b'], outputs: ['y'] },
    ],
  },
});

describe('web engine', () => {
  it('describes and runs a model', async () => {
    const session = await engine.open(addModel);
    deepEqual(session.inputs, [{ name: 'x', dataType: 'FLOAT', dims: ['batch', 2] }]);
    deepEqual(session.outputs, [{ name: 'y', dataType: 'FLOAT', dims: ['batch', 2] }]);
    const outputs = await session.run(new Map([['x', tensor('FLOAT', [2, 2], [1, 2, 3, 4])]]));
    deepEqual(outputs.get('y'), tensor('FLOAT', [2, 2], [9, 18, 7, 16]));
    await session.release();
  });

  it('opens values inside the graph', async () => {
    const session = await engine.open(addModel, { extraOutputs: ['negative'] });
    deepEqual(
      session.outputs.map((output) => output.name),
      ['y', 'negative'],
    );
    const outputs = await session.run(new Map([['x', tensor('FLOAT', [1, 2], [1, 2])]]));
    deepEqual(outputs.get('negative'), tensor('FLOAT', [1, 2], [-1, -2]));
    await session.release();
  });

  it('passes every element type through', async () => {
    const types: readonly DataType[] = [
      ...(['FLOAT', 'DOUBLE', 'FLOAT16', 'INT8', 'UINT8', 'INT16', 'UINT16'] as const),
      ...(['INT32', 'UINT32', 'INT64', 'BOOL'] as const),
    ];
    for (const type of types) {
      const session = await engine.open(
        buildModel({
          opset: 13,
          graph: {
            inputs: [{ name: 'x', type, dims: [3] }],
            outputs: [{ name: 'y', type, dims: [3] }],
            nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
          },
        }),
      );
      const given = tensor(type, [3], [0, 1, 1]);
      deepEqual((await session.run(new Map([['x', given]]))).get('y'), given, type);
      await session.release();
    }
  });

  it('passes strings through', async () => {
    const session = await engine.open(
      buildModel({
        opset: 13,
        graph: {
          inputs: [{ name: 'x', type: 'STRING', dims: [2] }],
          outputs: [{ name: 'y', type: 'STRING', dims: [2] }],
          nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
        },
      }),
    );
    const given: EngineTensor = { dataType: 'STRING', dims: [2], data: new Uint8Array(), strings: ['thimble', 'é'] };
    deepEqual((await session.run(new Map([['x', given]]))).get('y'), given);
    await session.release();
  });

  it('reads external data that it is given', async () => {
    const model = buildModel({
      opset: 13,
      graph: {
        inputs: [{ name: 'x', dims: [2] }],
        outputs: [{ name: 'y', dims: [2] }],
        initializers: [
          { name: 'b', type: 'FLOAT', dims: [2], external: { location: 'weights.bin', offset: 4, length: 8 } },
        ],
        nodes: [{ op: 'Add', inputs: ['x', 'b'], outputs: ['y'] }],
      },
    });
    const data = rawBytes('FLOAT', [0, 5, 6]);
    const session = await engine.open(model, { externalData: [{ path: 'weights.bin', data }] });
    const outputs = await session.run(new Map([['x', tensor('FLOAT', [2], [1, 1])]]));
    deepEqual(outputs.get('y'), tensor('FLOAT', [2], [6, 7]));
    await session.release();
  });

  it('refuses what it cannot load or run, and goes on', async () => {
    await rejects(engine.open(Uint8Array.of(1, 2, 3)), EngineRefused);
    const session = await engine.open(addModel);
    await rejects(session.run(new Map([['x', tensor('FLOAT', [1, 3], [1, 2, 3])]])), (error) => {
      ok(error instanceof EngineRefused);
      equal(error.message.includes('\n'), false);
      return true;
    });
    const outputs = await session.run(new Map([['x', tensor('FLOAT', [1, 2], [0, 0])]]));
    deepEqual(outputs.get('y'), tensor('FLOAT', [1, 2], [10, 20]));
    await session.release();
  });

  it('writes nothing to standard output or standard error', async () => {
    const written: string[] = [];
    const { stdout, stderr } = process;
    const originals = [stdout.write, stderr.write] as const;
    const record = (text: string | Uint8Array) => written.push(String(text)) > 0;
    stdout.write = record;
    stderr.write = record;
    try {
      // An initializer that nothing uses makes onnxruntime warn; a length that cannot be split is an error while it runs.
      const session = await engine.open(
        buildModel({
          opset: 13,
          graph: {
            inputs: [{ name: 'x', dims: ['length'] }],
            outputs: [{ name: 'y' }, { name: 'z' }],
            initializers: [{ name: 'unused', type: 'FLOAT', dims: [2], values: [1, 2] }],
            nodes: [{ op: 'Split', inputs: ['x'], outputs: ['y', 'z'] }],
          },
        }),
      );
      await rejects(session.run(new Map([['x', tensor('FLOAT', [3], [1, 2, 3])]])), EngineRefused);
      await session.release();
    } finally {
      [stdout.write, stderr.write] = originals;
    }
    deepEqual(written, []);
  });
});
