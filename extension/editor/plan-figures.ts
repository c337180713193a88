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
}

/** The page's state with the plan in the place of the file: its meters, its verdict, its arena. Pure. */
export function showPlan(state: PageState, { label, analysis, footprint }: PlanFigures, fit: FitChoices): PageState {
  const { runtimeFootprint: _, improvements: __, latency: ___, accelerator: ____, ...rest } = state;
  return {
    ...rest,
    precision: 'plan',
    planLabel: label,
    // The page is about the file that is open, whatever the plan will be called.
    analysis: { ...analysis, file: { ...analysis.file, name: state.analysis.file.name } },
    verdict: fitVerdict(analysis, footprint, fit),
    ...(footprint && { runtimeFootprint: footprint }),
  };
}

/** The node of the file that a layer of the plan is; undefined for one that the plan made. */
export function indexInFile({ analysis }: PlanFigures, file: Analysis, index: number): number | undefined {
  const name = analysis.layers.find((layer) => layer.index === index)?.name;
  return file.layers.find((layer) => layer.name === name)?.index;
}
