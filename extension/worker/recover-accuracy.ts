import { EngineRefused, type InferenceEngine } from '../inference/engine';
import { collectRanges } from '../quantize/calibration/collect-ranges';
import { compareOutputs } from '../quantize/calibration/compare-outputs';
import type { RunnableModel } from '../quantize/calibration/observation';
import type { OutputError } from '../quantize/calibration/output-error';
import type { SampleSource } from '../quantize/calibration-data/samples';
import { QuantizationRefused, type QuantizationSource } from '../quantize/plan';
import { clippedValues, equalizeLayers, equalizeThroughClips } from '../quantize/preparation/equalize';
import type { PreparationPass } from '../quantize/preparation/pass';
import type { Recipe } from '../quantize/recipe';
import { adaptiveRounding } from '../quantize/recovery/adaround';
import { absorbableValues, absorbBiases } from '../quantize/recovery/bias-absorption';
import { fitterFor, type Rounding } from '../quantize/recovery/fitters';
import { gptqRounding } from '../quantize/recovery/gptq';
import { InputMomentSource, mostInputs } from '../quantize/recovery/input-moments';
import { linearLayers, multiplications } from '../quantize/recovery/linear-layers';
import { needsInputs, type RecoveryMethod, reasonAgainst } from '../quantize/recovery/methods';
import { smoothActivations, smoothableValues } from '../quantize/recovery/smoothquant';
import { type SplitSamples, splitSamples } from '../quantize/recovery/split-samples';
import type { Ranges } from '../quantize/static/activation-type';
import { combineErrors } from '../quantize/weight-error';
import { correctBiases } from './correct-biases';
import { hasSizeOf, planRecipe, type RecipePlan, replanned } from './plan-recipe';
import { runnablePlan, runnableSource } from './runnable-model';

/** A plan that can be written, with the ranges it was made with. */
export interface CalibratedPlan {
  readonly plan: RecipePlan;
  readonly ranges: Ranges | undefined;
  readonly warnings: readonly string[];
}

/** The inputs, and the source that they fit. */
export interface OpenInputs {
  readonly model: RunnableModel;
  readonly samples: SampleSource;
}

export interface RecoveryContext {
  readonly source: QuantizationSource;
  readonly recipe: Recipe;
  readonly output: { readonly fileName: string };
  readonly engine: InferenceEngine;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((doing: string, done: number, total: number | undefined) => void) | undefined;
  readonly run: OpenInputs | undefined;
  /** With the ranges that samples have. */
  calibrate(plan: RecipePlan, samples: SampleSource | undefined): Promise<CalibratedPlan>;
}

/** A method that was tried. */
export interface RecoveryStep {
  readonly method: RecoveryMethod;
  /** Mean SQNR of the outputs on the judging samples, or of the weights without inputs, in decibels, measured; undefined where it was not. */
  readonly beforeDb: number | undefined;
  readonly afterDb: number | undefined;
  readonly of: 'outputs' | 'weights';
  readonly kept: boolean;
  /** Why it was not tried or not kept, as a sentence. */
  readonly reason?: string;
}

/** What `auto` tries, in this order. */
const automatic: readonly RecoveryMethod[] = [
  'cle',
  'bias-absorption',
  'smoothquant',
  'mse-clip',
  'hqq',
  'gptq',
  'adaround',
  'bias-correction',
];
/** `auto` goes over the weights of a model up to this many elements, and runs one with so many again and again. */
const mostWeights = 2 ** 25;
const mostJudgedWeights = 2 ** 26;
/** What `auto` does with codes: multiplications, and elements. */
const mostCodeWork = 2 ** 31;
const mostCodes = 2 ** 22;
/** Less than this, in decibels, is no help that is worth a change. */
const leastGain = 0.1;

/**
 * Does to a plan what the recipe says against its error. A list is done as it is; `auto` keeps each method only where it brings the outputs closer to
 * the source's on samples that it was not fitted to (with fewer than 16 on the same ones), or, without inputs, the weights to the source's. A method that would
 * change the size of the file is left out. Throws QuantizationRefused where a method is named that needs inputs and there are none.
 */
export async function recoverAccuracy(
  context: RecoveryContext,
  start: CalibratedPlan,
): Promise<CalibratedPlan & { readonly steps: readonly RecoveryStep[] }> {
  const { recipe, run } = context;
  const { recovery } = recipe;
  // What is planned as the editor plans it goes without.
  if (recovery === 'none' || (recovery === 'auto' && !start.plan.adjustments)) return { ...start, steps: [] };
  if (recovery !== 'auto') {
    const missing = recovery.find((method) => needsInputs(method) && !run && !reasonAgainst(method, recipe.scheme));
    if (missing) throw new QuantizationRefused(`The recovery ${missing} needs calibration data.`);
    // Without inputs the plan has everything that was named.
    if (!run) return { ...start, steps: recovery.map((method) => done(method, start.plan)) };
  }
  const worker = new Recovery(context, run && (await splitSamples(run.samples, multiplications(start.plan.prepared))));
  return recovery === 'auto' ? worker.automatic(start) : worker.named(start, recovery);
}

