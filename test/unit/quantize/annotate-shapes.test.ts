import { deepEqual, equal, ok } from 'node:assert/strict';
import { annotateShapes } from '../../../extension/quantize/annotate-shapes';
import { applyEdits } from '../../../extension/quantize/edited-source';
import { defaultOptions } from '../../../extension/quantize/options';
import { planSchemeFile } from '../../../extension/quantize/quantize-model';
import { buildModel, type ModelSpec } from '../../fixtures/model-builder';
import { engine, open } from './upgraded-model';

const model: ModelSpec = {
  opset: 17,
  graph: {
    inputs: [{ name: 'x', dims: ['batch', 4] }],
    outputs: [{ name: 'y' }],
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['product'] },
      { op: 'Concat', inputs: ['product', 'product'], outputs: ['twice'], attributes: { axis: 0 } },
      { op: 'Relu', inputs: ['twice'], outputs: ['y'] },
    ],
    initializers: [{ name: 'w', type: 'FLOAT', dims: [4, 6] }],
  },
};

describe('shape annotation', () => {
  it('declares what lies between nodes, with the names that the inputs give sizes, whatever a person bound them to', async () => {
    const source = await open(buildModel(model), new Map([['batch', 7]]));
    const { edits, passes } = await annotateShapes(source, {});
    const { file, source: after } = await applyEdits(source, edits);
    const shapes = [...after.model.graph.values.values()].map(({ name, type }) => [
      name,
      type?.kind === 'tensor' && type.shape?.map((dim) => (dim === null || typeof dim === 'number' ? dim : dim.text)),
    ]);
    deepEqual(shapes, [
      ['product', ['batch', 6]],
      ['twice', [null, 6]],
    ]);
    equal(passes[0]?.changes[0], 'The types and shapes of 2 values between nodes were written into the file.');
    const again = await annotateShapes(after, {});
    deepEqual(again.passes, []);
    const session = await engine.open(await file.read(0, file.size));
    await session.release();
  });

  it('is part of the size that is told before, with the values of the scheme', async () => {
    const source = await open(buildModel(model));
    for (const scheme of ['int8-dynamic', 'int4-weights', 'int8'] as const) {
      const output = { fileName: 'm.onnx' };
      const options = { ...defaultOptions, annotateShapes: true };
      const plan = await planSchemeFile(source, { scheme, options }, output);
      const ranges = new Map(plan.activations.map((name) => [name, { minimum: -1, maximum: 1 }]));
      const ready = await planSchemeFile(source, { scheme, options, ranges }, output);
      const plain = await planSchemeFile(source, { scheme, options: defaultOptions }, output);
      const bytes = await ready.file.read(0, ready.file.size);
      equal(bytes.length, plan.predictedFileBytes);
      ok(plan.predictedFileBytes > plain.predictedFileBytes);
      ok(plan.passes.some(({ pass }) => pass === 'shape annotation'));
      const { model: read } = await open(bytes);
      const made = read.graph.nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== 'y');
      deepEqual(
        made.filter((name) => !read.graph.values.has(name)),
        [],
      );
    }
  });
});
