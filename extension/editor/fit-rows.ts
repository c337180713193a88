import type { FitFigure, FitRowState } from '../../webview/fit-table-protocol';
import { neededMemory } from '../targets/runtime-verdict';
import { verdictMatrix } from '../targets/verdict-matrix';
import type { WhatIfFigures } from '../worker/what-if-calls';
import { type ComparedChip, comparedChips, type PinnedChip } from './compared-chips';
import type { FitChoices } from './page-state';
import { cellsOf, matrixRow } from './what-if-rows';

/** The columns of the table of a folder's models. */
export interface FitColumns {
  readonly chips: readonly ComparedChip[];
  /** For each model the position of the chip it is held against elsewhere; undefined where none is chosen for it. */
  readonly own: readonly (number | undefined)[];
}

/**
 * The columns for models that are held against `choices`, one for each model: the chosen chip, or in a workspace of several projects
 * the chip of each as its project leaves it to a program, then the pinned ones.
 */
export function fitColumns(choices: readonly FitChoices[], pinned: readonly PinnedChip[]): FitColumns {
  const distinct = new Map<string, FitChoices>();
  for (const choice of choices) if (choice.target) distinct.set(targetKey(choice), choice);
  const [first, ...others] = distinct.values();
  const positions = new Map([...distinct.keys()].map((key, position) => [key, position]));
  const own = choices.map((choice) => (choice.target ? positions.get(targetKey(choice)) : undefined));
  if (first && others.length === 0) return { chips: comparedChips(first, pinned), own };
  const ids = new Set([...distinct.values()].map(({ target }) => target?.id));
  const ofProjects = [...distinct.values()].flatMap((choice, position) =>
    comparedChips(choice, []).map(({ page, column }) => ({
      page: { ...page, key: `project-${position}`, chosen: false },
      column,
    })),
  );
  const unchosen = pinned.filter(({ choices: known }) => !known?.target || !ids.has(known.target.id));
  return { chips: [...ofProjects, ...comparedChips(nothingChosen, unchosen)], own };
}

const nothingChosen: FitChoices = {
  target: undefined,
  externalRam: false,
  runtime: undefined,
  reserves: { flash: 0, ram: 0, stack: 0 },
};

/** Two projects may leave different memory of the same chip. */
function targetKey({ target }: FitChoices): string {
  return JSON.stringify([target?.id, target?.projectLimits]);
}

/** The ids of the runtimes that models are measured on for these chips. */
export function runtimesOf(chips: readonly ComparedChip[]): readonly string[] {
  return [...new Set(chips.flatMap(({ column }) => column?.runtime ?? []))];
}

/** What is known of a model file: its figures on the runtimes of all chips. */
export interface MeasuredModel {
  readonly parameters: number;
  readonly figures: Extract<WhatIfFigures, { kind: 'ready' }>;
}

/** The row of a model, with a cell for every chip. Pure. */
export function fitRow(
  { parameters, figures: known }: MeasuredModel,
  chips: readonly ComparedChip[],
  own: number | undefined,
): Extract<FitRowState, { kind: 'ready' }> {
  const source = { known, refusal: undefined, onRuntimes: known.onRuntimes };
  const columns = chips.flatMap(({ column }) => (column ? [column] : []));
  const [verdicts = []] = verdictMatrix([matrixRow(source)], columns);
  const cells = cellsOf(source, chips, verdicts);
  const runtime = chips[own ?? 0]?.column?.runtime;
  return { kind: 'ready', parameters, ...neededOn(known, runtime), cells };
}

function neededOn(
  { data, onRuntimes }: MeasuredModel['figures'],
  runtime: string | undefined,
): { readonly flash: FitFigure; readonly ram: FitFigure } {
  const figure = runtime === undefined ? undefined : onRuntimes[runtime];
  if (figure?.kind === 'ready') {
    const { flash, ram } = neededMemory(figure.figures);
    return { flash: { bytes: flash.bytes, kind: flash.kind }, ram: { bytes: ram.bytes, kind: ram.kind } };
  }
  const { constantBytes, peakActivationBytes } = data.totals;
  return {
    flash: { bytes: constantBytes, kind: 'lower bound' },
    ram: { bytes: peakActivationBytes, kind: 'lower bound' },
  };
}
