import assert from 'node:assert/strict';
import { allTargets } from '../../../extension/targets/catalogue';
import {
  acceleratorRuntime,
  estimateLatency,
  type LatencyWork,
  whyNoLatency,
  workOf,
} from '../../../extension/targets/latency';
import { coreName, kindOfCore, type LatencyRow, publishedLatencies } from '../../../extension/targets/latency-evidence';
import { fitLatencies } from '../../../extension/targets/latency-model';
import type { Target } from '../../../extension/targets/target';

function target(id: string): Target {
  const found = allTargets().find((one) => one.id === id);
  assert.ok(found, id);
  return found;
}

/** DS-CNN of MLPerf Tiny: the published figures of NUCLEO-L4R5ZI with X-CUBE-AI 9 and 10 are 43.2 and 43.4 ms. */
const keywords: LatencyWork = {
  layers: [
    { index: 0, name: 'first', kind: 'conv', operations: 320_000 },
    { index: 1, name: 'depthwise', kind: 'depthwise', operations: 288_000 },
    { index: 2, name: 'pointwise', kind: 'pointwise', operations: 2_048_000 },
    { index: 3, name: 'pool', kind: 'other', operations: 8000 },
    { index: 4, name: 'classes', kind: 'dense', operations: 768 },
  ],
  unknown: [],
};

function estimate(id: string, runtime: string, work = keywords, precision = 'int8') {
  const result = estimateLatency(work, target(id), runtime, precision);
  assert.ok(result, whyNoLatency(work, target(id), runtime, precision));
  return result;
}

describe('latency', () => {
  it('is close to what is published for the very chip and runtime', () => {
    const { lowerMs, middleMs, upperMs, basis, kind } = estimate('stm32l4r5zi', 'st-edge-ai');
    assert.ok(lowerMs < 43.2 && 43.4 < upperMs, `${lowerMs} to ${upperMs}`);
    assert.ok(Math.abs(middleMs - 43.3) / 43.3 < 0.15, `${middleMs}`);
    assert.equal(kind, 'estimated');
    assert.match(basis, /\d+ of X-CUBE-AI 9 and later on this very chip.*NUCLEO-L4R5ZI/);
  });

  it('is a wider range where only other chips with the core are published, and wider still for another core', () => {
    const ratio = (id: string, runtime: string) => {
      const { lowerMs, upperMs } = estimate(id, runtime);
      return upperMs / lowerMs;
    };
    assert.ok(ratio('stm32l4r5zi', 'st-edge-ai') < ratio('stm32f446re', 'st-edge-ai'));
    assert.ok(ratio('stm32f446re', 'st-edge-ai') < ratio('ch32v307vc', 'tflm'));
  });

  it('gives each layer a range whose middles add up to the whole', () => {
    const { perLayer, middleMs } = estimate('nrf52840', 'tflm-cmsis-nn-m4');
    assert.deepEqual(
      perLayer.map(({ name }) => name),
      keywords.layers.map(({ name }) => name),
    );
    const sum = perLayer.reduce((total, layer) => total + layer.middleMs, 0);
    assert.ok(Math.abs(sum - middleMs) < 1e-9 * middleMs);
    for (const { lowerMs, middleMs: middle, upperMs } of perLayer) assert.ok(lowerMs < middle && middle < upperMs);
  });

  it('follows clock and work: half the clock or twice the work take twice as long', () => {
    const chip = target('stm32f446re');
    const { middleMs } = estimate('stm32f446re', 'st-edge-ai');
    const slow = estimateLatency(keywords, { ...chip, clockHz: (chip.clockHz ?? 0) / 2 }, 'st-edge-ai', 'int8');
    const twice = estimate('stm32f446re', 'st-edge-ai', {
      ...keywords,
      layers: [...keywords.layers, ...keywords.layers],
    });
    assert.ok(Math.abs((slow?.middleMs ?? 0) / middleMs - 2) < 1e-9);
    assert.ok(Math.abs(twice.middleMs / middleMs - 2) < 1e-9);
  });

  it('orders runtimes and cores as published: reference kernels are slow, an M7 beats an M4, an accelerator both', () => {
    const middle = (id: string, runtime: string) => estimate(id, runtime).middleMs * ((target(id).clockHz ?? 0) / 1e6);
    assert.ok(middle('stm32f446re', 'tflm') > 4 * middle('stm32f446re', 'tflm-cmsis-nn-m4'));
    assert.ok(middle('stm32f446re', 'st-edge-ai') > middle('stm32h743zi', 'st-edge-ai'));
    assert.ok(middle('alif_e7', 'tflm-cmsis-nn-m55') > 5 * middle('alif_e7', acceleratorRuntime));
  });

  it('says that Vela computed the rows of Ethos-U', () => {
    assert.match(estimate('alif_e7', acceleratorRuntime).basis, /Vela.*computed by the compiler, not measured/);
  });

  describe('is absent, with the reason,', () => {
    const absent = (id: string, runtime: string, reason: RegExp, work = keywords, precision = 'int8') => {
      assert.equal(estimateLatency(work, target(id), runtime, precision), undefined);
      assert.match(whyNoLatency(work, target(id), runtime, precision) ?? '', reason);
    };

    it('for runtimes without published latencies', () =>
      absent('stm32f446re', 'onnx2c', /no latency is published for onnx2c/));
    it('for cores with nothing published of their kind', () =>
      absent('imx93', 'tflm', /no int8 latency .* Cortex-A55/));
    it('for other precisions', () => absent('stm32f446re', 'st-edge-ai', /no int16x8 latency/, keywords, 'int16x8'));
    it('in float32 for cores without published float32 rows', () =>
      absent('stm32u585ai', 'st-edge-ai', /no float32 latency/, keywords, 'float32'));
    it('for accelerators without published latencies', () =>
      absent('max78000', acceleratorRuntime, /no latency is published for MAX78000/));
    it('where the clock of the accelerator is not known', () => absent('ra8p1', acceleratorRuntime, /clock/));
    it('for a model with layers of unknown work', () =>
      absent('stm32f446re', 'st-edge-ai', /of layer odd are not known/, { ...keywords, unknown: ['odd'] }));
    it('for a model without work', () => absent('stm32f446re', 'st-edge-ai', /no layer/, { layers: [], unknown: [] }));
  });

  it('tells kinds of work apart', () => {
    const layer = (opType: string, operator: string, macs: number | undefined, elementOperations = 0) => ({
      index: 0,
      name: operator,
      opType,
      operator,
      macs,
      elementOperations,
    });
    const work = workOf([
      layer('Conv', 'Conv 3×3', 9),
      layer('Conv', 'Conv 1×1', 1),
      layer('Conv', 'Conv 1×11', 11),
      layer('Conv', 'Conv 1', 1),
      layer('Conv', 'Depthwise 3×3', 9),
      layer('QLinearConv', 'QLinearConv 1×1, 2 groups', 1),
      layer('Gemm', 'Gemm', 5),
      layer('LSTM', 'LSTM', 7),
      layer('AveragePool', 'AveragePool 2×2', 0, 4),
      layer('Relu', 'Relu', 0, 8),
      layer('QuantizeLinear', 'QuantizeLinear', 0, 8),
      layer('Reshape', 'Reshape', 0),
      layer('Odd', 'Odd', undefined),
    ]);
    assert.deepEqual(
      work.layers.map(({ name, kind }) => [name, kind]),
      [
        ['Conv 3×3', 'conv'],
        ['Conv 1×1', 'pointwise'],
        ['Conv 1×11', 'conv'],
        ['Conv 1', 'pointwise'],
        ['Depthwise 3×3', 'depthwise'],
        ['QLinearConv 1×1, 2 groups', 'pointwise'],
        ['Gemm', 'dense'],
        ['LSTM', 'dense'],
        ['AveragePool 2×2', 'other'],
      ],
    );
    assert.deepEqual(work.unknown, ['Odd']);
  });

  it('knows the core of every spelling', () => {
    assert.equal(coreName('Cortex-M7 (DP FPU)'), 'Cortex-M7');
    assert.equal(coreName('Cortex-M4F'), 'Cortex-M4');
    assert.equal(coreName('Cortex-M0+'), 'Cortex-M0+');
    assert.equal(coreName('Xtensa LX7 (S3)'), coreName('Xtensa LX7+vector'));
    assert.equal(coreName('C906 (RV64GCV0.7)'), coreName('XuanTie C906'));
    assert.equal(kindOfCore('Cortex-M33F'), '32-bit core with DSP instructions');
    assert.equal(kindOfCore('Cortex-M3'), '32-bit core without DSP instructions');
    assert.equal(kindOfCore('Xtensa LX7'), '32-bit core without DSP instructions');
    assert.equal(kindOfCore('Cortex-A55'), 'other');
  });
});

