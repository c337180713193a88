import type {
  Frontier,
  PlanSizes,
  QuantizeState,
  Recommendation,
  SchemeRow,
  SchemeRowId,
  Work,
  WriteState,
} from '../../webview/quantize-protocol';
import type { RecipeData } from '../quantize/recipe';
import { reasonAgainst, recoveryMethods, recoveryText } from '../quantize/recovery/methods';
import { isStaticScheme } from '../quantize/scheme';
import type { RuntimeFootprint } from '../runtimes/measure';
import { limitsOf } from '../targets/limits';
import type { Analysis } from '../worker/analysis';
import type { CandidatePlan, PlanMeasurement, RecipeEstimate } from '../worker/recipe-calls';
import type { FitChoices } from './page-state';
import {
  layersOf,
  needsData,
  optionsOf,
  type QuantizeChoices,
  recipeOf,
  type SchemeChoice,
  schemeChoice,
  schemeChoices,
} from './quantize-choices';
import {
  type Budgets,
  bestPlan,
  countsInWords,
  frontierPoint,
  type NeededBytes,
  neededBy,
  recommend,
  schemesInWords,
} from './quantize-plans';
import type { RecipeEstimates } from './recipe-estimates';
import type { RecipeMeasurements } from './recipe-measurements';

/** All that the state of the view follows from. */
export interface QuantizeInputs {
  readonly choices: QuantizeChoices;
  readonly fit: FitChoices;
  readonly analysis: Analysis;
  /** Of the file on the chosen runtime. */
  readonly fileFootprint: RuntimeFootprint | undefined;
  readonly estimates: Pick<RecipeEstimates, 'of' | 'shown' | 'isBehind'>;
  readonly measurements: Pick<
    RecipeMeasurements,
    'measurementOf' | 'description' | 'sensitivities' | 'frontier' | 'isRunning'
  >;
  readonly paused: boolean;
  readonly writing: boolean;
  readonly outcome: WriteState['outcome'];
}

/** The recipe that is shown, and the position of its plan on the frontier. */
export interface ShownRecipe {
  readonly recipe: RecipeData;
  readonly plan: number | undefined;
}

/** What the chip leaves for the model beside the reserves, and the budgets that a person set instead. */
export function budgetsOf({ choices, fit }: Pick<QuantizeInputs, 'choices' | 'fit'>) {
  const { target, externalRam, reserves } = fit;
  const limits = target && limitsOf(target, { externalRam });
  const left = (limit: number | undefined, reserve: number) =>
    limit === undefined ? undefined : Math.max(0, limit - reserve);
  const flashRoom = left(limits?.flash?.bytes, reserves.flash);
  const ramRoom = left(limits?.ram?.bytes, reserves.ram + reserves.stack);
  return {
    flash: { bytes: choices.flashBudget ?? flashRoom, room: flashRoom },
    ram: { bytes: choices.ramBudget ?? ramRoom, room: ramRoom },
  } as const;
}

function limitsIn(inputs: Pick<QuantizeInputs, 'choices' | 'fit'>): Budgets {
  const { flash, ram } = budgetsOf(inputs);
  return { flash: flash.bytes, ram: ram.bytes };
}

/** The plans of the frontier; none while they are not known. */
function plansOf({ measurements }: Pick<QuantizeInputs, 'measurements'>): readonly CandidatePlan[] {
  const { frontier } = measurements;
  return frontier.kind === 'ready' ? frontier.value : [];
}

function measuredPlans(inputs: Pick<QuantizeInputs, 'measurements'>) {
  return plansOf(inputs).map((plan) => {
    const work = inputs.measurements.measurementOf(plan.recipe);
    return { plan, measurement: work.kind === 'ready' ? work.value : undefined };
  });
}

/** The recipe of the choices; that of the best plan within the budgets where a mixture is chosen and no plan is. */
export function shownRecipe(inputs: Pick<QuantizeInputs, 'choices' | 'fit' | 'measurements'>): ShownRecipe {
  const { choices } = inputs;
  const choice = schemeChoice(choices.row);
  if (!choice.isMixed) return { recipe: recipeOf(choice, choices), plan: undefined };
  const plans = plansOf(inputs);
  const index = choices.plan ?? bestPlan(measuredPlans(inputs), limitsIn(inputs));
  const plan = index === undefined ? undefined : plans[index];
  if (!plan) return { recipe: recipeOf(choice, choices), plan: undefined };
  if (Object.keys(choices.layers).length === 0) return { recipe: plan.recipe, plan: index };
  return {
    recipe: recipeOf(choice, choices, { ...layersOf(plan.recipe), ...choices.layers }),
    plan: index,
  };
}

/** Recipes of the list's rows, without what was set by hand. */
export function rowRecipe(choice: SchemeChoice, choices: QuantizeChoices): RecipeData {
  return recipeOf(choice, choices, {});
}

