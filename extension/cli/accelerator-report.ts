import { formatBytes, formatCount, formatLimit } from '../model/format';
import type { AcceleratorCheck } from '../targets/accelerators';
import type { AcceleratorFit } from '../worker/accelerator-fit';
import { figureDocument, latencyText } from './latency-report';
import { printable, shortName } from './table';

/** Layers that one line names. */
const mostNames = 3;

/** What an accelerator takes of a model, in JSON. `problems` with a null layer are about the model as a whole. */
export function acceleratorDocument({ check, insteadOf, latency }: AcceleratorFit) {
  const { runsOn, outcome, precision, layers, macs, refusedMacs, problems, fallback, weightMemory } = check;
  return {
    name: runsOn,
    outcome,
    precision,
    modelPrecision: insteadOf ?? precision,
    layers,
    macs,
    refusedMacs,
    problems: problems.map(({ layer, index, reason }) => ({
      layer: layer === '' ? null : layer,
      index: index ?? null,
      reason,
    })),
    fallback: fallback ?? null,
    weightMemory: weightMemory ?? null,
    ...(latency && { latency: figureDocument(latency) }),
    notChecked: check.notChecked,
    source: check.source === '' ? null : check.source,
  };
}

/** The same for a person: one line that says what it takes, then the reasons, its memory, and what was not checked. */
export function acceleratorReport(fit: AcceleratorFit): string {
  const { check, latency } = fit;
  const { weightMemory, notChecked } = check;
  const lines = [acceleratorLine(fit), ...reasons(check).map((text) => `  ${text}`)];
  if (weightMemory) {
    const { bytes, limit, label, fits, beyond } = weightMemory;
    const over = fits ? '' : beyond === 'slower' ? '; the rest is fetched at every run' : '; too much';
    lines.push(`  weights  at least ${formatBytes(bytes)} of ${formatLimit(limit)} ${label}${over}`);
  }
  if (latency) {
    lines.push(`  latency  ${'missing' in latency ? `no evidence: ${latency.missing}` : latencyText(latency)}`);
  }
  if (check.outcome !== 'unknown') lines.push(...notChecked.map((text) => `  not checked: ${text}`));
  return lines.map((line) => `${printable(line)}\n`).join('');
}

/** "Accelerator  Ethos-U55-128, as int8: 29 of 31 layers; 2 run on the Cortex-M core, by TFLM (1.20 M MACs)". */
export function acceleratorLine({ check, insteadOf }: AcceleratorFit): string {
  const as = insteadOf === undefined ? '' : `, as ${check.precision}`;
  return `Accelerator  ${check.runsOn}${as}: ${statement(check)}`;
}

function statement({ outcome, layers, problems, fallback, refusedMacs }: AcceleratorCheck): string {
  const whole = problems.filter(({ layer }) => layer === '').map(({ reason }) => reason);
  const refused = problems.length - whole.length;
  const taken = `${layers - refused} of ${layers} layers`;
  if (outcome === 'unknown') return 'what it takes is not known';
  if (outcome === 'all') return `takes all ${layers} layers`;
  if (outcome === 'partly') {
    const macs = refusedMacs > 0 ? `${formatCount(refusedMacs)} MACs` : 'no MACs';
    return `takes ${taken}; ${refused === 1 ? 'one runs' : `${refused} run`} on ${fallback ?? 'nothing'} (${macs})`;
  }
  if (whole.length > 0) return `cannot run it: ${whole.join('; ')}`;
  return fallback === undefined
    ? `cannot run it: takes ${taken}`
    : `takes none of ${layers} layers; they run on ${fallback}`;
}

function reasons({ problems }: AcceleratorCheck): readonly string[] {
  const byReason = new Map<string, string[]>();
  for (const { layer, reason } of problems) {
    if (layer === '') continue;
    const known = byReason.get(reason);
    if (known) known.push(layer);
    else byReason.set(reason, [layer]);
  }
  return [...byReason].map(([reason, layers]) => {
    const more = layers.length > mostNames ? ` and ${layers.length - mostNames} more` : '';
    return `${reason}: ${layers.slice(0, mostNames).map(shortName).join(', ')}${more}`;
  });
}
