import assert from 'node:assert/strict';
import { indexInFile, type PlanFigures, showPlan } from '../../../extension/editor/plan-figures';
import { RecipeKeys } from '../../../extension/editor/recipe-keys';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { measureOnRuntime } from '../../../extension/runtimes/measure';
import { findRuntime } from '../../../extension/runtimes/runtimes';
import { findTarget } from '../../../extension/targets/catalogue';
import { analyseModel } from '../../../extension/worker/analyse';
import type { PageState } from '../../../webview/protocol';
import { buildModel } from '../../fixtures/model-builder';

/** A chain of nodes by name. */
function chain(names: readonly string[]) {
  const bytes = buildModel({
    graph: {
      inputs: [{ name: 'x', dims: [1, 100] }],
      outputs: [{ name: names.at(-1) ?? 'x', dims: [1, 100] }],
      nodes: names.map((name, at) => ({ op: 'Sigmoid', name, inputs: [names[at - 1] ?? 'x'], outputs: [name] })),
    },
  });
  return analyseModel({ fileName: 'test.onnx', source: new MemoryByteSource(bytes) });
}

describe('the plan in the place of the file', () => {
  const fit = {
    target: findTarget('nrf52840'),
    externalRam: false,
    runtime: undefined,
    reserves: { flash: 0, ram: 0, stack: 0 },
  };

  it('shows its own analysis, footprint and verdict, and nothing of the file that it is not', async () => {
    const file = await chain(['a', 'b']);
    const planned = await chain(['made', 'a', 'b']);
    const runtime = findRuntime('tflm-cmsis-nn-m4');
    assert.ok(runtime);
    const footprint = measureOnRuntime(planned.model, planned.shapes, runtime, 'as-in-file');
    const state: PageState = {
      revision: 3,
      target: undefined,
      precision: 'as-in-file',
      analysis: { ...file.analysis, file: { ...file.analysis.file, name: 'float.onnx' } },
      verdict: undefined,
      schemes: [],
      improvements: [],
      suggestion: undefined,
    };
    const shown = showPlan(
      state,
      { label: 'int8 / int4', analysis: planned.analysis, footprint, constantBytes: 77, peakActivationBytes: 5 },
      fit,
    );
    assert.deepEqual([shown.precision, shown.planLabel, shown.revision], ['plan', 'int8 / int4', 3]);
    assert.deepEqual([shown.analysis.totals.constantBytes, shown.analysis.totals.peakActivationBytes], [77, 5]);
    assert.equal(shown.analysis.layers, planned.analysis.layers);
    assert.equal(shown.analysis.file.name, 'float.onnx');
    assert.equal(shown.runtimeFootprint, footprint);
    assert.equal(shown.verdict?.targetId, 'nrf52840');
    assert.equal('improvements' in shown, false);
  });

  it('leads from a layer of the plan to that of the file, and from one that it made to none', async () => {
    const { analysis: file } = await chain(['a', 'b']);
    const { analysis } = await chain(['made', 'a', 'b']);
    const figures: PlanFigures = {
      label: 'int8',
      analysis,
      footprint: undefined,
      constantBytes: 0,
      peakActivationBytes: 0,
    };
    assert.deepEqual(
      [0, 1, 2].map((index) => indexInFile(figures, file, index)),
      [undefined, 0, 1],
    );
  });
});

describe('keys of recipes', () => {
  it('are the same for equal recipes, and different for others', () => {
    const keys = new RecipeKeys();
    assert.equal(keys.of({ scheme: 'int8' }), keys.of({ scheme: 'int8' }));
    assert.notEqual(keys.of({ scheme: 'int8' }), keys.of({ scheme: 'int8', seed: 2 }));
  });
});
