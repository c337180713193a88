import type { QuantizeChange, QuantizeState, WriteState } from '../../webview/quantize-protocol';
import type { RecipeData } from '../quantize/recipe';
import type { RuntimeFootprint } from '../runtimes/measure';
import type { Analysis } from '../worker/analysis';
import type { DataOrigin, PlanMeasurement, RecipeEstimate } from '../worker/recipe-calls';
import type { WorkerClient } from '../worker/worker-client';
import type { FitChoices } from './page-state';
import { type PlanFigures, sameStructure } from './plan-figures';
import {
  changed,
  type DataChoice,
  initialChoices,
  type QuantizeChoices,
  recipeOf,
  schemeChoice,
  schemeChoices,
} from './quantize-choices';
import type { QuantizeMemory } from './quantize-memory';
import { excessOf, neededBy } from './quantize-plans';
import {
  budgetsOf,
  hasData,
  planLabel,
  type QuantizeInputs,
  quantizeState,
  recommendation,
  rowRecipe,
  shownRecipe,
} from './quantize-state';
import { type EstimateGround, RecipeEstimates } from './recipe-estimates';
import { type MeasuringWorker, RecipeMeasurements } from './recipe-measurements';

/** Inputs that are made up where there are none. */
const randomInputs = 32;

/** What a session works on. */
export interface QuantizedModel {
  /** What its choices are remembered by. */
  readonly key: string;
  /** In the worker; undefined while it is not open there. */
  readonly session: number | undefined;
  readonly analysis: Analysis | undefined;
  /** Of the file on the chosen runtime. */
  readonly footprint: RuntimeFootprint | undefined;
}

export interface QuantizeSessionOptions {
  readonly worker: Pick<WorkerClient, 'call'>;
  readonly model: () => QuantizedModel;
  readonly fit: () => FitChoices;
  readonly openMeasuring: () => Promise<MeasuringWorker>;
  readonly memory: QuantizeMemory;
  /** What the files at these paths hold. */
  readonly mediaOf: (paths: readonly string[]) => Promise<'images' | 'audio' | undefined>;
  /** `isUrgent`: the person waits for it; else it is progress. */
  readonly changed: (isUrgent: boolean) => void;
}

/** A plan that can be written as it is shown. */
export interface WritablePlan {
  readonly recipe: RecipeData;
  readonly data: DataOrigin | undefined;
  readonly estimate: Extract<RecipeEstimate, { kind: 'ready' }>;
}

/** The choices of the Quantize view for one model, and what follows from them: sizes at once, errors as they are measured. */
export class QuantizeSession {
  private choices: QuantizeChoices = initialChoices;
  /** The person has chosen: the recommendation no longer chooses for them. */
  private touched = false;
  private paused = false;
  private wantsFrontier = false;
  private writing = false;
  private outcome: WriteState['outcome'];
  private opened: number | undefined;
  private planned:
    | { readonly of: RecipeEstimate; readonly by: RecipeEstimates['detail']; readonly figures: PlanFigures }
    | undefined;
  private readonly estimates: RecipeEstimates;
  private readonly measurements: RecipeMeasurements;

  constructor(private readonly options: QuantizeSessionOptions) {
    this.estimates = new RecipeEstimates(options.worker, () => this.follow(true));
    this.measurements = new RecipeMeasurements(options.openMeasuring, () => this.follow(false));
    void this.recall();
  }

  /** Takes up a model that was read again, another chip, another runtime. */
  update(): void {
    const { session } = this.options.model();
    if (session !== this.opened) {
      this.opened = session;
      this.planned = undefined;
      this.estimates.reset();
      this.measurements.reset();
    }
    this.follow();
  }

  dispose(): void {
    this.estimates.reset();
    this.measurements.reset();
  }

  /** Takes a choice of the person. */
  change(change: QuantizeChange): void {
    this.touched = true;
    this.outcome = undefined;
    this.choices = changed(this.choices, change);
    if (change.kind === 'preprocessing') this.remember();
    this.follow();
  }

  setData(data: DataChoice): void {
    this.choices = { ...this.choices, data };
    this.paused = false;
    this.outcome = undefined;
    this.remember();
    this.follow();
  }

  /** Measures layers and plans, also after it was stopped. */
  measure(): void {
    this.paused = false;
    this.wantsFrontier = true;
    this.follow();
  }

  pause(): void {
    this.paused = true;
    this.follow();
  }

  setOutcome(writing: boolean, outcome: WriteState['outcome']): void {
    this.writing = writing;
    this.outcome = outcome;
    this.options.changed(true);
  }

  /** undefined until the model is read. */
  get state(): QuantizeState | undefined {
    const inputs = this.inputs();
    return inputs && quantizeState(inputs);
  }

