import * as vscode from 'vscode';
import { findTarget } from '../targets/catalogue';
import type { FileDiagnostic } from '../targets/file-diagnostic';
import type { LongTail } from '../targets/long-tail';
import type { Target } from '../targets/target';
import { parseTargetFile, targetFileNames } from '../targets/target-file';
import { detectWorkspace } from '../targets/workspace/detect-workspace';
import { patternExpression, type WorkspaceFiles, workspacePatterns } from '../targets/workspace/files';
import type { WorkspaceGuess } from '../targets/workspace/guess';
import { type DetectedProject, guessForPath } from '../targets/workspace/nearest-project';
import { settledGuess, settledProjects, settledTargets } from './settled-workspace';
import { filesOf } from './workspace-files';

/** Tools write several project files in a row; one look at them is enough. */
const quietMilliseconds = 300;

interface KnownFolder {
  readonly own: readonly Target[];
  readonly guesses: readonly WorkspaceGuess[];
  readonly chosen: WorkspaceGuess | undefined;
  readonly projects: readonly DetectedProject[];
}

const nothing: KnownFolder = { own: [], guesses: [], chosen: undefined, projects: [] };

/**
 * What the open folders say about their chip: targets they define, and the chip their projects are for. Files are only read, so this
 * works in untrusted and virtual workspaces; faults in them are shown at their line.
 */
export class WorkspaceTargets implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  /** Fires when any of what is below changes. */
  readonly onDidChange = this.changed.event;
  private readonly diagnostics = vscode.languages.createDiagnosticCollection('thimble.targets');
  private known: ReadonlyMap<string, KnownFolder> = new Map();
  private readonly subscriptions: vscode.Disposable[];
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();

  constructor(private readonly longTail: () => Promise<LongTail | undefined>) {
    const names = [...workspacePatterns.map((pattern) => pattern.replace(/^\*\*\//, '')), ...targetFileNames];
    const watcher = vscode.workspace.createFileSystemWatcher(`**/{${names.join(',')}}`);
    const expressions = [...workspacePatterns, ...targetFileNames.map((name) => `**/${name}`)].map(patternExpression);
    const later = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.look(), quietMilliseconds);
    };
    this.subscriptions = [
      watcher,
      watcher.onDidChange(later),
      watcher.onDidCreate(later),
      watcher.onDidDelete(later),
      // Folders of virtual workspaces are not always watched; what is saved here is seen there too.
      vscode.workspace.onDidSaveTextDocument(({ uri }) => {
        if (expressions.some((expression) => expression.test(uri.path))) later();
      }),
      vscode.workspace.onDidChangeWorkspaceFolders(later),
      new vscode.Disposable(() => clearTimeout(this.timer)),
    ];
    this.look();
  }

  /** Targets that the workspace defines. */
  get own(): readonly Target[] {
    return [...this.known.values()].flatMap(({ own }) => own);
  }

  /** Every place that says what the workspace is for, strongest first. */
  get guesses(): readonly WorkspaceGuess[] {
    return [...this.known.values()].flatMap(({ guesses }) => guesses);
  }

  /** The one that holds; undefined where the folders are for several chips, or none is known. */
  get chosen(): WorkspaceGuess | undefined {
    const chosen = [...this.known.values()].flatMap(({ chosen }) => chosen ?? []);
    const [first] = chosen;
    return first && chosen.every(({ target }) => target?.id === first.target?.id) ? first : undefined;
  }

  /** What holds for a file: the project it lies in says it, else the workspace. */
  chosenFor(uri: vscode.Uri): WorkspaceGuess | undefined {
    const folder = vscode.workspace.getWorkspaceFolder(uri);
    const known = folder && this.known.get(folder.uri.toString());
    if (!folder || !known) return this.chosen;
    const path = uri.path.slice(folder.uri.path.replace(/\/$/, '').length + 1);
    // A folder whose own files name chips does not take that of another folder.
    return guessForPath(path, known.projects, known.projects.length > 0 ? known.chosen : this.chosen);
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
    this.diagnostics.dispose();
    this.changed.dispose();
  }

  /** Looks at all folders again, one look after the other. */
  private look(): void {
    this.looking = this.looking.then(() => this.lookNow()).catch(() => {});
  }

  private async lookNow(): Promise<void> {
    const folders = vscode.workspace.workspaceFolders ?? [];
    const longTail = folders.length > 0 ? await this.longTail() : undefined;
    const found: [vscode.Uri, vscode.Diagnostic[]][] = [];
    const known = new Map<string, KnownFolder>();
    for (const { uri } of folders) {
      const previous = this.known.get(uri.toString()) ?? nothing;
      const { folder, diagnostics } = await lookAt(filesOf(uri), previous, longTail);
      known.set(uri.toString(), folder);
      for (const diagnostic of diagnostics) {
        found.push([vscode.Uri.joinPath(uri, diagnostic.file), [editorDiagnostic(diagnostic)]]);
      }
    }
    this.diagnostics.clear();
    this.diagnostics.set(found);
    // Models are measured again when this fires; most changes of project files say nothing of the chip.
    if (JSON.stringify([...known]) === JSON.stringify([...this.known])) return;
    this.known = known;
    this.changed.fire();
  }
}

async function lookAt(
  files: WorkspaceFiles,
  previous: KnownFolder,
  longTail: LongTail | undefined,
): Promise<{ readonly folder: KnownFolder; readonly diagnostics: readonly FileDiagnostic[] }> {
  const base = longTail && { longTail };
  const own: Target[] = [];
  const diagnostics: FileDiagnostic[] = [];
  for (const name of targetFileNames) {
    const text = await files.read(name);
    if (text === undefined) continue;
    const file = parseTargetFile(text, name, (id) => findTarget(id, { ...base, own }));
    const before = previous.own.filter(({ sources }) => Object.values(sources).some((source) => source.includes(name)));
    own.push(...settledTargets(before, file));
    diagnostics.push(...file.diagnostics);
  }
  const detection = await detectWorkspace(files, {
    findTarget: (text) => findTarget(text, { ...base, own }),
    ...(longTail && { findBoard: longTail.board }),
  });
  const chosen = settledGuess(previous.chosen, detection);
  const projects = settledProjects(previous.projects, detection);
  return {
    folder: { own, guesses: detection.guesses, chosen, projects },
    diagnostics: [...diagnostics, ...detection.diagnostics],
  };
}

const severities = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  note: vscode.DiagnosticSeverity.Information,
} as const;

function editorDiagnostic({ severity, code, message, line, column, endColumn }: FileDiagnostic): vscode.Diagnostic {
  const end = endColumn === undefined ? Number.MAX_SAFE_INTEGER : endColumn - 1;
  const range = new vscode.Range(line - 1, column - 1, line - 1, end);
  const diagnostic = new vscode.Diagnostic(range, message, severities[severity]);
  diagnostic.source = 'Thimble';
  diagnostic.code = code;
  return diagnostic;
}
