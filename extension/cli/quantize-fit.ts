import { loadWasmFromDisk } from '../inference/node-wasm';
import { createWebEngine } from '../inference/web-engine';
import { formatBytes, formatWhole } from '../model/format';
import type { Recipe } from '../quantize/recipe';
import type { Runtime } from '../runtimes/runtime';
import { limitsOf } from '../targets/limits';
import { runtimesFor } from '../targets/target-runtimes';
import { type FitPoint, type FitResult, fitPlan } from '../worker/fit-plan';
import { type OpenedModel, quantizationSource, startSession } from '../worker/model-sessions';
import type { CalibrationInputs } from '../worker/open-inputs';
import { RecipePlanner } from '../worker/recipe-planner';
import type { QuantizeArguments } from './quantize-arguments';
import { reservesFor } from './runtime-arguments';
import { textTable } from './table';

/** What `--fit` found. */
export interface Fitted extends FitResult {
  /** What flash and RAM are those of; undefined: the data alone, as lower bounds. */
  readonly runtime: Runtime | undefined;
}

/**
 * The mix of schemes with the least error within the limits of the command line, or of the target where it gives none; on the runtime of the command line, or
 * the usual one of the target. Throws QuantizationRefused where nothing fits.
 */
export async function fitToBudget(
  opened: OpenedModel,
  options: QuantizeArguments,
  recipe: Recipe,
  inputs: NonNullable<CalibrationInputs>,
  context: {
    readonly signal: AbortSignal;
    readonly progress: (doing: string, done: number, total: number) => void;
  },
): Promise<Fitted> {
  const { target, externalRam, onRuntime, fit } = options;
  const engine = createWebEngine(loadWasmFromDisk);
  const session = await startSession(opened, [], context.signal);
  const limits = target && limitsOf(target, { externalRam });
  const runtime = onRuntime?.runtime ?? (target && runtimesFor(target)[0]);
  const reserves = onRuntime ? reservesFor(onRuntime, target) : target?.reserves;
  const result = await fitPlan({
    planner: await RecipePlanner.open(quantizationSource(session), recipe.options.requantize, engine),
    recipe,
    inputs,
    budget: {
      flashBytes: fit?.maxFlash ?? limits?.flash?.bytes,
      ramBytes: fit?.maxRam ?? limits?.ram?.bytes,
    },
    ...(runtime && {
      runtime: runtime.id,
      flashReserveBytes: reserves?.flash ?? 0,
      ramReserveBytes: (reserves?.ram ?? 0) + (reserves?.stack ?? 0),
    }),
    engine,
    signal: context.signal,
    onProgress: context.progress,
  });
  return { ...result, runtime };
}

/** The plans as the JSON document lists them: sizes in bytes, errors measured; null stands for no error. */
export function fitDocument({ points, chosen, runtime, sensitivity }: Fitted) {
  return {
    runtime: runtime?.id ?? null,
    samples: sensitivity.samples,
    syntheticInputs: sensitivity.synthetic,
    plans: points.map((point) => ({
      layers: point.counts,
      fileBytes: point.fileBytes,
      externalBytes: point.externalBytes ?? null,
      flashBytes: point.flashBytes,
      flashKind: point.flashKind,
      ramBytes: point.ramBytes,
      ramKind: point.ramKind,
      sqnrDb: point.sqnrDb ?? null,
      ...topAgreement(point),
      fits: point.fits,
      onFrontier: point.onFrontier,
      chosen: point === chosen,
    })),
    sensitivity: sensitivity.layers.map(({ name, scheme, sqnrDb }) => ({ name, scheme, sqnrDb: sqnrDb ?? null })),
    notMeasured: sensitivity.left,
  };
}

function topAgreement({ outputs }: FitPoint): { readonly top1Agreement?: number } {
  const agreement = outputs.find(({ top1Agreement }) => top1Agreement !== undefined)?.top1Agreement;
  return agreement === undefined ? {} : { top1Agreement: agreement };
}

/** The plans as a table, the chosen one marked. */
export function fitText({ points, chosen, runtime, sensitivity }: Fitted): string {
  const rows = points.map((point) => [
    point === chosen ? '→' : point.onFrontier ? '' : '·',
    Object.entries(point.counts)
      .map(([scheme, count]) => `${formatWhole(count)} ${scheme}`)
      .join(', '),
    formatBytes(point.fileBytes + (point.externalBytes ?? 0)),
    formatBytes(point.flashBytes),
    formatBytes(point.ramBytes),
    point.sqnrDb === undefined ? 'no error' : `${point.sqnrDb.toFixed(1)} dB`,
    point.fits ? 'fits' : 'too large',
  ]);
  const columns = [
    { head: '' },
    { head: 'layers' },
    { head: 'file', align: 'right' },
    { head: 'flash', align: 'right' },
    { head: 'RAM', align: 'right' },
    { head: 'output error', align: 'right' },
    { head: 'budget' },
  ] as const;
  const ground = runtime ? `flash and RAM on ${runtime.label}` : 'flash and RAM are lower bounds of the data alone';
  const inputs = `${formatWhole(sensitivity.samples)} ${sensitivity.synthetic ? 'MADE-UP inputs' : 'calibration samples'}`;
  return `plans, each measured on ${inputs} without accuracy recovery; ${ground}; · is beaten by another plan\n${textTable(columns, rows)}`;
}
