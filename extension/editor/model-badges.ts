import * as vscode from 'vscode';
import type { Verdict } from '../targets/verdict';
import type { ModelVerdicts } from './model-verdicts';

interface Badge {
  readonly badge: string;
  readonly color?: string;
}

/** Nothing is claimed of a model where a needed figure is not known. */
const badges: Readonly<Record<Verdict['outcome'], Badge | undefined>> = {
  fits: { badge: '✓' },
  'model-data-fits': { badge: '○' },
  tight: { badge: '!', color: 'list.warningForeground' },
  'does-not-fit': { badge: '✗', color: 'list.errorForeground' },
  'cannot-run': { badge: '✗', color: 'list.errorForeground' },
  unknown: undefined,
};

/** Marks `.onnx` files that the explorer shows with whether they fit the target; setting `thimble.badges`. */
export function showBadges(verdicts: ModelVerdicts): vscode.Disposable {
  const changed = new vscode.EventEmitter<vscode.Uri | undefined>();
  const isOn = () => vscode.workspace.getConfiguration('thimble').get<boolean>('badges', true);
  return vscode.Disposable.from(
    changed,
    verdicts.onDidChange((uri) => changed.fire(uri)),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('thimble.badges')) changed.fire(undefined);
    }),
    vscode.window.registerFileDecorationProvider({
      onDidChangeFileDecorations: changed.event,
      provideFileDecoration: async (uri) => {
        if (!uri.path.endsWith('.onnx') || !isOn()) return undefined;
        const found = await verdicts.want(uri);
        const badge = found && badges[found.verdict.outcome];
        if (!badge) return undefined;
        const tooltip = `${found.verdict.lead} ${found.verdict.detail}`;
        const color = badge.color === undefined ? undefined : new vscode.ThemeColor(badge.color);
        return new vscode.FileDecoration(badge.badge, tooltip, color);
      },
    }),
  );
}
