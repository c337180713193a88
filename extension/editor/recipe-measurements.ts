import type { Work } from '../../webview/quantize-protocol';
import type { Preprocessing } from '../quantize/calibration-data/preprocessing';
import type { RecipeData } from '../quantize/recipe';
import { WorkerCallError } from '../worker/calls';
import type {
  CandidatePlan,
  DataDescription,
  DataOrigin,
  PlanMeasurement,
  Sensitivities,
} from '../worker/recipe-calls';
import type { CallOptions, WorkerClient } from '../worker/worker-client';
import { RecipeKeys } from './recipe-keys';

/** What is to be measured now. */
export interface WantedMeasurements {
  /** undefined: there are no inputs yet. */
  readonly data: DataOrigin | undefined;
  readonly preprocessing: Preprocessing | undefined;
  /** The recipe that is shown; undefined where it cannot be written. */
  readonly shown: RecipeData | undefined;
  /** What the mixed plans start from; undefined while they are not asked for. */
  readonly mixed: RecipeData | undefined;
  readonly runtime: string | undefined;
  /** Stopped by the person: only the data is looked at. */
  readonly paused: boolean;
}

/** A worker with the model open in it. */
export interface MeasuringWorker {
  readonly worker: Pick<WorkerClient, 'call'>;
  readonly session: number;
}

/** What ended, well or not. */
type Ended<Result> =
  | { readonly kind: 'ready'; readonly value: Result }
  | { readonly kind: 'failed'; readonly reason: string };

interface Task {
  readonly key: string;
  /** Does it and keeps what came of it. */
  perform(measuring: MeasuringWorker, options: CallOptions): Promise<void>;
  fail(reason: string): void;
}

/** Results of one kind of measurement, by what was measured. */
class Kept<Result> {
  readonly ended = new Map<string, Ended<Result>>();

  /** A task that fills in what is missing; undefined where it is there. */
  task(key: string, perform: (measuring: MeasuringWorker, options: CallOptions) => Promise<Result>): Task | undefined {
    if (this.ended.has(key)) return undefined;
    return {
      key,
      perform: async (measuring, options) => {
        const value = await perform(measuring, options);
        // The answer was on its way when the cancel was: it may belong to an earlier state of the file.
        if (!options.signal?.aborted) this.ended.set(key, { kind: 'ready', value });
      },
      fail: (reason) => this.ended.set(key, { kind: 'failed', reason }),
    };
  }
}

/**
 * Measures with inputs, one thing after the other: the data itself, the plan that is shown, each layer alone, then every plan of the
 * frontier. What is no longer wanted is cancelled; what was measured is kept until the file changes.
 */
export class RecipeMeasurements {
  private readonly data = new Kept<DataDescription>();
  private readonly plans = new Kept<PlanMeasurement>();
  private readonly layers = new Kept<Sensitivities>();
  private readonly candidates = new Kept<readonly CandidatePlan[]>();
  private keys = new RecipeKeys();
  private wanted: WantedMeasurements | undefined;
  private current:
    | { readonly key: string; readonly controller: AbortController; done: number; total: number }
    | undefined;
  private running = false;

  constructor(
    /** Gives the worker that measures, with the model open in it; starts it with the first call. */
    private readonly open: () => Promise<MeasuringWorker>,
    private readonly changed: () => void,
  ) {}

  /** Forgets everything: the file was read again, or closed. */
  reset(): void {
    this.wanted = undefined;
    this.keys = new RecipeKeys();
    this.current?.controller.abort();
    for (const { ended } of [this.data, this.plans, this.layers, this.candidates]) ended.clear();
  }

  /** Says what is wanted now. May be called as often as one likes. */
  want(wanted: WantedMeasurements): void {
    this.wanted = wanted;
    if (this.current && !this.isWanted(this.current.key)) this.current.controller.abort();
    if (!this.running && this.next()) void this.run();
  }

  get isRunning(): boolean {
    return this.current !== undefined;
  }

  /** What is in the files that were chosen. */
  get description(): Work<DataDescription> {
    return this.workOf(this.data, this.dataKey);
  }

  get sensitivities(): Work<Sensitivities> {
    return this.workOf(this.layers, this.layersKey);
  }

  /** Plans of the frontier, once there are some. */
  get frontier(): Work<readonly CandidatePlan[]> {
    return this.workOf(this.candidates, this.candidatesKey);
  }

