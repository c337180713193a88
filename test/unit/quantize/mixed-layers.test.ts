import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type LayerScheme, layerChoices } from '../../../extension/quantize/layer-schemes';
import { defaultOptions, type QuantizationOptions } from '../../../extension/quantize/options';
import { QuantizationRefused } from '../../../extension/quantize/plan';
import type { IntegerSchemeId } from '../../../extension/quantize/plan-scheme';
import { planSchemeFile } from '../../../extension/quantize/quantize-model';
import { buildModel, type ModelSpec } from '../../fixtures/model-builder';
import { network, randomNetwork } from './random-network';
import { engine, open } from './upgraded-model';

const output = { fileName: 'q.onnx' };

interface Mix {
  readonly scheme: IntegerSchemeId;
  readonly layers: Readonly<Record<string, LayerScheme>>;
  readonly options?: Partial<QuantizationOptions>;
}

/** Plans without ranges, then with them, and gives both plans with the file's bytes; undefined where the mix is refused. */
async function quantized(spec: ModelSpec, { scheme, layers, options = {} }: Mix) {
  const source = await open(buildModel(spec));
  const request = { scheme, options: { ...defaultOptions, ...options, layers } };
  const plan = await planSchemeFile(source, request, output);
  const ranges = new Map(plan.activations.map((name) => [name, { minimum: -2, maximum: 2 }]));
  const { file } = await planSchemeFile(source, { ...request, ranges }, output);
  const bytes = await file.read(0, file.size);
  return { plan, bytes };
}

/**
 * onnxruntime's optimizer moves a QuantizeLinear through an operator between and makes it unsigned, against the type that it wrote there itself at opset 21;
 * without optimization the same file runs.
 */
const ownOptimizer = /output_dtype INT8 does not match y_zero_point type UINT8/;

async function runs(bytes: Uint8Array): Promise<void> {
  const session = await engine.open(bytes).catch((error: unknown) => {
    if (!ownOptimizer.test(String(error))) throw error;
    return undefined;
  });
  if (!session) return;
  const values = Float32Array.from({ length: 144 }, (_, index) => Math.cos(index));
  await session.run(
    new Map([['x', { dataType: 'FLOAT' as const, dims: [1, 4, 6, 6], data: new Uint8Array(values.buffer) }]]),
  );
  await session.release();
}

const schemes = ['int8', 'uint8', 'int16x8', 'int8-weights', 'int4-weights', 'ternary'] as const;

describe('layers of different schemes', () => {
  it('have the size that was predicted and run, whatever the mix', async () => {
    const mixes = randomNetwork.chain(({ spec, layers }) =>
      fc
        .record({
          scheme: fc.constantFrom(...schemes),
          granularity: fc.constantFrom('per-channel' as const, 'per-tensor' as const),
          activations: fc.constantFrom('asymmetric' as const, 'symmetric' as const),
          blockOperator: fc.constantFrom('DequantizeLinear' as const, 'MatMulNBits' as const),
        })
        .chain(({ scheme, ...options }) =>
          fc
            .array(fc.option(fc.constantFrom(...layerChoices(scheme))), {
              minLength: layers.length,
              maxLength: layers.length,
            })
            .map((picked) => ({
              spec,
              mix: {
                scheme,
                options,
                layers: Object.fromEntries(layers.flatMap((name, index) => pair(name, picked[index] ?? undefined))),
              },
            })),
        ),
    );
    let written = 0;
    const check = async ({ spec, mix }: { readonly spec: ModelSpec; readonly mix: Mix }) => {
      // What a layer cannot be is refused by name; the rest of the mix must then do.
      const layers = { ...mix.layers };
      for (;;) {
        try {
          const { plan, bytes } = await quantized(spec, { ...mix, layers });
          assert.equal(bytes.length, plan.predictedFileBytes);
          await runs(bytes);
          written++;
          return;
        } catch (error) {
          if (!(error instanceof QuantizationRefused)) throw error;
          const named = Object.keys(layers).filter((name) => error.message.includes(name));
          if (named.length === 0) return;
          for (const name of named) delete layers[name];
        }
      }
    };
    await fc.assert(fc.asyncProperty(mixes, check), { numRuns: 40 });
    assert.ok(written > 20);
  });

  const { spec, layers } = network(['conv', 'relu', 'conv', 'relu', 'conv'], 17, true);
  const [first = '', , second = '', , third = ''] = layers;

  it('keep what neighbours compute with apart by a pair of their own', async () => {
    const { plan, bytes } = await quantized(spec, { scheme: 'int8', layers: { [second]: 'int16x8' } });
    assert.match(plan.passes.flatMap(({ changes }) => changes).join(' '), /2 activations are converted between layers/);
    await runs(bytes);
  });

  it('take 4 bits a weight where a layer has them', async () => {
    const plain = await quantized(spec, { scheme: 'int8', layers: {} });
    const mixed = await quantized(spec, { scheme: 'int8', layers: { [third]: 'int4-weights', [first]: 'int8' } });
    const bytes = (plan: typeof plain.plan, name: string) =>
      plan.converted.find((each) => each.name === name)?.bytesAfter;
    assert.equal(bytes(plain.plan, 'w4'), 144 + 16 + 4);
    assert.equal(bytes(mixed.plan, 'w4'), 72 + 16 + 2);
    assert.equal(bytes(mixed.plan, 'w0'), 144 + 16 + 4);
  });

  it('are refused in a sentence where they cannot be mixed', async () => {
    const shared = network(['conv', 'shared'], 17, true);
    const wrong: [ModelSpec, Mix, RegExp][] = [
      [spec, { scheme: 'int8', layers: { nowhere: 'int4-weights' } }, /no layer nowhere/],
      [
        spec,
        { scheme: 'int8', layers: { [first]: 'ternary' } },
        /cannot be ternary in a plan of int8; it can be float32/,
      ],
      [spec, { scheme: 'int8', layers: { [layers[1] ?? '']: 'int16x8' } }, /node 1 \(Relu\) cannot be int16x8/],
      [spec, { scheme: 'int8', layers: { [layers.at(-1) ?? '']: 'int4-weights' } }, /Softmax.*it has no weights/],
      [shared.spec, { scheme: 'int8', layers: { 'node 1': 'int4-weights' } }, /node 0 and node 1 share the weight w0/],
      [shared.spec, { scheme: 'int8', layers: { 'node 0': 'float32' } }, /share the weight w0/],
      [shared.spec, { scheme: 'int8-weights', layers: { 'node 1': 'ternary' } }, /share the weight w0/],
      [spec, { scheme: 'int8-weights', layers: { nowhere: 'ternary' } }, /no layer nowhere/],
      [spec, { scheme: 'int8-weights', layers: { [first]: 'int8' } }, /cannot be int8 in a plan of int8-weights/],
    ];
    for (const [model, mix, message] of wrong) await assert.rejects(quantized(model, mix), message);
  });
});

function pair<Value>(name: string, value: Value | undefined): [string, Value][] {
  return value === undefined ? [] : [[name, value]];
}
