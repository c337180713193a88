import { alignUp } from '../budget/planners/buffers';
import { type PatchPlan, planPatches, type SpatialOperator } from '../budget/planners/patches';
import { planTflmGreedy } from '../budget/planners/tflm-greedy';
import { formatBytes } from '../model/format';
import { firstStage } from './first-stage';
import type { Improvement } from './improvement';
import type { LoweredGraph } from './lowered';
import type { RuntimeMemory } from './runtime';
import type { Steps } from './steps';

/** Patches along an axis that are tried; more recompute most of the stage. */
const mostPatches = 6;

/** Operators of the first stage that are tried: the overlap of patches grows with every one. */
const mostOperators = 24;

/** More computed again than this, in percent of the stage, is offered only where nothing less fits the limit. */
const acceptedRecomputation = 50;

interface Candidate {
  readonly operators: number;
  readonly plan: PatchPlan;
  readonly ramBytes: number;
  readonly addedMacs: number;
}

/**
 * What the RAM would be if the first operators ran patch by patch (Lin et al., MCUNetV2, 2021): the stage with the fewest bytes, or
 * where a limit is given the one within it that computes least again. An estimate: alignment and scratch inside a patch are left out.
 */
export function* patchImprovement(graph: LoweredGraph, memory: RuntimeMemory, limitBytes?: number): Steps<Improvement> {
  const now = memory.minimumArenaBytes;
  const common = { kind: 'patches', title: 'Run the first operators in patches', figure: 'estimated' } as const;
  const none = (detail: string): Improvement => ({ ...common, detail, ramBytes: now, savedBytes: 0 });
  const stage = firstStage(graph).slice(0, mostOperators);
  if (!stage.some(({ macs }) => macs > 0)) {
    return none('The graph does not begin with a chain of operators on one image.');
  }
  const candidates: Candidate[] = [];
  for (const last of stage.keys()) {
    yield;
    candidates.push(...candidatesFor(graph, memory, stage.slice(0, last + 1)));
  }
  const fitting = candidates.filter(({ ramBytes }) => limitBytes !== undefined && ramBytes <= limitBytes);
  const best =
    now > (limitBytes ?? now) && fitting.length > 0
      ? least(fitting, ({ addedMacs }) => addedMacs)
      : least(
          candidates.filter(({ plan }) => plan.recomputedPercent <= acceptedRecomputation),
          ({ ramBytes }) => ramBytes,
        );
  if (!best || best.ramBytes >= now) {
    return none('The fullest step comes after the operators that could run in patches, or patches would need as much.');
  }
  const { plan, operators, ramBytes } = best;
  const again = `${plan.recomputedPercent.toFixed(1)} % more MACs in them`;
  return {
    ...common,
    detail: `The first ${operators === 1 ? 'operator' : `${operators} operators`} in ${plan.patches} × ${plan.patches} patches: ${formatBytes(plan.peakBytes)} while they run, with ${again}. It takes a runtime that executes patches.`,
    ramBytes,
    savedBytes: now - ramBytes,
  };
}

function candidatesFor(
  graph: LoweredGraph,
  memory: RuntimeMemory,
  stage: readonly SpatialOperator[],
): readonly Candidate[] {
  const size = stage.at(-1)?.outputSize ?? [0, 0];
  const { alignment, tensors } = memory;
  const end = stage.length;
  const later = tensors
    .filter(({ last }) => last > end)
    .map((tensor) => ({ ...tensor, first: Math.max(tensor.first, end) }));
  const rest = planTflmGreedy(later, { alignment }).arenaBytes;
  const otherInputs = graph.inputs
    .filter((input) => !graph.operators[0]?.inputs.includes(input))
    .reduce((sum, input) => sum + alignUp(graph.tensors[input]?.bytes ?? 0, alignment), 0);
  const candidates: Candidate[] = [];
  for (let patches = 2; patches <= Math.min(mostPatches, ...size); patches++) {
    const plan = planPatches(stage, patches);
    const arena = Math.max(rest, alignUp(Math.ceil(plan.peakBytes), alignment) + otherInputs);
    const used = alignUp(memory.usedBytes - memory.arenaBytes + arena, alignment);
    candidates.push({
      operators: stage.length,
      plan,
      ramBytes: Math.max(used, memory.loadingBytes ?? 0),
      addedMacs: (plan.macs * plan.recomputedPercent) / (100 + plan.recomputedPercent),
    });
  }
  return candidates;
}

function least(candidates: readonly Candidate[], value: (candidate: Candidate) => number): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>((best, candidate) => {
    if (!best || value(candidate) < value(best)) return candidate;
    return value(candidate) === value(best) && candidate.addedMacs < best.addedMacs ? candidate : best;
  }, undefined);
}
