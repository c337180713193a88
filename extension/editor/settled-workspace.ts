import type { FileDiagnostic } from '../targets/file-diagnostic';
import type { Target } from '../targets/target';
import type { TargetFile } from '../targets/target-file';
import type { Budget, WorkspaceDetection, WorkspaceGuess } from '../targets/workspace/guess';

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

/** The targets of a target file after a change; while the file has errors, those it defined before stay too. */
export function settledTargets(previous: readonly Target[], { targets, diagnostics }: TargetFile): readonly Target[] {
  if (!diagnostics.some(({ severity }) => severity === 'error')) return targets;
  return [...targets, ...previous.filter(({ id }) => !targets.some((target) => target.id === id))];
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
