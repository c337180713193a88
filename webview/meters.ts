import type { RuntimeFootprint } from '../extension/runtimes/measure';
import { type MeterFigures, type MeterFill, type MeterPart, meter } from './charts/meter';
import { formatCount, formatExactBytes } from './format';
import { ramParts } from './memory/ram';
import type { PageState } from './protocol';

/** The two meters of the header: of the chosen runtime, or of the model's data alone. */
export function meters(state: PageState): HTMLElement[] {
  const { runtimeFootprint: footprint } = state;
  return footprint === undefined ? modelDataMeters(state) : runtimeMeters(state, footprint);
}

const flashFills: Readonly<Record<string, MeterFill>> = {
  weights: 'weights',
  biases: 'biases',
  'quantization data': 'quantization',
  'graph and metadata': 'constants',
  'runtime code': 'code',
  reserve: 'reserve',
};

/** Shorter than the parts' full names, so that the legend keeps to one line where it can. */
const flashNames: Readonly<Record<string, string>> = {
  'quantization data': 'quantization',
  'graph and metadata': 'graph',
  'runtime code': 'runtime',
};

function runtimeMeters(state: PageState, footprint: RuntimeFootprint): HTMLElement[] {
  const { memory, runtime } = footprint;
  const flash = footprint.flash.parts.map(
    ({ part, bytes, kind, source }): MeterPart => ({
      name: flashNames[part] ?? part,
      bytes,
      fill: flashFills[part] ?? 'constants',
      kind,
      explanation: source,
    }),
  );
  const hasCode = flash.some(({ fill, bytes }) => fill === 'code' && bytes > 0);
  return [
    meter({
      ...shared(state, 'Flash', flash),
      limit: state.target?.flashLimit,
      // Without a figure for the code the sum is less than what must be flashed.
      ...(hasCode ? {} : { kind: 'lower bound' as const }),
      rule: hasCode
        ? 'Sum of the parts below.'
        : `Sum of the parts below; the code of ${runtime.label} is not counted.`,
    }),
    meter({
      ...shared(state, 'RAM', ramParts(footprint, state.ramReserveBytes)),
      limit: state.target?.ramLimit,
      remark: {
        name: 'scratch',
        text: memory.scratchBytes > 0 ? 'in arena' : 'none',
        tip:
          memory.scratchBytes > 0
            ? `${formatExactBytes(memory.scratchBytes)} for the operator that asks for most; part of the arena.`
            : 'No operator asks for scratch.',
      },
      rule: ['Sum of the parts below.', ...memory.remarks].join(' '),
    }),
  ];
}

function shared(state: PageState, title: string, parts: readonly MeterPart[]) {
  return {
    title,
    parts,
    free: 'free',
    withoutLimit: state.target === undefined ? '' : 'no limit known',
  } satisfies Partial<MeterFigures>;
}

function modelDataMeters(state: PageState): HTMLElement[] {
  const { totals, peak } = state.analysis;
  const other = Math.max(0, totals.constantBytes - totals.weightBytes - totals.quantizationBytes);
  const flash: MeterPart[] = [
    {
      name: 'weights',
      fill: 'weights',
      kind: 'exact',
      bytes: totals.weightBytes,
      explanation:
        'Constants used as data (weights, biases, tables) at the width they are stored with, each shared one once.',
    },
    {
      name: 'quantization',
      fill: 'quantization',
      kind: 'exact',
      bytes: totals.quantizationBytes,
      explanation: 'Scales and zero points at the width they are stored with.',
    },
    {
      name: 'other constants',
      fill: 'constants',
      kind: 'exact',
      bytes: other,
      explanation: 'Constants that are no parameters: shapes, axes, limits, and constants nothing uses.',
    },
  ];
  const ram: MeterPart[] = [
    {
      name: 'activations',
      fill: 'activations',
      kind: totals.peakIncomplete ? 'lower bound' : 'exact',
      bytes: totals.peakActivationBytes,
      explanation:
        `Tensors live together at the peak${peak ? `, step ${formatCount(peak.step)}, ${peak.layer}` : ''}: ` +
        'inputs and outputs of the running layer and what later layers still need. ' +
        (totals.peakIncomplete
          ? 'Some sizes are not known, so the need is larger.'
          : 'What the runtime adds is not counted.'),
    },
  ];
  const bound = {
    kind: 'lower bound',
    free: 'left for the runtime',
    rule: 'The runtime is not counted.',
  } as const;
  return [
    meter({ ...shared(state, 'Flash', flash), ...bound, limit: state.target?.flashLimit }),
    meter({ ...shared(state, 'RAM', ram), ...bound, limit: state.target?.ramLimit }),
  ];
}
