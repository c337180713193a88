import type { FileDiagnostic } from '../file-diagnostic';
import {
  ExpressionParser,
  evaluate,
  type LinkerExpression,
  LinkerExpressionError,
  type LinkerScope,
} from './linker-expression';
import { type LinkerToken, tokenize } from './linker-tokens';

/** A region of a MEMORY command. Bytes; undefined where the script does not say it. */
export interface LinkerRegion {
  readonly name: string;
  readonly attributes: string;
  readonly origin: number | undefined;
  readonly length: number | undefined;
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

export interface LinkerScript {
  /** Empty when the script is broken: half of it may say something wrong. */
  readonly regions: readonly LinkerRegion[];
  readonly diagnostics: readonly FileDiagnostic[];
}

/** The text of an included file and its path; undefined when there is none. */
export type ReadInclude = (
  name: string,
  from: string,
) => Promise<{ readonly file: string; readonly text: string } | undefined>;

const mostIncludes = 32;
const largestRegion = 2 ** 40;

/**
 * The memory regions of a GNU linker script. Arithmetic, symbols, ORIGIN(), LENGTH() and DEFINED() are computed; what only the linker's
 * command line says is left undefined, with a diagnostic. Nothing is thrown.
 */
export async function parseLinkerScript(text: string, file: string, readInclude: ReadInclude): Promise<LinkerScript> {
  const diagnostics: FileDiagnostic[] = [];
  const report: Report = (severity, code, message, place) => {
    diagnostics.push({ severity, code, message, file: place.file, line: place.line, column: place.column });
  };
  const tokens = await withIncludes(text, file, readInclude, report);
  const parsed = readCommands(tokens, report);
  const broken = () => diagnostics.some(({ severity }) => severity === 'error');
  if (broken()) return { regions: [], diagnostics };
  const regions = new Evaluation(parsed, report).regions();
  return { regions: broken() ? [] : regions, diagnostics };
}

type Report = (
  severity: FileDiagnostic['severity'],
  code: string,
  message: string,
  place: { readonly file: string; readonly line: number; readonly column: number },
) => void;

async function withIncludes(
  text: string,
  file: string,
  readInclude: ReadInclude,
  report: Report,
): Promise<readonly LinkerToken[]> {
  let includes = 0;
  const read = async (content: string, path: string, above: readonly string[]): Promise<readonly LinkerToken[]> => {
    const { tokens, conditionLine, openCommentLine } = tokenize(content, path);
    const place = (line: number) => ({ file: path, line, column: 1 });
    if (openCommentLine !== undefined) {
      report('error', 'broken-linker-script', 'The comment that begins here does not end.', place(openCommentLine));
    }
    if (conditionLine !== undefined) {
      const message =
        'The script has conditions of the preprocessor, which only the build knows; its sizes are not used.';
      report('error', 'preprocessor-condition', message, place(conditionLine));
    }
    const result: LinkerToken[] = [];
    for (const token of tokens) {
      if (token.kind !== 'include') {
        result.push(token);
        continue;
      }
      includes += 1;
      const found = includes <= mostIncludes ? await readInclude(token.text, path) : undefined;
      if (!found) {
        const message = `The included file "${token.text}" is not in the workspace; what it sets is not known.`;
        report('note', 'missing-include', message, token);
      } else if (found.file === path || above.includes(found.file)) {
        report('error', 'include-cycle', `"${token.text}" includes itself.`, token);
      } else {
        for (const inner of await read(found.text, found.file, [...above, path])) result.push(inner);
      }
    }
    return result;
  };
  return read(text, file, []);
}

interface RegionDraft {
  readonly name: LinkerToken;
  readonly attributes: string;
  readonly origin: LinkerExpression;
  readonly length: LinkerExpression;
  readonly lengthAt: LinkerToken;
}

interface Commands {
  readonly regions: readonly RegionDraft[];
  /** All assignments of a symbol; one with several values is not relied on. */
  readonly symbols: ReadonlyMap<string, readonly LinkerExpression[]>;
}

function readCommands(tokens: readonly LinkerToken[], report: Report): Commands {
  const regions: RegionDraft[] = [];
  const symbols = new Map<string, LinkerExpression[]>();
  let depth = 0;
  for (let at = 0; at < tokens.length; ) {
    const token = tokens[at];
    const next = tokens[at + 1];
    if (token?.text === 'MEMORY' && depth === 0 && next?.text === '{') {
      try {
        at = readMemory(tokens, at + 2, regions);
      } catch (error) {
        if (!(error instanceof LinkerExpressionError)) throw error;
        report(
          'error',
          'broken-linker-script',
          `${error.message} The sizes of this script are not used.`,
          error.at ?? token,
        );
        return { regions: [], symbols };
      }
      continue;
    }
    if (token?.text === '{') depth += 1;
    if (token?.text === '}') depth -= 1;
    at += 1;
    // Assignments inside SECTIONS depend on where things come to lie.
    if (depth > 0 || token?.kind !== 'name' || next?.text !== '=') continue;
    try {
      const parser = new ExpressionParser(tokens, at + 1);
      symbols.set(token.text, [...(symbols.get(token.text) ?? []), parser.expression()]);
      at = parser.position;
    } catch (error) {
      // A fault outside MEMORY matters only where a region uses the symbol, which is then not set.
      if (!(error instanceof LinkerExpressionError)) throw error;
    }
  }
  return { regions, symbols };
}

/** Reads regions up to the closing brace; returns the position after it. */
function readMemory(tokens: readonly LinkerToken[], start: number, regions: RegionDraft[]): number {
  let at = start;
  const expect = (accepts: (text: string) => boolean, what: string): LinkerToken => {
    const token = tokens[at];
    if (!token || !accepts(token.text)) {
      const found = token ? `instead of "${token.text}"` : 'before the end of the script';
      throw new LinkerExpressionError(`${what} is expected ${found}.`, token ?? tokens.at(-1), true);
    }
    at += 1;
    return token;
  };
  const expression = (): LinkerExpression => {
    const parser = new ExpressionParser(tokens, at);
    const result = parser.expression();
    at = parser.position;
    return result;
  };
  while (tokens[at]?.text !== '}') {
    const name = expect((text) => /^[\w.$]+$/.test(text), 'The name of a region or "}"');
    let attributes = '';
    if (tokens[at]?.text === '(') {
      at += 1;
      while (tokens[at] && tokens[at]?.text !== ')') {
        attributes += tokens[at]?.text ?? '';
        at += 1;
      }
      expect((text) => text === ')', '")"');
    }
    expect((text) => text === ':', '":"');
    expect((text) => /^(ORIGIN|org|o)$/.test(text), 'ORIGIN');
    expect((text) => text === '=', '"="');
    const origin = expression();
    if (tokens[at]?.text === ',') at += 1;
    expect((text) => /^(LENGTH|len|l)$/.test(text), 'LENGTH');
    expect((text) => text === '=', '"="');
    const lengthAt = tokens[at] ?? name;
    const length = expression();
    if (tokens[at]?.text === ';' || tokens[at]?.text === ',') at += 1;
    regions.push({ name, attributes, origin, length, lengthAt });
  }
  return at + 1;
}

class Evaluation implements LinkerScope {
  private readonly pending = new Set<string>();
  private readonly byName: ReadonlyMap<string, RegionDraft>;

