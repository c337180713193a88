import { loadWasmFromDisk } from '../inference/node-wasm';
import { createWebEngine } from '../inference/web-engine';
import { QuantizationRefused } from '../quantize/plan';
import { combineErrors } from '../quantize/weight-error';
import type { PlannedScheme } from './calls';
import { compareSessions } from './compare-sessions';
import { describeLayer } from './layer-details';
import {
  type ModelSession,
  openOrigin,
  type PlannedModel,
  planned,
  plannedAs,
  quantizationSource,
  startSession,
} from './model-sessions';
import { quantizeFile } from './quantize-file';
import { handleRecipeCalls } from './recipe-handlers';
import { improvementsOn, measureSession } from './runtime-figures';
import type { CallHandlers } from './serve-calls';
import { targetFigures } from './target-figures';
import { whatIfFigures } from './what-if-figures';

/** The worker's side of every call, with the sessions it keeps. */
export function handleCalls(): CallHandlers {
  const sessions = new Map<number, ModelSession>();
  let nextSession = 1;

  function sessionOf(id: number): ModelSession {
    const session = sessions.get(id);
    if (!session) throw new Error('The model was closed.');
    return session;
  }

  const recipes = handleRecipeCalls(sessionOf);
  const engine = createWebEngine(loadWasmFromDisk);

  return {
    ...recipes,

    async open({ origin, bindings }, { signal }) {
      const opened = await openOrigin(origin);
      try {
        const session = await startSession(opened, bindings, signal);
        const id = nextSession++;
        sessions.set(id, session);
        return { session: id, analysis: session.analysed.analysis };
      } catch (error) {
        await opened.close();
        throw error;
      }
    },

    async close({ session }) {
      const known = sessions.get(session);
      sessions.delete(session);
      await known?.opened.close();
    },

    async plan({ session, scheme, outputName }) {
      const known = sessionOf(session);
      return summarize(() =>
        outputName === undefined ? planned(known, scheme) : plannedAs(known, scheme, outputName),
      );
    },

    async weightError({ session, scheme }, { signal, progress }) {
      const { plan } = await planned(sessionOf(session), scheme);
      return combineErrors(plan.converted, { signal, progress });
    },

    async layerDetails({ session, scheme, index }) {
      const known = sessionOf(session);
      if (scheme === undefined) return describeLayer(known.analysed, known.opened, index);
      const { plan, analysed } = await planned(known, scheme);
      const { dataFile } = plan;
      return describeLayer(
        analysed,
        { source: plan.file, ...(dataFile && { externalFiles: { open: async () => dataFile } }) },
        index,
      );
    },

    async onRuntime({ session, ...request }) {
      return measureSession(sessionOf(session), request);
    },

    async onTarget({ session, ...request }) {
      return targetFigures(sessionOf(session), request);
    },

    async whatIf({ session, ...request }, scope) {
      return whatIfFigures(sessionOf(session), request, scope);
    },

    async compare(request, scope) {
      return compareSessions(sessionOf, request, engine, scope);
    },

    async improvements({ session, ...request }, scope) {
      return improvementsOn(sessionOf(session), request, scope);
    },

    async quantize({ path, scheme, outputPath, overwrite, reviewed }, { signal, progress }) {
      const opened = await openOrigin({ kind: 'file', path });
      try {
        const session = await startSession(opened, []);
        return await quantizeFile({
          source: quantizationSource(session),
          sourcePath: path,
          scheme,
          outputPath,
          overwrite,
          ...(reviewed && { reviewed }),
          signal,
          onProgress: progress,
        });
      } finally {
        await opened.close();
      }
    },
  };
}

async function summarize(makePlan: () => Promise<PlannedModel>): Promise<PlannedScheme> {
  try {
    const { plan, analysed } = await makePlan();
    return {
      kind: 'ready',
      analysis: analysed.analysis,
      fileBytes: plan.predictedFileBytes,
      externalBytes: plan.predictedExternalBytes,
      dataFileName: plan.dataFileName,
      passes: plan.passes,
      left: plan.left,
      convertedTensors: plan.converted.length,
    };
  } catch (error) {
    if (error instanceof QuantizationRefused) return { kind: 'refused', reason: error.message };
    throw error;
  }
}
