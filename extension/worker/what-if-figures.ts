import { QuantizationRefused } from '../quantize/plan';
import type { WhatIfSchemeId } from '../quantize/what-if-scheme';
import { fitFigures } from '../targets/fit-figures';
import type { AnalysedModel } from './analyse';
import type { CallRequest } from './calls';
import { type ModelSession, type PlannedModel, planned } from './model-sessions';
import { measureSession } from './runtime-figures';
import type { CallScope } from './serve-calls';
import type { FigureOnRuntime, WhatIfFigures } from './what-if-calls';

/**
 * A scheme in figures: planned once, measured on each runtime. Other calls are answered between the runtimes. A scheme that cannot be
 * planned or changes nothing is refused with the reason. Throws AbortError when cancelled.
 */
export async function whatIfFigures(
  session: ModelSession,
  { scheme, runtimes }: Omit<CallRequest<'whatIf'>, 'session'>,
  { signal }: Pick<CallScope, 'signal'>,
): Promise<WhatIfFigures> {
  const start = scheme === undefined ? fileItself(session) : await plannedFile(session, scheme);
  if (start.kind === 'refused') return start;
  const { analysed, ...sizes } = start;
  const onRuntimes: [string, FigureOnRuntime][] = [];
  for (const runtime of runtimes) {
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    onRuntimes.push([runtime, await measuredOn(session, runtime, scheme)]);
  }
  const { totals, peak } = analysed.footprint;
  return { ...sizes, data: { totals, peak }, onRuntimes: Object.fromEntries(onRuntimes) };
}

type Start =
  | (Omit<Extract<WhatIfFigures, { kind: 'ready' }>, 'data' | 'onRuntimes'> & { readonly analysed: AnalysedModel })
  | Extract<WhatIfFigures, { kind: 'refused' }>;

function fileItself({ analysed }: ModelSession): Start {
  const { bytes, externalBytes } = analysed.analysis.file;
  return {
    kind: 'ready',
    fileBytes: bytes,
    externalBytes: externalBytes > 0 ? externalBytes : undefined,
    convertedBytes: { before: 0, inFile: 0, packed: 0 },
    analysed,
  };
}

async function plannedFile(session: ModelSession, scheme: WhatIfSchemeId): Promise<Start> {
  try {
    const { plan, analysed } = await planned(session, scheme);
    if (plan.converted.length === 0) return { kind: 'refused', reason: nothingChanges(plan) };
    return {
      kind: 'ready',
      fileBytes: plan.predictedFileBytes,
      externalBytes: plan.predictedExternalBytes,
      convertedBytes: convertedBytes(plan),
      analysed,
    };
  } catch (error) {
    if (error instanceof QuantizationRefused) return { kind: 'refused', reason: error.message };
    throw error;
  }
}

function nothingChanges({ left }: PlannedModel['plan']): string {
  const [first] = left;
  const more = left.length > 1 ? ` The same holds for ${left.length - 1} more.` : '';
  return first
    ? `No weight would change. ${first.name}: ${first.reason}${more}`
    : 'It holds no weight that would change.';
}

function convertedBytes({ converted }: PlannedModel['plan']) {
  let [before, inFile, packed] = [0, 0, 0];
  for (const tensor of converted) {
    before += tensor.bytesBefore;
    inFile += tensor.bytesAfter;
    packed += tensor.packedBytes ?? tensor.bytesAfter;
  }
  return { before, inFile, packed };
}

async function measuredOn(
  session: ModelSession,
  runtime: string,
  scheme: WhatIfSchemeId | undefined,
): Promise<FigureOnRuntime> {
  try {
    const footprint = await measureSession(session, {
      runtime,
      precision: 'as-in-file',
      ...(scheme !== undefined && { scheme }),
    });
    return { kind: 'ready', figures: fitFigures(footprint) };
  } catch (error) {
    return { kind: 'refused', reason: error instanceof Error ? error.message : String(error) };
  }
}
