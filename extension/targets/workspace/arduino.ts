import { linesOf } from '../file-diagnostic';
import type { Detection } from './detection';
import type { WorkspaceGuess } from './guess';

/**
 * Boards that Arduino's cores call otherwise than PlatformIO does. Source: the boards.txt files of Arduino's cores and of
 * arduino-esp32.
 */
const otherNames: Readonly<Record<string, string>> = {
  envie_m7: 'portenta_h7_m7',
  giga: 'giga_r1_m7',
  minima: 'uno_r4_minima',
  unor4wifi: 'uno_r4_wifi',
  nano_nora: 'arduino_nano_esp32',
  nicla_sense: 'nicla_sense_me',
  xiao_esp32s3: 'seeed_xiao_esp32s3',
  xiao_esp32c3: 'seeed_xiao_esp32c3',
  xiao_esp32c6: 'seeed_xiao_esp32c6',
};

/** Arduino sketches: the board of `default_fqbn` in sketch.yaml, else of the default profile, else of all profiles. */
export async function detectArduino(detection: Detection): Promise<readonly WorkspaceGuess[]> {
  const guesses: WorkspaceGuess[] = [];
  for (const file of await detection.find('**/sketch.yaml', '**/sketch.yml')) {
    const text = await detection.read(file);
    if (text === undefined) continue;
    for (const { value, line } of boardsOf(text)) {
      const lookUp = boardNames(value);
      if (lookUp) guesses.push(detection.guess({ kind: 'arduino', file, line, named: value, lookUp }));
      else detection.report('warning', 'invalid-fqbn', `"${value}" is not PACKAGE:ARCHITECTURE:BOARD.`, file, line);
    }
  }
  return guesses;
}

interface Entry {
  readonly value: string;
  readonly line: number;
}

function boardsOf(text: string): readonly Entry[] {
  const profiles = new Map<string, Entry>();
  let profile: { readonly name: string; readonly indent: number } | undefined;
  let defaultProfile: string | undefined;
  let inProfiles = false;
  for (const [index, raw] of linesOf(text).entries()) {
    const match = /^(\s*)([\w.-]+)\s*:(?:\s+(.*))?$/.exec(raw.replace(/(?:^|\s)#.*$/, '').trimEnd());
    if (!match) continue;
    const [, lead = '', key = '', rest = ''] = match;
    const value = rest.trim().replace(/^(["'])(.*)\1$/, '$2');
    if (lead === '') {
      inProfiles = key === 'profiles';
      if (key === 'default_fqbn' && value !== '') return [{ value, line: index + 1 }];
      if (key === 'default_profile') defaultProfile = value;
    } else if (inProfiles && (!profile || lead.length <= profile.indent)) {
      profile = { name: key, indent: lead.length };
    } else if (inProfiles && profile && key === 'fqbn' && value !== '') {
      profiles.set(profile.name, { value, line: index + 1 });
    }
  }
  const chosen = defaultProfile === undefined ? undefined : profiles.get(defaultProfile);
  return chosen ? [chosen] : [...profiles.values()];
}

/** What to look up for `arduino:mbed_nano:nano33ble` or `STMicroelectronics:stm32:Nucleo_64:pnum=NUCLEO_F401RE`. */
function boardNames(fqbn: string): readonly string[] | undefined {
  const [, architecture, board, options = ''] = fqbn.split(':');
  if (!architecture || !board) return undefined;
  const part = /(?:^|,)pnum=([^,]+)/.exec(options)?.[1];
  // GENERIC_F103C8TX: a part number without its family.
  const generic = part && /^GENERIC_(\w+)$/i.exec(part)?.[1];
  if (generic) return [`STM32${generic}`];
  if (part) return [part];
  const other = otherNames[board.toLowerCase()];
  return other ? [other, board] : [board];
}
