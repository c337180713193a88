import type { FileDiagnostic } from '../targets/file-diagnostic';
import type { Target } from '../targets/target';
import type { TargetFile } from '../targets/target-file';
import type { Budget, WorkspaceDetection, WorkspaceGuess } from '../targets/workspace/guess';
import { type DetectedProject, projectsOf } from '../targets/workspace/nearest-project';

/**
 * The guess that holds after a new look at the workspace. Where the file that the last one came from is now faulty, the last one
 * stays, and so do budgets: a verdict does not change because somebody is in the middle of a line.
 */
export function settledGuess(
  previous: WorkspaceGuess | undefined,
  { chosen, diagnostics }: WorkspaceDetection & { readonly diagnostics: readonly FileDiagnostic[] },
): WorkspaceGuess | undefined {
  const isFaulty = (file: string) =>
    diagnostics.some((diagnostic) => diagnostic.file === file && diagnostic.severity !== 'note');
  if (!previous) return chosen;
  if (!chosen) return isFaulty(previous.file) ? previous : undefined;
  if (chosen.target?.id !== previous.target?.id) return chosen;
  const kept = (budget: Budget | undefined) => (budget && isFaulty(budget.file) ? budget : undefined);
  const flashBudget = chosen.flashBudget ?? kept(previous.flashBudget);
  const ramBudget = chosen.ramBudget ?? kept(previous.ramBudget);
  return { ...chosen, ...(flashBudget && { flashBudget }), ...(ramBudget && { ramBudget }) };
}

/** The projects after a new look at the workspace; what a faulty file said of its project before stays, as in `settledGuess`. */
export function settledProjects(
  previous: readonly DetectedProject[],
  { guesses, diagnostics }: WorkspaceDetection & { readonly diagnostics: readonly FileDiagnostic[] },
): readonly DetectedProject[] {
  const found = projectsOf(guesses);
  const gone = previous.filter(({ folder }) => !found.some((project) => project.folder === folder));
  return [...found, ...gone.map(({ folder }) => ({ folder, chosen: undefined }))].flatMap(({ folder, chosen }) => {
    const before = previous.find((project) => project.folder === folder)?.chosen;
    const settled = settledGuess(before, { guesses, chosen, diagnostics });
    return settled || found.some((project) => project.folder === folder) ? [{ folder, chosen: settled }] : [];
  });
}

/** The targets of a target file after a change; while the file has errors, those it defined before stay too. */
export function settledTargets(previous: readonly Target[], { targets, diagnostics }: TargetFile): readonly Target[] {
  if (!diagnostics.some(({ severity }) => severity === 'error')) return targets;
  return [...targets, ...previous.filter(({ id }) => !targets.some((target) => target.id === id))];
}

/**
 * What a workspace is for: the chip it names, with what its project leaves to a program; where it names none but has a linker script, the memory that
 * the script leaves. undefined where it says neither.
 */
export function workspaceTarget(guess: WorkspaceGuess): Target | undefined {
  const { target, flashBudget, ramBudget } = guess;
  if (target) return withBudgets(target, guess);
  if (guess.named !== '' || (!flashBudget && !ramBudget)) return undefined;
  const name = `memory of ${guess.file}`;
  return withBudgets(
    {
      id: name,
      name,
      vendor: '',
      core: '',
      memories: [
        ...(flashBudget ? [{ name: flashBudget.label, kind: 'flash' as const, bytes: flashBudget.bytes }] : []),
        ...(ramBudget ? [{ name: ramBudget.label, kind: 'sram' as const, bytes: ramBudget.bytes }] : []),
      ],
      runtimes: [],
      sources: { memories: guess.file },
      confidence: 'as the linker script says',
      aliases: [],
    },
    guess,
  );
}

/** The target with what its project leaves to a program, which wins over what the chip has. */
export function withBudgets(
  target: Target,
  { flashBudget, ramBudget }: Pick<WorkspaceGuess, 'flashBudget' | 'ramBudget'>,
): Target {
  if (!flashBudget && !ramBudget) return target;
  const limit = (budget: Budget | undefined) => budget && { bytes: budget.bytes, label: budget.label };
  return { ...target, projectLimits: { flash: limit(flashBudget), ram: limit(ramBudget) } };
}
