import type { FileDiagnostic } from '../file-diagnostic';
import type { Board } from '../long-tail';
import type { Target } from '../target';
import { folderOf, type WorkspaceFiles, type WorkspacePattern } from './files';
import type { Budget, GuessKind, WorkspaceGuess } from './guess';

export interface Lookups {
  readonly findTarget: (text: string) => Target | undefined;
  /** A board's own limits, where boards are known. */
  readonly findBoard?: (id: string) => Board | undefined;
}

/** What a file says, before the chip is looked up. */
export interface Statement {
  readonly kind: GuessKind;
  readonly file: string;
  readonly line: number;
  readonly projectFolder?: string;
  /** What people would call it. */
  readonly named: string;
  /** Names to look up, best first; `named` where absent. */
  readonly lookUp?: readonly string[];
  readonly flashBudget?: Budget | undefined;
  readonly ramBudget?: Budget | undefined;
}

/** More than any project file has; larger ones are not read. */
const largestText = 4 * 1024 * 1024;
const mostFiles = 64;
const mostDiagnostics = 200;
/** Folders that hold other people's projects, examples of libraries or products of a build. */
const foreign =
  /(?:^|\/)(?:(?:node_modules|\.git|\.pio|\.venv|venv|site-packages|managed_components|third_party)|(?:components|lib|libraries)\/.*\bexamples?)\//i;

/** One run over a workspace: reads files within bounds and collects diagnostics. */
export class Detection {
  private readonly found: FileDiagnostic[] = [];

  constructor(
    private readonly files: WorkspaceFiles,
    readonly lookups: Lookups,
  ) {}

  get diagnostics(): readonly FileDiagnostic[] {
    return this.found;
  }

  report(severity: FileDiagnostic['severity'], code: string, message: string, file: string, line: number, column = 1) {
    if (this.found.length >= mostDiagnostics) return;
    // The same fault is seen once more when two projects include one file.
    const known = this.found.some((other) => other.file === file && other.line === line && other.message === message);
    if (!known) this.found.push({ severity, code, message, file, line, column });
  }

  /** Matching paths, those nearest to the workspace folder first; at most 64. */
  async find(...patterns: readonly WorkspacePattern[]): Promise<readonly string[]> {
    const paths = new Set((await Promise.all(patterns.map((pattern) => this.files.find(pattern)))).flat());
    return [...paths]
      .filter((path) => !foreign.test(path))
      .sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1))
      .slice(0, mostFiles);
  }

  /** The text of a file without byte order mark; undefined when there is none or it is too large. */
  async read(path: string): Promise<string | undefined> {
    const text = await this.files.read(path);
    if (text === undefined) return undefined;
    if (text.length <= largestText) return text.replace(/^\uFEFF/, '');
    this.report('warning', 'file-too-large', 'The file is too large to be a project file and was not read.', path, 1);
    return undefined;
  }

  /** Looks the chip up; an unknown one is reported at its line. */
  guess(statement: Statement): WorkspaceGuess {
    const { kind, file, line, named, flashBudget, ramBudget } = statement;
    let target: Target | undefined;
    for (const name of statement.lookUp ?? [named]) target ??= this.lookups.findTarget(name);
    // What only the environment of the tools knows is no fault of the file.
    if (!target && (statement.lookUp ?? [named]).length > 0 && !named.includes('${')) {
      const message = `"${named}" is no chip or board that is known; define it in .thimble/targets.json to use it.`;
      this.report('warning', 'unknown-board', message, file, line);
    }
    return {
      kind,
      file,
      line,
      projectFolder: statement.projectFolder ?? folderOf(file),
      named,
      ...(target && { target }),
      alternatives: [],
      ...(flashBudget && { flashBudget }),
      ...(ramBudget && { ramBudget }),
      how: howText(named, file),
      confidence: target ? 'stated' : 'unknown',
    };
  }
}

/** `this workspace: nucleo_f746zg (platformio.ini)`. */
export function howText(named: string, file: string): string {
  return `this workspace: ${named} (${file})`;
}

function depth(path: string): number {
  return path.split('/').length;
}
