import * as vscode from 'vscode';
import type { Verdict } from '../targets/verdict';
import { footprintOn } from './known-figures';
import { type EditorServices, fitChoices, type ModelEditorProvider } from './model-editor';
import { fitVerdict } from './page-state';

/** The target in the status bar; with a model in front that of its project, and whether that model, as the file is, does not fit. */
export function showTargetInStatusBar(
  services: Pick<EditorServices, 'targets' | 'runtimes'>,
  editor: ModelEditorProvider,
): vscode.Disposable {
  const { targets, runtimes } = services;
  const item = vscode.window.createStatusBarItem('thimble.target', vscode.StatusBarAlignment.Right, 100);
  item.name = 'Thimble target';
  item.command = 'thimble.chooseTarget';
  const update = () => {
    const { unknownName } = targets;
    const { uri, known, figures } = editor.active ?? {};
    const choices = fitChoices(services, uri);
    const { target } = choices;
    const from = targets.fromFor(uri);
    const footprint = figures && footprintOn(figures, choices.runtime?.id, 'as-in-file');
    const verdict = known && fitVerdict(known.analysis, footprint, choices);
    const doesNotFit = verdict?.outcome === 'does-not-fit' || verdict?.outcome === 'cannot-run';
    if (target) {
      item.text = `$(chip) ${target.name}${doesNotFit ? ` · ${shortOf(verdict)} $(close)` : ''}`;
      const fit = verdict ? `${verdict.lead} ${verdict.detail}` : 'Target chip of this workspace.';
      item.tooltip = `${fit}${from === undefined ? '' : ` Chip from ${from}.`} Press to choose another.`;
    } else {
      item.text = '$(chip) Choose chip';
      item.tooltip = unknownName
        ? `The setting thimble.target names "${unknownName}", which is not in the catalogue. Press to choose a chip.`
        : 'Choose the chip that models are held against.';
    }
    item.backgroundColor = doesNotFit ? new vscode.ThemeColor('statusBarItem.errorBackground') : undefined;
    item.accessibilityInformation = { label: typeof item.tooltip === 'string' ? item.tooltip : item.text };
    if (editor.active || target) item.show();
    else item.hide();
  };
  update();
  return vscode.Disposable.from(
    item,
    targets.onDidChange(update),
    runtimes.onDidChange(update),
    editor.onDidChangeActive(update),
  );
}

function shortOf(verdict: Verdict): string {
  if (verdict.outcome === 'cannot-run') return 'cannot run';
  const short = [verdict.flash.fits === false ? 'flash' : '', verdict.ram.fits === false ? 'RAM' : ''];
  return short.filter((word) => word !== '').join(' and ');
}
