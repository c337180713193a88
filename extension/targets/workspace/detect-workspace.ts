import type { FileDiagnostic } from '../file-diagnostic';
import type { Target } from '../target';
import { detectArduino } from './arduino';
import { detectCsolution } from './csolution';
import { detectLinkerScripts } from './detect-linker-scripts';
import { Detection, type Lookups } from './detection';
import { detectEspIdf } from './esp-idf';
import { isInside, type WorkspaceFiles } from './files';
import { type Budget, guessKinds, type WorkspaceDetection, type WorkspaceGuess } from './guess';
import { detectKeil } from './keil';
import { detectLaunchJson } from './launch-json';
import { detectPlatformIo } from './platformio';
import { detectRust } from './rust';
import { detectStm32CubeMx } from './stm32cubemx';
import { detectZephyr } from './zephyr';

/**
 * Which chip a workspace is for, and what its project leaves to a program. Files are only read, within bounds; nothing is executed.
 * Faults in them become diagnostics, nothing is thrown but what `files` throws.
 */
export async function detectWorkspace(
  files: WorkspaceFiles,
  lookups: Lookups,
): Promise<WorkspaceDetection & { readonly diagnostics: readonly FileDiagnostic[] }> {
  const detection = new Detection(files, lookups);
  const found = await Promise.all([
    detectZephyr(detection),
    detectEspIdf(detection),
    detectPlatformIo(detection),
    detectStm32CubeMx(detection),
    detectCsolution(detection),
    detectKeil(detection),
    detectRust(detection),
    detectLinkerScripts(detection),
    detectArduino(detection),
    detectLaunchJson(detection),
  ]);
  const guesses = found.flat().sort((a, b) => guessKinds.indexOf(a.kind) - guessKinds.indexOf(b.kind));
  return { guesses, chosen: choose(guesses), diagnostics: detection.diagnostics };
}

/**
 * The guess that holds: all that are left must mean one chip. A stronger source overrides weaker ones of its own project (at or below
 * its folder), not those of another. What a linker script leaves wins over what the chip has.
 */
export function choose(guesses: readonly WorkspaceGuess[]): WorkspaceGuess | undefined {
  const naming = guesses.filter(({ named, target }) => target !== undefined || named !== '');
  const standing = naming.filter((guess) => !naming.some((other) => overrides(other, guess)));
  const target = commonTarget(standing, naming);
  // Something is named that is not known, or several chips are: no choice.
  if (naming.length > 0 && !target) return undefined;
  const first = standing.find((guess) => guess.target?.id === target?.id && guess.target) ?? standing[0];
  const scripts = guesses.filter(
    (guess) => guess.kind === 'linker-script' && (!first || isInside(guess.projectFolder, first.projectFolder)),
  );
  const same = standing.filter((guess) => guess.target && guess.target.id === target?.id);
  const flashBudget = budgetOf((guess) => guess.flashBudget, same, scripts);
  const ramBudget = budgetOf((guess) => guess.ramBudget, same, scripts);
  const base = first ?? (flashBudget || ramBudget ? scripts[0] : undefined);
  if (!base) return undefined;
  const { flashBudget: _, ramBudget: __, ...rest } = base;
  return {
    ...rest,
    ...(target && { target }),
    ...(flashBudget && { flashBudget }),
    ...(ramBudget && { ramBudget }),
    confidence: target && !first?.target ? 'derived' : base.confidence,
  };
}

function overrides(strong: WorkspaceGuess, weak: WorkspaceGuess): boolean {
  if (!strong.target || guessKinds.indexOf(strong.kind) >= guessKinds.indexOf(weak.kind)) return false;
  return isInside(weak.projectFolder, strong.projectFolder);
}

/**
 * The one target that all guesses allow. A guess with alternatives allows any of them; one that names something unknown allows
 * nothing, unless a guess of its own project says what is meant.
 */
function commonTarget(standing: readonly WorkspaceGuess[], naming: readonly WorkspaceGuess[]): Target | undefined {
  const stated = standing.flatMap(({ target }) => target ?? []);
  const [candidate] = stated;
  if (!candidate) return undefined;
  const allows = (guess: WorkspaceGuess) =>
    guess.target?.id === candidate.id ||
    guess.alternatives.some(({ id }) => id === candidate.id) ||
    (guess.confidence === 'unknown' &&
      naming.some((other) => other.target?.id === candidate.id && isInside(other.projectFolder, guess.projectFolder)));
  return standing.every(allows) ? candidate : undefined;
}

/** What the guesses themselves say, else their linker scripts. */
function budgetOf(
  pick: (guess: WorkspaceGuess) => Budget | undefined,
  same: readonly WorkspaceGuess[],
  scripts: readonly WorkspaceGuess[],
): Budget | undefined {
  const own = same.map(pick);
  return agreed(own.some((budget) => budget) ? own : scripts.map(pick));
}

/** The budget that all agree on; scripts for running from RAM beside those for flash differ and decide nothing. */
function agreed(budgets: readonly (Budget | undefined)[]): Budget | undefined {
  const known = budgets.filter((budget) => budget !== undefined);
  const [first] = known;
  return first && known.every(({ bytes }) => bytes === first.bytes) ? first : undefined;
}
