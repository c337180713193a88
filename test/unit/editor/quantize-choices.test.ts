import assert from 'node:assert/strict';
import {
  changed,
  initialChoices,
  layersOf,
  needsData,
  optionsOf,
  type QuantizeChoices,
  recipeOf,
  schemeChoice,
  schemeChoices,
} from '../../../extension/editor/quantize-choices';
import { QuantizeMemory } from '../../../extension/editor/quantize-memory';
import { defaultPreprocessing } from '../../../extension/quantize/calibration-data/preprocessing';
import { recipeFromJson } from '../../../extension/quantize/recipe';
import { writableSchemeIds } from '../../../extension/quantize/scheme';

describe('choices of the Quantize view', () => {
  it('list every scheme that can be written, and give a recipe for each that can be read again', () => {
    const offered = new Set(schemeChoices.map(({ scheme }) => scheme));
    assert.deepEqual([...offered].sort(), [...writableSchemeIds].sort());
    for (const choice of schemeChoices) {
      const recipe = recipeOf(choice, initialChoices);
      assert.equal(recipeFromJson(recipe).scheme, choice.scheme, choice.id);
    }
  });

  it('make the rows for int8 differ in granularity alone', () => {
    const [perChannel, perTensor] = ['int8', 'int8-per-tensor'].map((id) => recipeOf(schemeChoice(id), initialChoices));
    assert.deepEqual(perChannel?.options, {});
    assert.deepEqual(perTensor?.options, { granularity: 'per-tensor' });
  });

  it('show the options that a scheme has', () => {
    const options = (id: string) => Object.keys(optionsOf(schemeChoice(id), initialChoices.options)).sort();
    assert.deepEqual(options('int8'), ['activations']);
    assert.deepEqual(options('int16x8'), ['activations', 'granularity']);
    assert.deepEqual(options('int4-weights'), ['blockOperator', 'blockSize']);
    assert.deepEqual(options('codebook'), ['codebookBits']);
    assert.deepEqual(options('float16'), []);
  });

  it('know which schemes need data', () => {
    const needing = schemeChoices.filter(needsData).map(({ id }) => id);
    assert.deepEqual(needing, ['int8', 'int8-per-tensor', 'int16x8', 'mixed', 'uint8', 'int16']);
  });

  it('forget what was set by hand when the scheme changes, and keep the options', () => {
    let choices: QuantizeChoices = changed(initialChoices, { kind: 'layer', name: 'a', scheme: 'int16x8' });
    choices = changed(choices, { kind: 'option', option: { activations: 'symmetric' } });
    assert.deepEqual(layersOf(recipeOf(schemeChoice('int8'), choices)), { a: 'int16x8' });
    choices = changed(choices, { kind: 'scheme', id: 'int4-weights' });
    assert.deepEqual(choices.layers, {});
    assert.equal(choices.options.activations, 'symmetric');
    assert.equal(changed(choices, { kind: 'scheme', id: 'int3' }), choices);
  });

  it('set and reset the scheme of a layer', () => {
    const one = changed(initialChoices, { kind: 'layer', name: 'a', scheme: 'int4-weights' });
    const two = changed(one, { kind: 'layer', name: 'b', scheme: 'float32' });
    assert.deepEqual(changed(two, { kind: 'layer', name: 'a', scheme: undefined }).layers, { b: 'float32' });
    assert.deepEqual(changed(two, { kind: 'reset-layers' }).layers, {});
  });

  it('give the same recipe whatever the order in which layers were set', () => {
    const set = (...names: string[]): QuantizeChoices =>
      names.reduce(
        (choices, name) => changed(choices, { kind: 'layer', name, scheme: 'int4-weights' }),
        initialChoices,
      );
    const recipe = (choices: QuantizeChoices) => JSON.stringify(recipeOf(schemeChoice('int8'), choices));
    assert.equal(recipe(set('b', 'a', 'c')), recipe(set('c', 'b', 'a')));
  });

  it('choose a mixture with a plan, and let the budget choose the plan again', () => {
    const chosen = changed(initialChoices, { kind: 'plan', index: 7 });
    assert.deepEqual([chosen.row, chosen.plan], ['mixed', 7]);
    const budget = changed(chosen, { kind: 'budget', memory: 'flash', bytes: 1024.4 });
    assert.deepEqual([budget.row, budget.plan, budget.flashBudget], ['mixed', undefined, 1024]);
    assert.equal(changed(budget, { kind: 'budget', memory: 'flash', bytes: undefined }).flashBudget, undefined);
  });

  it('keep the recovery where a name is none', () => {
    const chosen = changed(initialChoices, { kind: 'recovery', recovery: 'mse-clip,cle' });
    assert.equal(recipeOf(schemeChoice('int8'), chosen).recovery, 'cle,mse-clip');
    assert.deepEqual(changed(chosen, { kind: 'recovery', recovery: 'magic' }).recovery, chosen.recovery);
  });

  it('put preprocessing into the recipe where there are images or recordings', () => {
    const preprocessing = { ...defaultPreprocessing, scale: 1 / 255 };
    const base = changed(initialChoices, { kind: 'preprocessing', preprocessing });
    const withData = (media: 'images' | undefined): QuantizeChoices => ({
      ...base,
      data: { kind: 'files', paths: ['/data'], media },
    });
    assert.equal(recipeOf(schemeChoice('int8'), withData(undefined)).preprocessing, undefined);
    assert.deepEqual(recipeOf(schemeChoice('int8'), withData('images')).preprocessing, preprocessing);
  });
});

describe('what is remembered for a model', () => {
  function memory(kept: unknown = undefined) {
    const store = new Map<string, unknown>(kept === undefined ? [] : [['quantize:file:///m.onnx', kept]]);
    const state = {
      get: <Value>(key: string): Value | undefined => read<Value>(store, key),
      update: async (key: string, value: unknown) => {
        store.set(key, value);
      },
    };
    return new QuantizeMemory(state);
  }

  it('comes back as it was, for each file its own', async () => {
    const remembered = { paths: ['/a.npz'], preprocessing: { ...defaultPreprocessing, mean: [0.5] } };
    const kept = memory();
    await kept.set('file:///m.onnx', remembered);
    assert.deepEqual(kept.get('file:///m.onnx'), remembered);
    assert.equal(kept.get('file:///other.onnx'), undefined);
  });

  it('is read with care: another version may have kept something else', () => {
    assert.equal(memory('nonsense').get('file:///m.onnx'), undefined);
    assert.equal(memory({ files: [] }).get('file:///m.onnx'), undefined);
    assert.deepEqual(memory({ paths: ['/a', 3], preprocessing: { blur: 1 } }).get('file:///m.onnx'), {
      paths: ['/a'],
      preprocessing: defaultPreprocessing,
    });
  });
});

/** A memento gives back whatever was kept, under any type. */
function read<Value>(store: Map<string, unknown>, key: string): Value | undefined;
function read(store: Map<string, unknown>, key: string): unknown {
  return store.get(key);
}