  constructor(
    private readonly commands: Commands,
    private readonly report: Report,
  ) {
    this.byName = new Map(commands.regions.map((draft) => [draft.name.text, draft]));
  }

  regions(): readonly LinkerRegion[] {
    return this.commands.regions.map((draft) => ({
      name: draft.name.text,
      attributes: draft.attributes,
      origin: this.value(draft.origin, `The address of ${draft.name.text}`, draft.name),
      length: this.size(draft),
      file: draft.name.file,
      line: draft.name.line,
    }));
  }

  symbol(name: string, at: LinkerToken): bigint {
    const values = this.commands.symbols.get(name);
    if (!values) {
      throw new LinkerExpressionError(`"${name}" is not set in the script but when the program is linked.`, at, false);
    }
    const [first] = values;
    if (!first || values.length > 1) throw new LinkerExpressionError(`"${name}" is set more than once.`, at, false);
    return this.guarded(name, at, () => evaluate(first, this));
  }

  isDefined(name: string, at: LinkerToken): boolean {
    if (this.commands.symbols.has(name)) return true;
    const message = `"${name}" is taken as not defined; a build that passes it to the linker gives other sizes.`;
    this.report('note', 'assumed-undefined', message, at);
    return false;
  }

  origin(region: string, at: LinkerToken): bigint {
    return this.guarded(`ORIGIN ${region}`, at, () => evaluate(this.region(region, at).origin, this));
  }

  length(region: string, at: LinkerToken): bigint {
    return this.guarded(`LENGTH ${region}`, at, () => evaluate(this.region(region, at).length, this));
  }

  private region(name: string, at: LinkerToken): RegionDraft {
    const draft = this.byName.get(name);
    if (!draft) throw new LinkerExpressionError(`There is no region "${name}".`, at, true);
    return draft;
  }

  private guarded(key: string, at: LinkerToken, compute: () => bigint): bigint {
    if (this.pending.has(key)) throw new LinkerExpressionError(`"${at.text}" depends on itself.`, at, true);
    if (this.pending.size > 200)
      throw new LinkerExpressionError('The symbols refer to each other too often.', at, true);
    this.pending.add(key);
    try {
      return compute();
    } finally {
      this.pending.delete(key);
    }
  }

  private size(draft: RegionDraft): number | undefined {
    const length = this.value(draft.length, `The length of ${draft.name.text}`, draft.lengthAt);
    if (length === undefined) return undefined;
    if (length >= 0 && length <= largestRegion) return length;
    const [code, fault] = length < 0 ? ['negative-size', 'is negative'] : ['invalid-size', 'is larger than any memory'];
    this.report('error', code, `The length of ${draft.name.text} ${fault}: ${length}.`, draft.lengthAt);
    return undefined;
  }

  private value(expression: LinkerExpression, what: string, place: LinkerToken): number | undefined {
    try {
      return Number(evaluate(expression, this));
    } catch (error) {
      if (!(error instanceof LinkerExpressionError)) throw error;
      const severity = error.broken ? 'error' : 'note';
      const code = error.broken ? 'broken-linker-script' : 'unresolved-expression';
      this.report(severity, code, `${what} cannot be computed: ${error.message}`, error.at ?? place);
      return undefined;
    }
  }
}
