import type { WhatIfCell } from '../../extension/worker/analysis';
import type { ComparedLayer, ComparedTotal, Comparison, Figure, TotalId } from '../../extension/worker/comparison';
import type { CompareLayers, CompareState } from '../../webview/compare-protocol';
import { tflm } from './sample-runtime';
import { analysisOf, f746, l432, mobileNet, type Plan, verdictOf } from './sample-state';

const kib = 1024;

/** A net whose weights become int8, every fourth layer int4. */
export function comparedLayers(plans: readonly Plan[]): ComparedLayer[] {
  let side = 64 * kib;
  return plans
    .filter(({ unknown }) => unknown === undefined)
    .map((plan, step): ComparedLayer => {
      if (step % 5 === 4) side *= 0.7;
      const low = step % 4 === 1;
      const operator = { name: plan.name, index: step, step, operator: plan.operator };
      const bytes = plan.weights * 4;
      const scales = bytes > 0 ? 32 : 0;
      return {
        name: plan.name,
        before: {
          ...operator,
          precision: 'float32',
          weightBytes: bytes,
          quantizationBytes: 0,
          liveBytes: Math.round(side),
        },
        after: {
          ...operator,
          precision: low ? 'int4' : 'int8',
          weightBytes: Math.ceil(plan.weights * (low ? 0.5 : 1)) + scales,
          quantizationBytes: scales,
          liveBytes: Math.round(side / 4),
          servedBy: '2 DequantizeLinear',
        },
        ...(bytes > 0 && { weightsDb: 18.4 + step, outputDb: 31.9 + ((step * 7) % 40) }),
      };
    });
}

/** Layers that one of the two has. */
export const unmatchedLayers: readonly ComparedLayer[] = [
  {
    name: '/head/Norm',
    before: {
      name: '/head/Norm',
      index: 40,
      step: 40,
      operator: 'BatchNormalization',
      precision: 'float32',
      weightBytes: 4096,
      quantizationBytes: 0,
      liveBytes: 2048,
    },
  },
  {
    name: '/head/Pad',
    after: {
      name: '/head/Pad',
      index: 41,
      step: 41,
      operator: 'Pad',
      precision: 'int8',
      weightBytes: 0,
      quantizationBytes: 0,
      liveBytes: 600,
    },
  },
];

function total(id: TotalId, before: Figure, after: Figure): ComparedTotal {
  const value = after.value - before.value;
  const kind = before.kind === 'exact' && after.kind === 'exact' ? 'exact' : 'estimated';
  const unit = id === 'macs' || id === 'parameters' ? 'count' : 'bytes';
  return { id, unit, before, after, change: { value, kind }, share: before.value === 0 ? null : value / before.value };
}

const exact = (value: number): Figure => ({ value: Math.round(value), kind: 'exact' });
const estimated = (value: number): Figure => ({ value: Math.round(value), kind: 'estimated' });

export const sampleTotals: readonly ComparedTotal[] = [
  total('file', exact(913_530), exact(268_595)),
  total('flash', estimated(952.8 * kib), estimated(324.8 * kib)),
  total('weights', exact(823.6 * kib), exact(155.3 * kib)),
  total('quantization', exact(0), exact(64.5 * kib)),
  total('ram', estimated(292.9 * kib), exact(98.4 * kib)),
  total('live', exact(216 * kib), exact(54 * kib)),
  total('macs', exact(7_489_664), exact(7_489_664)),
  total('parameters', exact(210_850), exact(210_850)),
];

function cell(bytesPerElement: number, target: typeof f746): WhatIfCell {
  return { kind: 'judged', verdict: verdictOf(analysisOf(mobileNet(), bytesPerElement), target) };
}

/** The comparison of a float model with a mixed plan of it. */
export function compareOf(change: Partial<CompareState> = {}, parts: Partial<Comparison> = {}): CompareState {
  return {
    choices: [
      { id: 'this', label: 'vww_96_float.onnx (this file)', planned: false },
      { id: 'plan', label: 'plan: int8 / int4 (not written)', planned: true },
      { id: 'scheme:int8', label: 'int8 per channel (not written)', planned: true },
      { id: 'committed', label: 'vww_96_float.onnx (last commit)', planned: false },
    ],
    before: 'this',
    after: 'plan',
    committed: 'committed',
    busy: false,
    problem: undefined,
    comparison: {
      before: { fileName: 'vww_96_float.onnx', precision: 'float32' },
      after: { fileName: 'vww_96_float.int8.onnx', precision: 'int8 + int4' },
      runtime: tflm,
      totals: sampleTotals,
      facts: { matched: 30, onlyBefore: 0, onlyAfter: 0, sameShapes: true, weighted: 28, retyped: 28 },
      ...parts,
    },
    version: 1,
    chips: [
      { name: f746.name, chosen: true, before: cell(4, f746), after: cell(1, f746) },
      { name: l432.name, chosen: false, before: cell(4, l432), after: cell(1, l432) },
      { name: 'nRF52840', chosen: false, before: cell(4, f746), after: { kind: 'planning' } },
      {
        name: 'no such chip',
        chosen: false,
        before: { kind: 'refused', reason: 'No chip is known by the name "no such chip".' },
        after: { kind: 'refused', reason: 'No chip is known by the name "no such chip".' },
      },
    ],
    outputs: { sqnrDb: 27.6, samples: 64, synthetic: false },
    ...change,
  };
}

export function layersMessage(layers: readonly ComparedLayer[] = comparedLayers(mobileNet()), version = 1) {
  return { type: 'compare-layers', version, layers } as const satisfies CompareLayers & { readonly type: string };
}

/** The view before anything was chosen. */
export function nothingCompared(): CompareState {
  return { ...compareOf(), after: undefined, comparison: undefined, chips: [], outputs: undefined, version: 0 };
}
