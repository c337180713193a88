import { linesOf } from '../file-diagnostic';
import type { Detection } from './detection';
import type { Budget, WorkspaceGuess } from './guess';

/** Keil projects: the device of each target of a `.uvprojx` file, and the memories it was created with. */
export async function detectKeil(detection: Detection): Promise<readonly WorkspaceGuess[]> {
  const guesses: WorkspaceGuess[] = [];
  for (const file of await detection.find('**/*.uvprojx')) {
    const text = await detection.read(file);
    if (text === undefined) continue;
    let device: { readonly value: string; readonly line: number } | undefined;
    for (const [index, content] of linesOf(text).entries()) {
      const line = index + 1;
      const found = /<Device>([^<]*)<\/Device>/.exec(content)?.[1];
      if (found !== undefined && found.trim() !== '') {
        device = { value: found.trim(), line };
        // Some packs add the name of the processor: MIMXRT1062DVL6A:cm7.
        const lookUp = [device.value, device.value.replace(/:.*$/, '')];
        guesses.push(detection.guess({ kind: 'keil', file, line, named: device.value, lookUp }));
      }
      const cpu = /<Cpu>([^<]*)<\/Cpu>/.exec(content)?.[1];
      const last = guesses.at(-1);
      if (cpu === undefined || last?.file !== file) continue;
      const memories = memoriesOf(cpu);
      for (const { name, bytes } of memories) {
        if (bytes <= 0) detection.report('error', 'negative-size', `The size of ${name} is not above 0.`, file, line);
      }
      // For a known chip these are the same figures, with less care for which regions lie in a row.
      if (!last.target) guesses[guesses.length - 1] = { ...last, ...budgets(memories, file, line) };
    }
  }
  return guesses;
}

export interface KeilMemory {
  /** IRAM, IRAM2, IROM, IROM2, XRAM … */
  readonly name: string;
  /** Not above 0 where the file is wrong. */
  readonly bytes: number;
}

/** The memories of a `<Cpu>` element: `IRAM(0x20000000,0x5000)` is start and size, `IROM(0x08000000-0x0800FFFF)` first and last. */
export function memoriesOf(cpu: string): readonly KeilMemory[] {
  return [...cpu.matchAll(/\b([IX]R[AO]M\d?)\((0x[\da-f]{1,12})([,-])(0x[\da-f]{1,12})\)/gi)].map((match) => {
    const [, name = '', first = '', sign, second = ''] = match;
    return { name: name.toUpperCase(), bytes: sign === ',' ? Number(second) : Number(second) - Number(first) + 1 };
  });
}

function budgets(
  memories: readonly KeilMemory[],
  file: string,
  line: number,
): { readonly flashBudget?: Budget; readonly ramBudget?: Budget } {
  if (memories.some(({ bytes }) => bytes <= 0)) return {};
  const largest = (prefix: string) =>
    memories
      .filter(({ name }) => name.startsWith(prefix))
      .reduce<KeilMemory | undefined>(
        (best, memory) => (best && best.bytes >= memory.bytes ? best : memory),
        undefined,
      );
  const budget = (memory: KeilMemory): Budget => ({
    bytes: memory.bytes,
    label: `${memory.name} of ${file}`,
    file,
    line,
  });
  const [flash, ram] = [largest('IROM'), largest('IRAM')];
  return { ...(flash && { flashBudget: budget(flash) }), ...(ram && { ramBudget: budget(ram) }) };
}