/** Everything the view shows. Pure. */
export function quantizeState(inputs: QuantizeInputs): QuantizeState {
  const { choices, analysis, fileFootprint, estimates, measurements, paused } = inputs;
  const choice = schemeChoice(choices.row);
  const { flash, ram } = budgetsOf(inputs);
  const { recipe, plan } = shownRecipe(inputs);
  const estimate = estimates.shown?.estimate;
  const ready = estimate?.kind === 'ready' ? estimate : undefined;
  const refused = estimate?.kind === 'refused' ? estimate.reason : undefined;
  const { sensitivities } = measurements;
  return {
    rows: schemeChoices.map((row) => schemeRow(row, inputs)),
    chosen: choice.id,
    label: planLabel(choice, ready),
    recommended: recommendation(inputs),
    options: {
      ...optionsOf(choice, choices.options),
      ...(isQuantized(analysis) && { requantize: choices.options.requantize }),
    },
    method: choices.method,
    isStatic: isStaticScheme(choice.scheme),
    recovery: recoveryText(choices.recovery),
    recoveries: recoveryMethods.map((id) => ({ id, reason: reasonAgainst(id, choice.scheme) })),
    flashBudget: flash,
    ramBudget: ram,
    data: dataState(inputs),
    file: {
      footprint: fileFootprint && withoutDetails(fileFootprint),
      constantBytes: analysis.totals.constantBytes,
      peakActivationBytes: analysis.totals.peakActivationBytes,
    },
    plan: ready && planSizes(ready),
    refused,
    layers: ready?.layers ?? [],
    edited: Object.keys(choices.layers),
    sensitivity:
      sensitivities.kind === 'ready'
        ? {
            kind: 'ready',
            value: {
              layers: sensitivities.value.layers,
              samples: sensitivities.value.samples,
              synthetic: sensitivities.value.synthetic,
            },
          }
        : sensitivities,
    frontier: frontierOf(inputs, plan),
    measurement: measurements.measurementOf(recipe),
    plainDb: plainDecibels(inputs),
    paused,
    write: writeState(inputs, choice, ready, refused),
  };
}

/** True where the file holds integers in place of some of its weights or activations. */
function isQuantized({ layers }: Analysis): boolean {
  return layers.some(({ opType }) =>
    /^(DequantizeLinear|QuantizeLinear|QLinear|ConvInteger|MatMulInteger)/.test(opType),
  );
}

function schemeRow(choice: SchemeChoice, inputs: QuantizeInputs): SchemeRow {
  return {
    id: choice.id,
    label: choice.label,
    rare: choice.rare === true,
    needsData: needsData(choice) && !hasData(inputs),
    size: rowSize(choice, inputs),
  };
}

function rowSize(choice: SchemeChoice, inputs: QuantizeInputs): SchemeRow['size'] {
  if (choice.isMixed) {
    const best = mixedPlan(inputs);
    if (best) return { kind: 'ready', bytes: best.flashBytes, figure: best.flashKind };
    const measuring = inputs.measurements.sensitivities.kind === 'running';
    return { kind: 'open', note: hasData(inputs) ? (measuring ? 'measuring' : 'not measured') : 'needs data' };
  }
  const estimate = inputs.estimates.of(rowRecipe(choice, inputs.choices));
  if (!estimate) return { kind: 'pending' };
  if (estimate.kind === 'refused') return estimate;
  const needed = neededBy(estimate);
  const [missing] = estimate.footprint?.cannotRun ?? [];
  return {
    kind: 'ready',
    bytes: needed.flashBytes,
    figure: needed.flashKind,
    ...(estimate.packedBytes !== undefined && { packedBytes: estimate.packedBytes }),
    ...(missing && {
      cannotRun: `${estimate.footprint?.runtime.label} cannot run ${missing.opType}: ${missing.reason}`,
    }),
  };
}

/** The mixture that is shown where one is chosen, else the one that would be. */
function mixedPlan(inputs: QuantizeInputs): CandidatePlan | undefined {
  const { choices } = inputs;
  const chosen = schemeChoice(choices.row).isMixed ? choices.plan : undefined;
  return plansOf(inputs)[chosen ?? bestPlan(measuredPlans(inputs), limitsIn(inputs)) ?? -1];
}

/** The scheme that changes least and fits. */
export function recommendation(inputs: QuantizeInputs): Recommendation | undefined {
  const known = new Map<SchemeRowId, NeededBytes | 'refused'>();
  for (const choice of schemeChoices) {
    if (choice.isMixed) {
      const best = mixedPlan(inputs);
      if (best) known.set(choice.id, { ...best, cannotRun: false });
      continue;
    }
    const estimate = inputs.estimates.of(rowRecipe(choice, inputs.choices));
    if (estimate) known.set(choice.id, estimate.kind === 'ready' ? neededBy(estimate) : 'refused');
  }
  return recommend(known, limitsIn(inputs), inputs.fit.runtime?.label);
}

