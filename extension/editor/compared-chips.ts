import type { PageChip } from '../../webview/what-if-protocol';
import { limitsOf } from '../targets/limits';
import type { MatrixColumn } from '../targets/verdict-matrix';
import type { FitChoices } from './page-state';

/** A name of the setting; without choices where no chip is known by it. */
export interface PinnedChip {
  readonly name: string;
  readonly choices: FitChoices | undefined;
}

/** A column of the what-if table. */
export interface ComparedChip {
  readonly page: PageChip;
  /** undefined: no chip is known by this name. */
  readonly column: MatrixColumn | undefined;
}

/** The columns: the chosen chip, then the pinned ones in their order, each chip once. */
export function comparedChips(chosen: FitChoices, pinned: readonly PinnedChip[]): readonly ComparedChip[] {
  const chosenId = chosen.target?.id;
  const chosenPin = pinned.find(({ choices }) => chosenId !== undefined && choices?.target?.id === chosenId);
  const first = known(chosenPin?.name ?? chosenId ?? '', chosen, { chosen: true, pinned: chosenPin !== undefined });
  const shown = new Set(chosenId === undefined ? [] : [chosenId]);
  const others = pinned.flatMap(({ name, choices }): readonly ComparedChip[] => {
    const id = choices?.target?.id ?? name;
    if (shown.has(id)) return [];
    shown.add(id);
    return choices?.target ? known(name, choices, { chosen: false, pinned: true }) : [unknown(name)];
  });
  return [...first, ...others];
}

function known(
  key: string,
  { target, externalRam, runtime, reserves }: FitChoices,
  place: { readonly chosen: boolean; readonly pinned: boolean },
): readonly ComparedChip[] {
  if (!target) return [];
  const { flash, ram } = limitsOf(target, { externalRam });
  const page: PageChip = {
    key,
    ...place,
    target: { id: target.id, name: target.name, core: target.core, flashLimit: flash, ramLimit: ram },
    ...(runtime && { runtime: { id: runtime.id, label: runtime.label } }),
    reserves,
  };
  return [{ page, column: { target, runtime: runtime?.id, reserves, externalRam } }];
}

function unknown(name: string): ComparedChip {
  return {
    page: { key: name, chosen: false, pinned: true, reserves: { flash: 0, ram: 0, stack: 0 } },
    column: undefined,
  };
}

/** The names with one more; as they are where they hold it. */
export function withPin(names: readonly string[], name: string): readonly string[] {
  return names.includes(name) ? names : [...names, name];
}

/** The names with one put before another; at the end where `before` is not among the others. A name that is not there changes nothing. */
export function movedPin(names: readonly string[], name: string, before: string | undefined): readonly string[] {
  if (!names.includes(name)) return names;
  const others = names.filter((each) => each !== name);
  const found = before === undefined ? -1 : others.indexOf(before);
  const at = found < 0 ? others.length : found;
  return [...others.slice(0, at), name, ...others.slice(at)];
}