describe('latency model', () => {
  const system = { board: 'A', core: 'X', kind: 'other', family: 'F', line: 'L', precision: 'int8' } as const;
  const row = (board: string, cyclesEach: number, work: LatencyRow['work']): LatencyRow => ({
    system: { ...system, board },
    runtime: 'F',
    clockMhz: 1,
    model: JSON.stringify(work),
    ...(work && { work }),
    milliseconds: (cyclesEach * 1e6) / 1000,
    source: '',
    computed: false,
    rate: false,
  });
  const conv = { conv: 1e6, depthwise: 0, pointwise: 0, dense: 0, other: 0 };
  const dense = { ...conv, conv: 0, dense: 1e6 };

  it('learns a rate by kind of work, and is the surer the more boards agree', () => {
    const one = fitLatencies([row('A', 4, conv), row('A', 12, dense)]);
    const three = fitLatencies(['A', 'B', 'C'].flatMap((board) => [row(board, 4, conv), row(board, 12, dense)]));
    const { board: _, ...fresh } = system;
    for (const model of [one, three]) {
      const { perOperation } = model.predict(fresh, conv);
      assert.ok(perOperation.dense.mean > perOperation.conv.mean);
    }
    assert.ok(Math.abs(Math.exp(three.predict(fresh, conv).total.mean) / 4e6 - 1) < 0.2);
    assert.ok(three.predict(fresh, conv).total.deviation < one.predict(fresh, conv).total.deviation);
    assert.ok(one.predict(system, conv).total.deviation < one.predict(fresh, conv).total.deviation);
  });

  it('is the same for every order of the rows', () => {
    const rows = publishedLatencies().slice(0, 40);
    const query = [{ ...system, core: 'Cortex-M4', kind: '32-bit core with DSP instructions' }, conv] as const;
    const [a, b] = [rows, [...rows].reverse()].map((list) => fitLatencies(list).predict(...query).total);
    assert.ok(Math.abs((a?.mean ?? 0) - (b?.mean ?? 1)) < 1e-6);
  });

  it('refuses rows that nothing can be learned from', () => {
    assert.throws(() => fitLatencies([row('A', 4, undefined)]), /No published latency can be used/);
  });
});
