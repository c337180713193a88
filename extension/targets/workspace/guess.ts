import type { Target } from '../target';

/** How a workspace says which chip it is for, strongest first. */
export const guessKinds = [
  'zephyr',
  'esp-idf',
  'platformio',
  'stm32cubemx',
  'csolution',
  'keil',
  'rust',
  'linker-script',
  'arduino',
  'launch',
] as const;

export type GuessKind = (typeof guessKinds)[number];

/** What a project leaves to a program, in bytes, and who says so. */
export interface Budget {
  readonly bytes: number;
  /** Such as "region FLASH of app.ld". */
  readonly label: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** One place in the workspace that says what it is for. */
export interface WorkspaceGuess {
  readonly kind: GuessKind;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** The folder of the project the file belongs to; empty for the workspace folder. */
  readonly projectFolder: string;
  /** Chip or board as the file has it; empty for a linker script, which names none. */
  readonly named: string;
  /** Absent when nothing known is named, or several things are. */
  readonly target?: Target;
  /** What it may be when the file does not say which: never chosen without asking. */
  readonly alternatives: readonly Target[];
  readonly flashBudget?: Budget;
  readonly ramBudget?: Budget;
  /** For people: `this workspace: nucleo_f746zg (platformio.ini)`. */
  readonly how: string;
  /** stated: the file names the chip or board. derived: it follows from something else. ambiguous: several. unknown: no known chip. */
  readonly confidence: 'stated' | 'derived' | 'ambiguous' | 'unknown';
}

export interface WorkspaceDetection {
  /** Strongest first. */
  readonly guesses: readonly WorkspaceGuess[];
  /** The one that holds, with the budgets of its project; undefined when nothing is known or the workspace names several chips. */
  readonly chosen: WorkspaceGuess | undefined;
}
