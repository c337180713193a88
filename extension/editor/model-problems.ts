import * as vscode from 'vscode';
import { footprintOn } from './known-figures';
import { type EditorServices, fitChoices, type ModelEditorProvider } from './model-editor';
import type { ModelVerdict, ModelVerdicts } from './model-verdicts';
import type { OpenedModel } from './opened-model';
import { type Choices, type FitChoices, fitVerdict, pageState } from './page-state';
import { tableNotShown } from './wanted-what-if';

/**
 * One problem for every model that is over budget and was opened or checked, with what is short and what would help; setting
 * `thimble.problems`.
 */
export class ModelProblems implements vscode.Disposable {
  private readonly diagnostics = vscode.languages.createDiagnosticCollection('thimble.models');
  private readonly watched = new Map<string, vscode.Uri>();
  private readonly subscriptions: readonly vscode.Disposable[];

  constructor(
    private readonly services: EditorServices,
    private readonly verdicts: ModelVerdicts,
    editor: ModelEditorProvider,
  ) {
    this.subscriptions = [
      editor.onDidChangeActive((model) => {
        if (model) this.take(model);
      }),
      verdicts.onDidChange((uri) => this.refresh(uri)),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('thimble.problems')) this.refresh(undefined);
      }),
      vscode.workspace.onDidDeleteFiles(({ files }) => {
        for (const uri of files) this.forget(uri);
      }),
    ];
  }

  /** Watches a model from now on. */
  watch(uri: vscode.Uri): void {
    this.watched.set(uri.toString(), uri);
    this.show(uri);
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
    this.diagnostics.dispose();
  }

  private take(model: OpenedModel): void {
    if (model.uri.scheme !== 'file') return;
    const found = openVerdict(model, this.services);
    if (!found) return;
    this.verdicts.put(model.uri, found);
    this.watch(model.uri);
  }

  private forget(uri: vscode.Uri): void {
    this.watched.delete(uri.toString());
    this.diagnostics.delete(uri);
  }

  private refresh(changed: vscode.Uri | undefined): void {
    const all = changed ? [this.watched.get(changed.toString())] : [...this.watched.values()];
    for (const uri of all) {
      if (!uri) continue;
      this.show(uri);
      // A new verdict fires again; a file that is gone or unreadable has none.
      if (!this.verdicts.get(uri)) void this.verdicts.want(uri);
    }
  }

  private show(uri: vscode.Uri): void {
    const isOn = vscode.workspace.getConfiguration('thimble', uri).get<boolean>('problems', true);
    const found = isOn ? this.verdicts.get(uri) : undefined;
    const { outcome } = found?.verdict ?? {};
    const isOver = outcome === 'does-not-fit' || outcome === 'cannot-run';
    if (found && isOver) this.diagnostics.set(uri, [problem(found)]);
    else this.diagnostics.delete(uri);
  }
}

function problem({ verdict, help }: ModelVerdict): vscode.Diagnostic {
  const sentence = `${verdict.lead} ${verdict.detail}`;
  const range = new vscode.Range(0, 0, 0, 0);
  const text = help === undefined ? sentence : `${sentence} ${help}`;
  const diagnostic = new vscode.Diagnostic(range, text, vscode.DiagnosticSeverity.Warning);
  diagnostic.source = 'Thimble';
  diagnostic.code = verdict.outcome;
  return diagnostic;
}

/** The verdict on an opened model as its file is; undefined without a target and until its runtime is measured. */
export function openVerdict(
  { uri, known, figures }: Pick<OpenedModel, 'uri' | 'known' | 'figures'>,
  services: Pick<EditorServices, 'targets' | 'runtimes'>,
): ModelVerdict | undefined {
  const choices = fitChoices(services, uri);
  const footprint = footprintOn(figures, choices.runtime?.id, 'as-in-file');
  if (!known || (choices.runtime && !footprint)) return undefined;
  const verdict = fitVerdict(known.analysis, footprint, choices);
  if (!verdict) return undefined;
  const isOver = verdict.outcome === 'does-not-fit' || verdict.outcome === 'cannot-run';
  const { suggestion } = isOver ? pageState(known, figures, asTheFileIs(choices), 0) : {};
  return { verdict, ...(suggestion && { help: `As ${suggestion.label}, ${suggestion.text}.` }) };
}

/** Without what only a page has. */
function asTheFileIs(choices: FitChoices): Choices {
  return { ...choices, precision: 'as-in-file', pinned: [], view: tableNotShown };
}