  /**
   * What header, meters and Memory show of the plan; undefined while there is none. The same object as long as nothing changed. The
   * analysis of the planned file comes after its sizes: until then the one before stands in, where it names the same nodes.
   */
  get figures(): PlanFigures | undefined {
    const { shown, detail } = this.estimates;
    const estimate = this.readyEstimate;
    if (!shown || !estimate) return undefined;
    if (this.planned?.of === estimate && this.planned.by === detail) return this.planned.figures;
    const before = this.planned?.figures;
    const { footprint, constantBytes, peakActivationBytes } = estimate;
    const isOwn = detail !== undefined && this.estimates.isSame(detail.recipe, shown.recipe);
    const stands = before !== undefined && footprint !== undefined && sameStructure(before.footprint, footprint);
    const analysis = isOwn ? detail.analysis : stands ? before.analysis : undefined;
    if (!analysis) return before;
    const label = planLabel(schemeChoice(this.choices.row), estimate);
    const figures = { label, analysis, footprint, constantBytes, peakActivationBytes };
    this.planned = { of: estimate, by: detail, figures };
    return figures;
  }

  /** The plan as shown; undefined where it cannot be written now. */
  get writable(): WritablePlan | undefined {
    const { state, estimates } = this;
    const estimate = this.readyEstimate;
    const recipe = estimates.shown?.recipe;
    if (!state || !estimate || !recipe || state.write.blocked !== undefined) return undefined;
    return { recipe, data: this.origin, estimate };
  }

  /** By how much the plan exceeds the budgets, as a clause; undefined where it does not. */
  get excess(): string | undefined {
    const inputs = this.inputs();
    const estimate = this.readyEstimate;
    if (!inputs || !estimate) return undefined;
    const { flash, ram } = budgetsOf(inputs);
    return excessOf(neededBy(estimate), { flash: flash.bytes, ram: ram.bytes });
  }

  /** The plan of the shown recipe for a file of another name. */
  estimateAs(outputName: string): Promise<RecipeEstimate> {
    const { session } = this.options.model();
    const { recipe } = this;
    if (session === undefined || !recipe) return Promise.reject(new Error('The model is not open.'));
    return this.options.worker.call('estimateRecipe', { session, recipe, outputName });
  }

  /** The recipe as shown, to be kept in a file. */
  get recipe(): RecipeData | undefined {
    const inputs = this.inputs();
    return inputs && shownRecipe(inputs).recipe;
  }

  /** Errors of the plan as shown, where they were measured. */
  get measured(): PlanMeasurement | undefined {
    const { recipe } = this;
    const work = recipe && this.measurements.measurementOf(recipe);
    return work?.kind === 'ready' ? work.value : undefined;
  }

  private get readyEstimate() {
    const estimate = this.estimates.shown?.estimate;
    return estimate?.kind === 'ready' ? estimate : undefined;
  }

  private get origin(): DataOrigin | undefined {
    const { data } = this.choices;
    if (data.kind === 'files') return { kind: 'files', paths: data.paths };
    return data.kind === 'random' ? { kind: 'random', count: randomInputs } : undefined;
  }

  private inputs(): QuantizeInputs | undefined {
    const { analysis, footprint } = this.options.model();
    if (!analysis) return undefined;
    const { choices, estimates, measurements, paused, writing, outcome } = this;
    return {
      choices,
      fit: this.options.fit(),
      analysis,
      fileFootprint: footprint,
      estimates,
      measurements,
      paused,
      writing,
      outcome,
    };
  }

  /** Asks for what the choices need, and tells what is known. */
  private follow(isUrgent = true): void {
    const inputs = this.inputs();
    const { session } = this.options.model();
    if (!inputs || session === undefined) return;
    this.chooseRecommended(inputs);
    const { choices } = this;
    const { recipe } = shownRecipe({ ...inputs, choices });
    const mixed = schemeChoices.find(({ isMixed }) => isMixed);
    const usable = hasData(inputs);
    const isMixedChosen = schemeChoice(choices.row).isMixed === true;
    this.measurements.want({
      data: this.origin,
      preprocessing: recipe.preprocessing,
      shown: usable && this.readyEstimate && !this.estimates.isBehind ? recipe : undefined,
      mixed: mixed && usable && (this.wantsFrontier || isMixedChosen) ? recipeOf(mixed, choices, {}) : undefined,
      runtime: inputs.fit.runtime?.id,
      paused: this.paused,
    });
    this.estimates.want({
      ground: groundOf(session, inputs.fit),
      shown: recipe,
      others: schemeChoices.filter(({ isMixed }) => !isMixed).map((choice) => rowRecipe(choice, choices)),
    });
    this.options.changed(isUrgent);
  }

  private chooseRecommended(inputs: QuantizeInputs): void {
    if (this.touched) return;
    const best = recommendation(inputs);
    if (best) this.choices = { ...this.choices, row: best.id };
  }

  /** Data that was chosen for this file before. */
  private async recall(): Promise<void> {
    const kept = this.options.memory.get(this.options.model().key);
    if (!kept) return;
    const media = await this.options.mediaOf(kept.paths);
    if (this.choices.data.kind !== 'none') return;
    const data: DataChoice = kept.paths.length > 0 ? { kind: 'files', paths: kept.paths, media } : { kind: 'none' };
    this.choices = { ...this.choices, data, preprocessing: kept.preprocessing };
    this.follow();
  }

  private remember(): void {
    const { data, preprocessing } = this.choices;
    const paths = data.kind === 'files' ? data.paths : [];
    void this.options.memory.set(this.options.model().key, { paths, preprocessing });
  }
}

function groundOf(session: number, { runtime, reserves }: FitChoices): EstimateGround {
  return { session, ...(runtime && { runtime: runtime.id, flashReserveBytes: reserves.flash }) };
}