/** True where inputs are there that can be used. */
export function hasData({ choices, measurements }: Pick<QuantizeInputs, 'choices' | 'measurements'>): boolean {
  if (choices.data.kind === 'files') return measurements.description.kind === 'ready';
  return choices.data.kind === 'random';
}

function dataState({ choices, measurements }: QuantizeInputs): QuantizeState['data'] {
  const { data, preprocessing } = choices;
  const { description } = measurements;
  const ofFiles = data.kind === 'files';
  return {
    source: data.kind,
    label: ofFiles ? data.paths.map((path) => path.split(/[/\\]/).at(-1) ?? path).join(', ') : '',
    media: ofFiles ? data.media : undefined,
    preprocessing,
    reading: ofFiles && (description.kind === 'none' || description.kind === 'running'),
    found: ofFiles && description.kind === 'ready' ? description.value : undefined,
    problem: ofFiles && description.kind === 'failed' ? description.reason : undefined,
  };
}

function frontierOf(inputs: QuantizeInputs, shown: number | undefined): Frontier {
  const { measurements } = inputs;
  return {
    points: plansOf(inputs).map((plan) =>
      frontierPoint(plan, shortMeasurement(measurements.measurementOf(plan.recipe))),
    ),
    shown,
    running: measurements.isRunning,
  };
}

function shortMeasurement(
  work: Work<PlanMeasurement>,
): Work<Pick<PlanMeasurement, 'sqnrDb' | 'samples' | 'synthetic'>> {
  if (work.kind !== 'ready') return work;
  const { sqnrDb, samples, synthetic } = work.value;
  return { kind: 'ready', value: { sqnrDb, samples, synthetic } };
}

function plainDecibels(inputs: QuantizeInputs): number | undefined {
  const plain = schemeChoice('int8');
  const onlyInt8 = plansOf(inputs).find(({ counts }) => Object.keys(counts).join() === plain.scheme);
  for (const recipe of [rowRecipe(plain, inputs.choices), onlyInt8?.recipe]) {
    const work = inputs.measurements.measurementOf(recipe);
    if (work.kind === 'ready') return work.value.sqnrDb;
  }
  return undefined;
}

type ReadyEstimate = Extract<RecipeEstimate, { kind: 'ready' }>;

/** The estimate as the size bars need it. */
export function planSizes({ footprint, constantBytes, peakActivationBytes }: ReadyEstimate): PlanSizes {
  return { footprint: footprint && withoutDetails(footprint), constantBytes, peakActivationBytes };
}

/** Buffers and layers are drawn in other views; here they would only be sent. */
function withoutDetails({ runtime, memory, flash, cannotRun }: RuntimeFootprint): NonNullable<PlanSizes['footprint']> {
  return { runtime, memory: { ...memory, tensors: [], inPlace: [] }, flash, cannotRun };
}

/** "int8 / int4" for a mixture, else the scheme. */
export function planLabel(choice: SchemeChoice, estimate: ReadyEstimate | undefined): string {
  const counts = layerCounts(estimate);
  return Object.keys(counts).length > 1 ? schemesInWords(counts) : choice.isMixed ? 'int8' : choice.label;
}

function layerCounts(estimate: ReadyEstimate | undefined): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { scheme } of estimate?.layers ?? []) counts.set(scheme, (counts.get(scheme) ?? 0) + 1);
  return Object.fromEntries(counts);
}

/** The plan in words, for the report of what was written. */
export function planInWords(estimate: ReadyEstimate): string {
  return countsInWords(layerCounts(estimate));
}

function writeState(
  inputs: QuantizeInputs,
  choice: SchemeChoice,
  ready: ReadyEstimate | undefined,
  refused: string | undefined,
): WriteState {
  return {
    fileBytes: ready?.fileBytes,
    externalBytes: ready?.externalBytes,
    blocked: blockedBy(inputs, choice, ready, refused),
    writing: inputs.writing,
    outcome: inputs.outcome,
  };
}

function blockedBy(
  inputs: QuantizeInputs,
  choice: SchemeChoice,
  ready: ReadyEstimate | undefined,
  refused: string | undefined,
): string | undefined {
  const { choices, measurements, estimates } = inputs;
  if (inputs.writing) return 'It is being written.';
  if (refused !== undefined && !estimates.isBehind) return refused;
  if (measurements.description.kind === 'running' && choices.data.kind === 'files') return 'The data is being read.';
  if (choices.data.kind === 'files' && measurements.description.kind === 'failed') {
    return 'The calibration data cannot be used; see step 3.';
  }
  if (needsData(choice) && !hasData(inputs)) return `${choice.label} needs calibration data: choose it in step 3.`;
  if (choice.isMixed && plansOf(inputs).length === 0 && Object.keys(choices.layers).length === 0) {
    return 'The plans are not known yet: layers are measured first.';
  }
  if (estimates.isBehind) return 'The size is being computed.';
  return ready?.unproved ? 'The prepared model is being compared with the source.' : undefined;
}
