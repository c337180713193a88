import { linesOf } from '../file-diagnostic';
import type { Detection } from './detection';
import type { WorkspaceGuess } from './guess';

/** CMSIS solutions: `device:` and `board:` of the target types, else of the projects. */
export async function detectCsolution(detection: Detection): Promise<readonly WorkspaceGuess[]> {
  const guesses: WorkspaceGuess[] = [];
  for (const file of await detection.find('**/*.csolution.yml', '**/*.csolution.yaml', '**/*.cproject.yml')) {
    const text = await detection.read(file);
    if (text === undefined) continue;
    for (const { device, board } of hardwareOf(text)) {
      const stated = device ?? board;
      // Arm's own devices are models of its simulators.
      if (!stated || /^ARM::/i.test(stated.value)) continue;
      const lookUp = [device, board].flatMap((entry) => (entry ? [partOf(entry.value), entry.value] : []));
      guesses.push(
        detection.guess({ kind: 'csolution', file, line: stated.line, named: partOf(stated.value), lookUp }),
      );
    }
  }
  return guesses;
}

interface Entry {
  readonly value: string;
  readonly line: number;
}

interface Hardware {
  device?: Entry;
  board?: Entry;
}

/**
 * Each mapping of the YAML text that has a `device` or a `board`. Only what csolution files use is read: block mappings and lists,
 * plain or quoted scalars, comments.
 */
function hardwareOf(text: string): readonly Hardware[] {
  const found: Hardware[] = [];
  let current: { readonly indent: number; readonly hardware: Hardware } | undefined;
  for (const [index, raw] of linesOf(text).entries()) {
    const line = raw.replace(/(?:^|\s)#.*$/, '').trimEnd();
    const match = /^(\s*(?:-\s+)*)([\w-]+)\s*:(?:\s+(.*))?$/.exec(line);
    if (!match) continue;
    const [, lead = '', key = '', rest = ''] = match;
    // The keys of a list item stand in the column after its dash; a dash begins another mapping.
    if (lead.includes('-') || (current && lead.length < current.indent)) current = undefined;
    if (key !== 'device' && key !== 'board') continue;
    const value = rest.trim().replace(/^(["'])(.*)\1$/, '$2');
    if (value === '') continue;
    if (!current || current.indent !== lead.length) {
      current = { indent: lead.length, hardware: {} };
      found.push(current.hardware);
    }
    current.hardware[key] = { value, line: index + 1 };
  }
  return found;
}

/** `STMicroelectronics::STM32U585AIIx:core`: the vendor and the processor are left out. */
function partOf(value: string): string {
  return value.replace(/^.*?::/, '').replace(/:.*$/, '');
}
