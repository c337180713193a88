import * as vscode from 'vscode';
import { badgeOf } from './badge-of';
import type { ModelVerdicts } from './model-verdicts';

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
        const shown = found && badgeOf(found.verdict);
        if (!shown) return undefined;
        const color = shown.color === undefined ? undefined : new vscode.ThemeColor(shown.color);
        return new vscode.FileDecoration(shown.badge, shown.tooltip, color);
      },
    }),
  );
}
