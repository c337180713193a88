import type { PageState } from '../../webview/protocol';
import type { RuntimeFootprint } from '../runtimes/measure';
import type { Analysis } from '../worker/analysis';
import { type FitChoices, fitVerdict } from './page-state';

/** What the plan of the Quantize view needs. */
export interface PlanFigures {
  /** What it is made of, such as "int8 / int4". */
  readonly label: string;
  /** Of the file that would be written. */
  readonly analysis: Analysis;
  /** Of that file on the chosen runtime; undefined without one. */
  readonly footprint: RuntimeFootprint | undefined;
  /** Exact also while the analysis is still that of a plan with other precisions of its layers, in bytes. */
  readonly constantBytes: number;
  readonly peakActivationBytes: number;
}

/** The page's state with the plan in the place of the file: its meters, its verdict, its arena. Pure. */
export function showPlan(state: PageState, figures: PlanFigures, fit: FitChoices): PageState {
  const { label, footprint } = figures;
  const { runtimeFootprint: _, improvements: __, latency: ___, accelerator: ____, ...rest } = state;
  const analysis = shownAnalysis(figures, state.analysis.file.name);
  return {
    ...rest,
    precision: 'plan',
    planLabel: label,
    analysis,
    verdict: fitVerdict(analysis, footprint, fit),
    ...(footprint && { runtimeFootprint: footprint }),
  };
}

/** The page is about the file that is open, whatever the plan will be called. */
function shownAnalysis({ analysis, constantBytes, peakActivationBytes }: PlanFigures, name: string): Analysis {
  const { file, totals } = analysis;
  const weightBytes = Math.max(0, totals.weightBytes + constantBytes - totals.constantBytes);
  return {
    ...analysis,
    file: { ...file, name },
    totals: { ...totals, constantBytes, peakActivationBytes, weightBytes },
  };
}

/** True where the layers that run are made of the same nodes: the analysis of one plan then names those of the other. */
export function sameStructure(one: RuntimeFootprint | undefined, other: RuntimeFootprint | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.layers.length === other.layers.length &&
    one.layers.every(({ name, from }, at) => {
      const same = other.layers[at];
      return same !== undefined && same.name === name && same.from.join() === from.join();
    })
  );
}

/** The node of the file that a layer of the plan is; undefined for one that the plan made. */
export function indexInFile({ analysis }: PlanFigures, file: Analysis, index: number): number | undefined {
  const name = analysis.layers.find((layer) => layer.index === index)?.name;
  return file.layers.find((layer) => layer.name === name)?.index;
}
