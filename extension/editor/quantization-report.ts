import { formatBytes } from '../model/format';
import type { Analysis } from '../worker/analysis';
import type { PlannedScheme, WeightError } from '../worker/calls';

/** What a plan changes in the `source` file, one sentence a line, the most important first. */
export function quantizationReport(
  plan: Extract<PlannedScheme, { kind: 'ready' }>,
  error: Pick<WeightError, 'sqnrDb' | 'overflows' | 'underflows'>,
  source: Pick<Analysis['file'], 'bytes' | 'externalBytes'>,
): string[] {
  const { totals } = plan.analysis;
  const lines = [
    `${plural(plan.convertedTensors, 'tensor')} converted; all constants then take ${formatBytes(totals.constantBytes)}`,
  ];
  const growth = plan.fileBytes + (plan.externalBytes ?? 0) - source.bytes - source.externalBytes;
  if (growth > 0) lines.unshift(`The file grows by ${exactBytes(growth)}`);
  if (error.sqnrDb !== undefined)
    lines.push(`Weight error: ${error.sqnrDb.toFixed(1)} dB signal to noise, measured over all converted weights`);
  if (error.overflows > 0) lines.push(`${plural(error.overflows, 'value')} above 65,504 will be limited to it`);
  if (error.underflows > 0) lines.push(`${plural(error.underflows, 'non-zero value')} will become zero`);
  for (const { pass, changes } of plan.passes) lines.push(...changes.map((change) => `${pass}: ${change}`));
  lines.push(...plan.left.map(({ name, reason }) => `${name} stays as it is: ${reason}`));
  return lines;
}

/** A size to the byte: "85,412 bytes". */
export function exactBytes(bytes: number): string {
  return plural(bytes, 'byte');
}

function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}