/** A step as a sentence for a person. */
export function stepSentence({ method, beforeDb, afterDb, of, kept, reason }: RecoveryStep): string {
  const figure = (db: number | undefined) => (db === undefined ? 'no error' : `${db.toFixed(1)} dB`);
  const measured =
    beforeDb === undefined && afterDb === undefined
      ? ''
      : ` (SQNR of the ${of}, measured: ${figure(beforeDb)} before, ${figure(afterDb)} after)`;
  return `${method} was ${kept ? 'applied' : 'left out'}${measured}.${reason === undefined ? '' : ` ${reason}`}`;
}

/** Mean SQNR of outputs in decibels; an output without error or signal does not count. */
export function meanSqnr(outputs: readonly OutputError[]): number {
  const known = outputs.flatMap(({ sqnrDb }) => sqnrDb ?? []);
  return known.length === 0 ? Number.NEGATIVE_INFINITY : known.reduce((sum, each) => sum + each, 0) / known.length;
}

function done(method: RecoveryMethod, { scheme, adjustments }: RecipePlan): RecoveryStep {
  const isLeft = method === 'cle' && adjustments?.rewrites.length === 0;
  const reason = reasonAgainst(method, scheme) ?? (isLeft ? otherSize : undefined);
  return { method, beforeDb: undefined, afterDb: undefined, of: 'outputs', kept: !reason, ...(reason && { reason }) };
}

/** A method that was kept and then gave way to another. */
function withPlaceTaken(step: RecoveryStep, { methods }: State): RecoveryStep {
  const isGone = step.kept && !methods.includes(step.method);
  return isGone ? { ...step, kept: false, reason: 'Another method took its place.' } : step;
}

interface State extends CalibratedPlan {
  readonly methods: readonly RecoveryMethod[];
}

class Recovery {
  /** Of the float model with these rewrites. */
  #moments:
    | { readonly rewrites: readonly PreparationPass[] | undefined; readonly source: InputMomentSource }
    | undefined;

  constructor(
    private readonly context: RecoveryContext,
    private readonly samples: SplitSamples | undefined,
  ) {}

  async named(start: CalibratedPlan, methods: readonly RecoveryMethod[]) {
    const steps: RecoveryStep[] = [];
    let state: State = { ...start, methods: [] };
    for (const method of methods) {
      const next = await this.#apply(state, method);
      const kept = typeof next !== 'string';
      const reason = kept ? this.#limits(method) : next;
      steps.push({ ...nothingMeasured, method, kept, ...(reason && { reason }) });
      if (typeof next !== 'string') state = next;
    }
    return { ...state, steps: steps.map((step) => withPlaceTaken(step, state)) };
  }

  /** Ranges come from the samples that methods are fitted to until it is decided, so that what judges is new to all of it. */
  async automatic(start: CalibratedPlan) {
    const { run, calibrate } = this.context;
    const steps: RecoveryStep[] = [];
    const isApart = start.ranges !== undefined && this.samples?.apart;
    let state: State = { ...(isApart ? await calibrate(start.plan, this.samples.fit) : start), methods: [] };
    let before = await this.#score(state);
    const of = this.samples ? 'outputs' : 'weights';
    for (const method of before === undefined ? [] : automatic) {
      if (reasonAgainst(method, this.context.recipe.scheme) || this.#isOutOfPlace(method, state)) continue;
      const next = await this.#apply(state, method);
      // What a model gives no occasion for is no news.
      const after = typeof next === 'string' ? undefined : await this.#score(next);
      if (typeof next === 'string' || after === undefined || before === undefined) continue;
      const kept = after > before + leastGain;
      const reason = kept ? this.#limits(method) : undefined;
      steps.push({ method, beforeDb: finite(before), afterDb: finite(after), of, kept, ...(reason && { reason }) });
      if (kept) [state, before] = [next, after];
    }
    if (state.methods.length === 0) return { ...start, steps };
    const final = isApart && run ? await calibrate(state.plan, run.samples) : state;
    return { ...final, steps: steps.map((step) => withPlaceTaken(step, state)) };
  }

  /** What a method did not reach. */
  #limits(method: RecoveryMethod): string | undefined {
    const left = codeRules.has(method) ? (this.#moments?.source.tooLarge ?? []) : [];
    if (left.length === 0) return undefined;
    return `These keep the nearest codes, as they have more than ${mostInputs} inputs: ${left.map(({ weightName }) => weightName).join(', ')}.`;
  }

  /** What takes long is done where it is named; and the error of equalized weights is no measure of the outputs'. */
  #isOutOfPlace(method: RecoveryMethod, { plan }: State): boolean {
    if (!this.samples && (needsInputs(method) || method === 'cle')) return true;
    // What is fitted to made-up inputs would do harm on real ones.
    if (this.samples?.fit.synthetic && needsInputs(method)) return true;
    // Channels made alike on few samples leave ranges no room for what others bring.
    if (method === 'smoothquant') return this.context.recipe.scheme !== 'int8-dynamic';
    if (codeRules.has(method)) return !isCheap(plan);
    const elements = plan.converted.reduce((sum, tensor) => sum + tensor.elements, 0);
    return elements > (scaleRules.has(method) && !this.samples ? mostWeights : mostJudgedWeights);
  }

