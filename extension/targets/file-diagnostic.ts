/** A fault in a file of the workspace (target file, linker script, project file), at its place. */
export interface FileDiagnostic {
  readonly severity: 'error' | 'warning' | 'note';
  /** Stable kebab-case word, such as `negative-size`. */
  readonly code: string;
  /** One sentence: what is wrong and what to do. */
  readonly message: string;
  /** Path as given to the reader, with forward slashes. */
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  /** Where the faulty text ends; absent when it is the rest of the line. */
  readonly endColumn?: number;
}

export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** Line and column, both from 1, of a character in a text. Lines end with LF, CRLF or CR. */
export function positionAt(text: string, offset: number): TextPosition {
  const before = text.slice(0, offset).replace(/^\uFEFF/, '');
  const lines = before.split(/\r\n|\n|\r/);
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

/** The lines of a text without their ends and without a byte order mark. */
export function linesOf(text: string): readonly string[] {
  return text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
}
