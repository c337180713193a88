import * as vscode from 'vscode';
import { formatBytes } from '../model/format';
import { type MoreTargets, searchMatches, type TargetMatch } from '../targets/catalogue';
import { limitsOf, regionsText } from '../targets/limits';
import type { LongTail } from '../targets/long-tail';
import type { Target } from '../targets/target';
import type { WorkspaceGuess } from '../targets/workspace/guess';
import { workspaceTarget } from './settled-workspace';

export interface PickOptions {
  readonly title?: string;
  readonly step?: number;
  readonly totalSteps?: number;
  readonly current: Target | undefined;
  readonly externalRam: boolean;
  readonly more: MoreTargets;
  /** Searched too, as soon as it is read. */
  readonly longTail: Promise<LongTail | undefined>;
  readonly guesses: readonly WorkspaceGuess[];
  readonly chosen: WorkspaceGuess | undefined;
}

export interface PickedTarget {
  readonly target: Target;
  /** True for the chip that holds for the workspace without any setting. */
  readonly fromWorkspace: boolean;
}

type TargetItem = vscode.QuickPickItem & PickedTarget;

/** More rows than anybody reads through; more words narrow the list. */
const mostItems = 300;

/** Lets a person search for a chip; undefined when they leave the list. */
export function pickTarget(options: PickOptions): Promise<PickedTarget | undefined> {
  const { current } = options;
  const picker = vscode.window.createQuickPick<TargetItem>();
  picker.title = options.title ?? 'Target chip';
  picker.step = options.step;
  picker.totalSteps = options.totalSteps;
  // A step of a flow stays until it is answered, as the other steps do.
  picker.ignoreFocusOut = options.step !== undefined;
  picker.placeholder = 'Search by chip, board, vendor or core, or "at least 256K RAM"';
  picker.matchOnDescription = true;
  picker.matchOnDetail = true;
  let { more } = options;
  const show = (text: string) => {
    const found = searchMatches(text, more, mostItems);
    const fromFiles = workspaceItems(options).filter(
      ({ target, label }) =>
        found.some((match) => match.target.id === target.id) || label.toLowerCase().includes(text.trim().toLowerCase()),
    );
    // `alwaysShow`: our own search knows part-number suffixes and board names, which the list's filter does not.
    picker.items = [...fromFiles, ...found.map((match) => itemFor(match, options))].map((item) => ({
      ...item,
      alwaysShow: true,
    }));
    const active = picker.items.find(({ target }) => target.id === current?.id);
    if (text === '' && active) picker.activeItems = [active];
  };
  show('');
  return new Promise((resolve) => {
    let open = true;
    void options.longTail.then((longTail) => {
      if (!open || !longTail) return;
      more = { ...more, longTail };
      if (picker.value.trim() !== '') show(picker.value);
    });
    picker.onDidChangeValue(show);
    picker.onDidAccept(() => {
      resolve(picker.activeItems[0]);
      picker.hide();
    });
    picker.onDidHide(() => {
      open = false;
      resolve(undefined);
      picker.dispose();
    });
    picker.show();
  });
}

/** What the workspace's files name: the one that holds first, the others after it. */
function workspaceItems({ guesses, chosen, externalRam }: PickOptions): readonly TargetItem[] {
  const all = [...(chosen ? [chosen] : []), ...guesses];
  const shown = new Set<string>();
  return all.flatMap((guess) => {
    // Memory without a chip is offered only where it holds: other scripts say other sizes.
    const target = guess.target || guess === chosen ? workspaceTarget(guess) : undefined;
    if (!target || shown.has(target.id)) return [];
    shown.add(target.id);
    return [
      {
        target: guess.target ?? target,
        fromWorkspace: guess === chosen,
        label: `$(folder) ${guess.how}`,
        description: target.name,
        detail: memoryText(target, externalRam),
      },
    ];
  });
}

function itemFor({ target, board }: TargetMatch, { externalRam }: PickOptions): TargetItem {
  const remarks = [
    ...(board === undefined ? [] : [`on ${board}`]),
    target.vendor,
    target.core,
    ...(target.reviewed === false ? ['unreviewed'] : target.confidence === 'own' ? ['of this workspace'] : []),
  ];
  return {
    target,
    fromWorkspace: false,
    label: target.name,
    description: remarks.filter((text) => text !== '').join(' · '),
    detail: target.reviewed === false ? regionsText(target) : memoryText(target, externalRam),
  };
}

function memoryText(target: Target, externalRam: boolean): string {
  const { flash, ram } = limitsOf(target, { externalRam });
  const flashText = flash ? `${formatBytes(flash.bytes)} ${flash.label}` : 'no flash of its own';
  const ramText = ram ? `${formatBytes(ram.bytes)} ${ram.label}` : 'RAM not known';
  return `${flashText} · ${ramText}`;
}