  /** undefined where the engine does not run the plan. */
  async #score({ plan }: State): Promise<number | undefined> {
    const { engine, run, signal, onProgress } = this.context;
    if (!run || !this.samples) {
      const { sqnrDb } = await combineErrors(plan.converted, { ...(signal && { signal }) });
      return sqnrDb ?? Number.POSITIVE_INFINITY;
    }
    const { judge } = this.samples;
    return unlessRefused(async () => {
      const { outputs } = await compareOutputs(engine, run.model, await runnablePlan(plan), judge, {
        ...(signal && { signal }),
        progress: (count) => onProgress?.('judging accuracy recovery', count, undefined),
      });
      return meanSqnr(outputs);
    });
  }

  /** The state after a method, or why there is none, as a sentence. */
  async #apply(state: State, method: RecoveryMethod): Promise<State | string> {
    const against = reasonAgainst(method, this.context.recipe.scheme);
    if (against !== undefined) return against;
    return (await unlessRefused(() => this.#changed(state, method))) ?? 'The engine does not run the quantized model.';
  }

  async #changed(state: State, method: RecoveryMethod): Promise<State | string> {
    switch (method) {
      case 'cle':
        return this.#equalized(state);
      case 'bias-absorption': {
        const values = absorbableValues(state.plan.prepared);
        const { minimum } = await this.#channels(state, values);
        return this.#rewritten(state, method, absorbBiases(minimum));
      }
      case 'smoothquant': {
        const values = smoothableValues(state.plan.prepared);
        const { minimum, maximum } = await this.#channels(state, new Map(values.map((name) => [name, -1])));
        const magnitudes = Array.from(maximum, ([name, high]): [string, Float64Array] => {
          const low = minimum.get(name);
          return [name, high.map((value, channel) => Math.max(value, -(low?.[channel] ?? 0)))];
        });
        return this.#rewritten(state, method, smoothActivations(new Map(magnitudes)));
      }
      case 'mse-clip':
      case 'hqq':
      case 'gptq':
      case 'adaround':
        return this.#refitted(state, method);
      case 'bias-correction':
        return this.#corrected(state);
    }
  }

  /** Pairs of layers with and then without Clip between them: what is exact for all inputs does not depend on what is so for those at hand. */
  async #equalized(state: State): Promise<State | string> {
    const plain = await this.#rewritten(state, 'cle', equalizeLayers());
    const basis = typeof plain === 'string' ? state : plain;
    const values = clippedValues(basis.plan.prepared);
    if (!this.samples || values.size === 0) return plain;
    const { maximum } = await this.#channels(basis, values);
    const clipped = await this.#rewritten(basis, 'cle', equalizeThroughClips(maximum));
    return typeof clipped === 'string' ? plain : clipped;
  }

  /** The extremes of channels of the float model on the samples to fit to. */
  async #channels(
    { plan }: State,
    axes: ReadonlyMap<string, number>,
  ): Promise<Record<'minimum' | 'maximum', ReadonlyMap<string, Float64Array>>> {
    const { engine, signal } = this.context;
    if (!this.samples || axes.size === 0) return { minimum: new Map(), maximum: new Map() };
    const model = await runnableSource(plan.prepared);
    const settings = { method: 'minmax', channels: axes, ...(signal && { signal }) } as const;
    const { channels } = await collectRanges(engine, model, [], this.samples.fit, settings);
    const each = Array.from(channels);
    return {
      minimum: new Map(each.map(([name, { minimum }]) => [name, minimum])),
      maximum: new Map(each.map(([name, { maximum }]) => [name, maximum])),
    };
  }

  /** A change of the float model that is proved like the other passes, and calibrated anew. */
  async #rewritten(state: State, method: RecoveryMethod, pass: PreparationPass): Promise<State | string> {
    const { source, recipe, output, engine, signal } = this.context;
    const { rewrites = [], fitter } = state.plan.adjustments ?? {};
    const adjustments = { rewrites: [...rewrites, pass], fitter };
    const plan = await planRecipe(source, recipe, output, { engine, signal, adjustments });
    if (plan.skippedPasses.includes(pass.name)) return 'It changes the outputs of this model.';
    if (!plan.passes.some((done) => done.pass === pass.name)) return 'The model has no layers that it applies to.';
    if (!hasSizeOf(plan, state.plan)) return otherSize;
    const samples =
      state.ranges && this.context.recipe.recovery === 'auto' ? this.samples?.fit : this.context.run?.samples;
    return { ...(await this.context.calibrate(plan, samples)), methods: [...new Set([...state.methods, method])] };
  }

  /** Other scales or codes of the same weights. */
  async #refitted(state: State, method: RecoveryMethod): Promise<State | string> {
    const { source, recipe, output, signal } = this.context;
    const { rewrites = [] } = state.plan.adjustments ?? {};
    // There is one rule for scales and one for codes.
    const rule = [scaleRules, codeRules].find((rules) => rules.has(method));
    const methods = [...state.methods.filter((each) => !rule?.has(each)), method];
    const rounding = await this.#rounding(state, methods);
    if (rounding === 'nothing') return 'No layer is of a size and kind that it applies to.';
    const adjustments = { rewrites, fitter: fitterFor(methods, { rounding, signal }) };
    const plan = await replanned(source, recipe, output, state.plan, { ranges: state.ranges, adjustments });
    return { ...state, plan, methods };
  }

  /** The rule for codes that is among the methods. */
  async #rounding({ plan }: State, methods: readonly RecoveryMethod[]): Promise<Rounding | undefined | 'nothing'> {
    const rule = methods.find((method) => codeRules.has(method));
    if (!rule || !this.samples) return undefined;
    const { engine, signal } = this.context;
    const rewrites = plan.adjustments?.rewrites;
    if (!this.#moments || this.#moments.rewrites !== rewrites) {
      const model = await runnableSource(plan.prepared);
      const layers = linearLayers(plan.prepared.model);
      const work = { engine, samples: this.samples.fit, signal };
      this.#moments = { rewrites, source: new InputMomentSource(model, layers, work) };
    }
    const { source } = this.#moments;
    if (source.isEmpty) return 'nothing';
    return rule === 'gptq' ? gptqRounding(source, signal) : adaptiveRounding(source, signal);
  }

  /** Biases that make up for the mean errors of their layers. */
  async #corrected(state: State): Promise<State | string> {
    const { source, recipe, output, engine, signal, onProgress } = this.context;
    if (!this.samples) return 'It needs calibration data.';
    const { rewrites = [], fitter } = state.plan.adjustments ?? {};
    const plan = await correctBiases(state.plan, {
      engine,
      samples: this.samples.fit,
      signal,
      progress: (count, total) => onProgress?.('correcting biases', count, total),
      replan: (pass) => {
        const adjustments = { rewrites: [...rewrites, pass], fitter };
        return replanned(source, recipe, output, state.plan, { ranges: state.ranges, adjustments });
      },
    });
    if (plan === 'no biases') return 'No layer has a bias of its own.';
    return plan === 'another size' ? otherSize : { ...state, plan, methods: [...state.methods, 'bias-correction'] };
  }
}

const otherSize = 'It would change the size of the file.';
const nothingMeasured = { beforeDb: undefined, afterDb: undefined, of: 'outputs' } as const;

const scaleRules: ReadonlySet<RecoveryMethod> = new Set<RecoveryMethod>(['mse-clip', 'hqq']);
const codeRules: ReadonlySet<RecoveryMethod> = new Set<RecoveryMethod>(['gptq', 'adaround']);

/** Rules for codes go through as many products as a layer has outputs times the square of its inputs. */
function isCheap({ prepared, converted }: RecipePlan): boolean {
  const elements = converted.reduce((sum, tensor) => sum + tensor.elements, 0);
  const work = linearLayers(prepared.model).reduce((sum, { outputs, inputs }) => sum + outputs * inputs ** 2, 0);
  return elements <= mostCodes && work <= mostCodeWork;
}

async function unlessRefused<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof EngineRefused) return undefined;
    throw error;
  }
}

function finite(db: number): number | undefined {
  return Number.isFinite(db) ? db : undefined;
}
