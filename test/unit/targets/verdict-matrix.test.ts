import assert from 'node:assert/strict';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { measureOnRuntime } from '../../../extension/runtimes/measure';
import { findRuntime } from '../../../extension/runtimes/runtimes';
import { allTargets } from '../../../extension/targets/catalogue';
import { type FitFigures, fitFigures, withFlashReserve } from '../../../extension/targets/fit-figures';
import { limitsOf } from '../../../extension/targets/limits';
import { runtimeVerdict } from '../../../extension/targets/runtime-verdict';
import { comparedRuntime } from '../../../extension/targets/target-runtimes';
import { verdictFor } from '../../../extension/targets/verdict';
import { type MatrixColumn, verdictMatrix } from '../../../extension/targets/verdict-matrix';
import { analyseModel } from '../../../extension/worker/analyse';
import { buildModel, type NodeSpec } from '../../fixtures/model-builder';

const reserves = { flash: 4096, ram: 2048, stack: 1024 };

async function measured(nodes: readonly NodeSpec[], elements = 20_000) {
  const bytes = buildModel({
    graph: { inputs: [{ name: 'x', dims: [1, elements] }], outputs: [{ name: 'y' }], nodes },
  });
  return analyseModel({ fileName: 'net.onnx', source: new MemoryByteSource(bytes) });
}

function on(id: string, { model, shapes }: Awaited<ReturnType<typeof measured>>) {
  const runtime = findRuntime(id);
  assert.ok(runtime);
  return measureOnRuntime(model, shapes, runtime, 'as-in-file');
}

describe('the verdicts of schemes on chips', () => {
  it('are those of each scheme on each chip alone', async () => {
    const net = await measured([{ op: 'Sigmoid', inputs: ['x'], outputs: ['y'] }]);
    const columns: readonly MatrixColumn[] = allTargets().map((target, index) => ({
      target,
      runtime: index % 5 === 0 ? undefined : comparedRuntime('', target)?.id,
      reserves,
      externalRam: index % 2 === 0,
    }));
    const ids = new Set(columns.flatMap(({ runtime }) => runtime ?? []));
    const onRuntimes = new Map([...ids].map((id): [string, FitFigures] => [id, fitFigures(on(id, net))]));
    const [row] = verdictMatrix([{ data: net.footprint, onRuntimes }], columns);
    columns.forEach(({ target, runtime, externalRam }, index) => {
      const limits = limitsOf(target, { externalRam });
      const alone =
        runtime === undefined
          ? verdictFor(net.footprint, target, limits)
          : runtimeVerdict(withFlashReserve(on(runtime, net), reserves.flash), target, limits, {
              reserves,
              externalRam,
            });
      assert.deepEqual(row?.[index], alone, target.id);
    });
  });

  it('are left open where the figures of the runtime are not known', async () => {
    const [target] = allTargets();
    assert.ok(target);
    const column = { target, runtime: 'tflm', reserves, externalRam: false };
    assert.deepEqual(verdictMatrix([{ data: undefined, onRuntimes: new Map() }], [column]), [[undefined]]);
    const dataAlone = { ...column, runtime: undefined };
    assert.deepEqual(verdictMatrix([{ data: undefined, onRuntimes: new Map() }], [dataAlone]), [[undefined]]);
  });
});

describe('the figures that a verdict needs', () => {
  it('do not grow with the model, and say the same', async () => {
    const nodes = Array.from(
      { length: 500 },
      (_, index): NodeSpec => ({
        op: 'Frobnicate',
        inputs: [index === 0 ? 'x' : `v${index}`],
        outputs: [index === 499 ? 'y' : `v${index + 1}`],
      }),
    );
    const footprint = on('tflm', await measured(nodes, 10));
    const figures = fitFigures(footprint);
    assert.equal(footprint.cannotRun.length, 500);
    assert.ok(JSON.stringify(figures).length < 8000);
    assert.deepEqual(figures.counts, { cannotRun: 500, unknownSizes: 500 });
    const limits = { flash: undefined, ram: { bytes: 1e9, label: '' } };
    assert.deepEqual(runtimeVerdict(figures, undefined, limits), runtimeVerdict(footprint, undefined, limits));
    const runs = { ...figures, cannotRun: [], counts: { cannotRun: 0, unknownSizes: 500 } };
    assert.deepEqual(
      runtimeVerdict(runs, undefined, limits),
      runtimeVerdict({ ...footprint, cannotRun: [] }, undefined, limits),
    );
  });

  it('hold a reserve of flash as a part', async () => {
    const figures = fitFigures(on('tflm', await measured([{ op: 'Relu', inputs: ['x'], outputs: ['y'] }])));
    const reserved = withFlashReserve(figures, 500);
    assert.equal(reserved.flash.totalBytes - figures.flash.totalBytes, 500);
    assert.equal(reserved.flash.parts.at(-1)?.part, 'reserve');
    assert.equal(withFlashReserve(figures, 0), figures);
  });
});
