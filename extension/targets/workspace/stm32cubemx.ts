import { linesOf } from '../file-diagnostic';
import type { Target } from '../target';
import type { Detection } from './detection';
import type { WorkspaceGuess } from './guess';

/** STM32CubeMX projects: the chip of an `.ioc` file, whose `Mcu.Name` may stand for several flash sizes. */
export async function detectStm32CubeMx(detection: Detection): Promise<readonly WorkspaceGuess[]> {
  const guesses: WorkspaceGuess[] = [];
  for (const file of await detection.find('**/*.ioc')) {
    const text = await detection.read(file);
    if (text === undefined) continue;
    const values = new Map<string, { readonly value: string; readonly line: number }>();
    for (const [index, line] of linesOf(text).entries()) {
      const match = /^\s*(Mcu\.UserName|Mcu\.CPN|Mcu\.Name|board)\s*=\s*(.*?)\s*$/.exec(line);
      if (match?.[1] && match[2]) values.set(match[1], { value: match[2], line: index + 1 });
    }
    const exact = values.get('Mcu.CPN') ?? values.get('Mcu.UserName');
    const range = values.get('Mcu.Name');
    const named = exact ?? range;
    if (!named) continue;
    if (!exact && range && isRange(range.value)) {
      guesses.push(rangeGuess(detection, file, range));
      continue;
    }
    const others = ['Mcu.CPN', 'Mcu.UserName', 'Mcu.Name'].map((name) => values.get(name)?.value ?? '');
    const lookUp = others.filter((name) => name !== '' && !isRange(name));
    guesses.push(detection.guess({ kind: 'stm32cubemx', file, line: named.line, named: named.value, lookUp }));
  }
  return guesses;
}

function rangeGuess(
  detection: Detection,
  file: string,
  { value, line }: { readonly value: string; readonly line: number },
): WorkspaceGuess {
  const found = new Map<string, Target>();
  for (const name of partsInRange(value)) {
    const target = detection.lookups.findTarget(name);
    if (target) found.set(target.id, target);
  }
  const guess = detection.guess({ kind: 'stm32cubemx', file, line, named: value, lookUp: [] });
  // Even when one part of the range is known, the others may exist: it is offered, not chosen.
  return { ...guess, alternatives: [...found.values()], confidence: found.size > 0 ? 'ambiguous' : 'unknown' };
}

function isRange(name: string): boolean {
  return /\(.*\)/.test(name);
}

/** The part numbers a name such as `STM32F401R(D-E)Tx` may stand for; some of them may not exist. */
export function partsInRange(name: string): readonly string[] {
  const match = /^([^()]*)\(([0-9A-Z])((?:-[0-9A-Z])+)\)([^()]*)$/.exec(name);
  if (!match) return [name];
  const [, before = '', first = '', rest = '', after = ''] = match;
  const symbols = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const last = rest.at(-1) ?? first;
  const [from, to] = [symbols.indexOf(first), symbols.indexOf(last)];
  return [...symbols.slice(from, to + 1)].map((symbol) => `${before}${symbol}${after}`);
}
