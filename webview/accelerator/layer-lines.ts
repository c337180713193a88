import type { AcceleratorFit } from '../../extension/worker/accelerator-fit';
import type { LayerSummary } from '../../extension/worker/analysis';
import type { Section } from '../layers/details';

/** What the accelerator makes of one layer, for the side panel. */
export function acceleratorSection({ check, insteadOf }: AcceleratorFit, { index }: LayerSummary): Section {
  const as = insteadOf === undefined ? '' : `, as ${check.precision}`;
  const whole = check.problems.filter(({ layer }) => layer === '').map(({ reason }) => reason);
  const own = check.problems.find((problem) => problem.index === index);
  const title = `On ${check.runsOn}${as}`;
  if (check.outcome === 'unknown') return { title, lines: [['Taken', 'not known', check.notChecked.join(' ')]] };
  if (own) {
    const instead = check.fallback === undefined ? [] : [['Runs on', check.fallback] as const];
    return { title, lines: [['Taken', 'no'], ['Because', own.reason], ...instead] };
  }
  if (whole.length > 0)
    return {
      title,
      lines: [
        ['Taken', 'no'],
        ['Because', whole.join('; ')],
      ],
    };
  return { title, lines: [['Taken', 'nothing speaks against it', check.notChecked.join(' ')]] };
}
