import type { InferenceEngine } from '../inference/engine';
import type { ConvertedTensor } from '../quantize/plan';
import { defaultOutputName } from '../quantize/scheme';
import { measureOnRuntime, type RuntimeFootprint } from '../runtimes/measure';
import { findRuntime } from '../runtimes/runtimes';
import { fitFigures } from '../targets/fit-figures';
import { type AnalysedModel, analyseModel } from './analyse';
import type { CallRequest } from './calls';
import { type ComparedModel, compareModels } from './compare';
import type { ComparedFigures, ComparedOrigin, CompareResult } from './compare-calls';
import { withWeightErrors } from './compare-weights';
import { type ModelSession, planned, quantizationSource } from './model-sessions';
import { recipeOf } from './recipe-handlers';
import { RecipePlanner } from './recipe-planner';
import { measureSession } from './runtime-figures';
import type { CallScope } from './serve-calls';
import type { FigureOnRuntime } from './what-if-calls';

/** One of the two with what measures it on a runtime. */
interface OpenSide {
  readonly analysed: AnalysedModel;
  readonly fileBytes: number | undefined;
  /** Of a plan: the weights that it changes. */
  readonly converted?: readonly ConvertedTensor[];
  measure(runtime: string): Promise<RuntimeFootprint>;
}

/** Opens, plans, measures and compares; other calls are answered between the runtimes. Throws QuantizationRefused for what cannot be planned. */
export async function compareSessions(
  sessionOf: (id: number) => ModelSession,
  { before, after, runtime, others }: CallRequest<'compare'>,
  engine: InferenceEngine,
  { signal }: Pick<CallScope, 'signal'>,
): Promise<CompareResult> {
  const open = (origin: ComparedOrigin) => openSide(sessionOf(origin.session), origin, engine, signal);
  const sides = [await open(before), await open(after)] as const;
  const shown = [new Figures(sides[0], signal), new Figures(sides[1], signal)] as const;
  const footprints = runtime === undefined ? [] : [await shown[0].shown(runtime), await shown[1].shown(runtime)];
  const comparison = compareModels(modelOf(sides[0], footprints[0]), modelOf(sides[1], footprints[1]));
  const { converted } = sides[1];
  // A plan is that of the file in its session: only against this one its errors mean something.
  const isOwnPlan = converted !== undefined && sides[0].converted === undefined && before.session === after.session;
  const { model } = sides[0].analysed;
  return {
    comparison: isOwnPlan ? await withWeightErrors(comparison, model, converted, signal) : comparison,
    before: await shown[0].all(others),
    after: await shown[1].all(others),
  };
}

function modelOf({ analysed, fileBytes }: OpenSide, footprint: RuntimeFootprint | undefined): ComparedModel {
  return { analysed, fileBytes, footprint };
}

/** The figures of one side, each runtime measured once. */
class Figures {
  private readonly known = new Map<string, FigureOnRuntime>();

  constructor(
    private readonly side: OpenSide,
    private readonly signal: AbortSignal,
  ) {}

  /** The whole footprint; undefined where the runtime cannot measure it. */
  async shown(runtime: string): Promise<RuntimeFootprint | undefined> {
    const found = await this.measure(runtime);
    return found.kind === 'ready' ? found.footprint : undefined;
  }

  async all(runtimes: readonly string[]): Promise<ComparedFigures> {
    for (const runtime of runtimes) if (!this.known.has(runtime)) await this.measure(runtime);
    const { totals, peak } = this.side.analysed.footprint;
    return { data: { totals, peak }, onRuntimes: Object.fromEntries(this.known) };
  }

  private async measure(runtime: string) {
    await new Promise((resolve) => setImmediate(resolve));
    this.signal.throwIfAborted();
    try {
      const footprint = await this.side.measure(runtime);
      this.known.set(runtime, { kind: 'ready', figures: fitFigures(footprint) });
      return { kind: 'ready', footprint } as const;
    } catch (error) {
      const refusal = { kind: 'refused', reason: error instanceof Error ? error.message : String(error) } as const;
      this.known.set(runtime, refusal);
      return refusal;
    }
  }
}

async function openSide(
  session: ModelSession,
  { scheme, recipe }: ComparedOrigin,
  engine: InferenceEngine,
  signal: AbortSignal,
): Promise<OpenSide> {
  if (recipe !== undefined) return planOfRecipe(session, recipe, engine, signal);
  const precision = 'as-in-file';
  if (scheme === undefined) {
    return {
      analysed: session.analysed,
      fileBytes: undefined,
      measure: (runtime) => measureSession(session, { runtime, precision }),
    };
  }
  const { plan, analysed } = await planned(session, scheme);
  return {
    analysed,
    fileBytes: plan.predictedFileBytes + (plan.predictedExternalBytes ?? 0),
    converted: plan.converted,
    measure: (runtime) => measureSession(session, { runtime, precision, scheme }),
  };
}

async function planOfRecipe(
  session: ModelSession,
  data: NonNullable<ComparedOrigin['recipe']>,
  engine: InferenceEngine,
  signal: AbortSignal,
): Promise<OpenSide> {
  const recipe = recipeOf(data);
  const planner = await RecipePlanner.open(quantizationSource(session), recipe.options.requantize, engine);
  const fileName = defaultOutputName(session.opened.fileName, recipe.scheme);
  const plan = await planner.plan(recipe, fileName, signal);
  const { file, dataFile, converted, predictedFileBytes, predictedExternalBytes } = plan;
  const analysed = await analyseModel(
    {
      fileName,
      source: file.structure,
      ...(dataFile && { externalFiles: { open: async () => dataFile.structure } }),
    },
    session.bindings,
    signal,
  );
  return {
    analysed,
    fileBytes: predictedFileBytes + (predictedExternalBytes ?? 0),
    converted,
    measure: async (id) => {
      const runtime = findRuntime(id);
      if (!runtime) throw new Error(`There is no runtime "${id}".`);
      return measureOnRuntime(analysed.model, analysed.shapes, runtime, 'as-in-file');
    },
  };
}