  /** The error of a recipe on the chosen data. */
  measurementOf(recipe: RecipeData | undefined): Work<PlanMeasurement> {
    return recipe === undefined ? { kind: 'none' } : this.workOf(this.plans, this.planKey(recipe));
  }

  private workOf<Result>({ ended }: Kept<Result>, key: string): Work<Result> {
    const known = ended.get(key);
    if (known) return known;
    if (this.current?.key !== key) return { kind: 'none' };
    return { kind: 'running', done: this.current.done, total: this.current.total };
  }

  private get inputs(): string {
    return JSON.stringify([this.wanted?.data ?? null, this.wanted?.preprocessing ?? null]);
  }

  private get dataKey(): string {
    return `data ${this.inputs}`;
  }

  private get layersKey(): string {
    return `layers ${this.inputs} ${this.wanted?.mixed ? this.keys.of(this.wanted.mixed) : ''}`;
  }

  private get candidatesKey(): string {
    return `candidates ${this.wanted?.runtime ?? ''} ${this.layersKey}`;
  }

  private planKey(recipe: RecipeData): string {
    return `plan ${this.inputs} ${this.keys.of(recipe)}`;
  }

  /** A plan of the frontier is measured to its end although another one has become more urgent. */
  private isWanted(key: string): boolean {
    const { wanted } = this;
    if (key === this.dataKey) return true;
    if (!wanted || wanted.paused) return false;
    if (wanted.shown && key === this.planKey(wanted.shown)) return true;
    if (!wanted.mixed) return false;
    if (key === this.layersKey || key === this.candidatesKey) return true;
    const plans = this.candidates.ended.get(this.candidatesKey);
    return plans?.kind === 'ready' && plans.value.some(({ recipe }) => key === this.planKey(recipe));
  }

  private next(): Task | undefined {
    const { wanted } = this;
    if (!wanted?.data) return undefined;
    const { data, preprocessing } = wanted;
    if (data.kind === 'files') {
      const { paths } = data;
      const look = this.data.task(this.dataKey, ({ worker, session }, options) =>
        worker.call('describeData', { session, paths, ...(preprocessing && { preprocessing }) }, options),
      );
      if (look) return look;
      if (this.data.ended.get(this.dataKey)?.kind === 'failed') return undefined;
    }
    if (wanted.paused) return undefined;
    return (wanted.shown && this.measure(wanted.shown, data)) ?? this.nextOfFrontier(wanted, data);
  }

  private measure(recipe: RecipeData, data: DataOrigin): Task | undefined {
    return this.plans.task(this.planKey(recipe), ({ worker, session }, options) =>
      worker.call('measurePlan', { session, recipe, data }, options),
    );
  }

  private nextOfFrontier({ mixed, runtime }: WantedMeasurements, data: DataOrigin): Task | undefined {
    if (!mixed) return undefined;
    const alone = this.layers.task(this.layersKey, ({ worker, session }, options) =>
      worker.call('sensitivity', { session, recipe: mixed, data }, options),
    );
    if (alone) return alone;
    const layers = this.layers.ended.get(this.layersKey);
    if (layers?.kind !== 'ready') return undefined;
    const sensitivity = layers.value.layers;
    const list = this.candidates.task(this.candidatesKey, ({ worker, session }, options) =>
      worker.call(
        'candidatePlans',
        { session, recipe: mixed, sensitivity, ...(runtime !== undefined && { runtime }) },
        options,
      ),
    );
    if (list) return list;
    const plans = this.candidates.ended.get(this.candidatesKey);
    if (plans?.kind !== 'ready') return undefined;
    for (const { recipe } of plans.value) {
      const task = this.measure(recipe, data);
      if (task) return task;
    }
    return undefined;
  }

  private async run(): Promise<void> {
    this.running = true;
    for (let task = this.next(); task; task = this.next()) {
      const current = { key: task.key, controller: new AbortController(), done: 0, total: 0 };
      this.current = current;
      this.changed();
      try {
        await task.perform(await this.open(), {
          signal: current.controller.signal,
          onProgress: (done, total) => {
            current.done = done;
            current.total = total;
            this.changed();
          },
        });
      } catch (error) {
        // What was cancelled is done again when it is wanted again.
        const cancelled = error instanceof WorkerCallError && error.cancelled;
        if (!cancelled) task.fail(error instanceof Error ? error.message : String(error));
        else if (!current.controller.signal.aborted) break;
      }
    }
    this.current = undefined;
    this.running = false;
    this.changed();
  }
}
