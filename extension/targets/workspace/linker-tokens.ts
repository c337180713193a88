/** A piece of a linker script with its place; line and column from 1. */
export interface LinkerToken {
  readonly kind: 'name' | 'number' | 'sign' | 'include';
  /** For an include: the file it names. */
  readonly text: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface LinkerText {
  readonly tokens: readonly LinkerToken[];
  /** Line of a preprocessor condition: what follows depends on macros that only the build knows. */
  readonly conditionLine: number | undefined;
  /** Line where a comment begins that does not end. */
  readonly openCommentLine: number | undefined;
}

const pattern =
  /(?<include>\bINCLUDE\s+(?:"[^"\n]*"|[^\s;"]+))|(?<number>0[xX][\da-fA-F]+[kKmM]?|\$[\da-fA-F]+|\d\w*)|(?<name>"[^"\n]*"|[A-Za-z_.][\w.$]*)|(?<sign><<=?|>>=?|[<>=!]=|&&|\|\||[-+*/%&|^~!?:(){}=,;<>])/y;

/** Splits a linker script. Characters that no expression uses are passed over. `#define NAME value` becomes `NAME = value;`. */
export function tokenize(text: string, file: string): LinkerText {
  const tokens: LinkerToken[] = [];
  let conditionLine: number | undefined;
  let openCommentLine: number | undefined;
  let inComment = false;
  for (const [index, raw] of text.split(/\r\n|\n|\r/).entries()) {
    const line = index + 1;
    const { code, open } = withoutComments(raw, inComment);
    if (open && !inComment) openCommentLine = line;
    if (!open) openCommentLine = undefined;
    inComment = open;
    const directive = /^\s*#\s*(\w+)\s*(.*)$/.exec(code);
    if (directive) {
      const [, word = '', rest = ''] = directive;
      if (/^(if|ifdef|ifndef|elif)$/.test(word)) conditionLine ??= line;
      const definition = /^([A-Za-z_]\w*)\s+(\S.*)$/.exec(rest);
      if (word !== 'define' || !definition) continue;
      const [, name = '', value = ''] = definition;
      const place = { file, line, column: code.indexOf(name) + 1 };
      tokens.push({ kind: 'name', text: name, ...place }, { kind: 'sign', text: '=', ...place });
      pushTokens(value, code.length - value.length);
      tokens.push({ kind: 'sign', text: ';', ...place });
      continue;
    }
    pushTokens(code, 0);

    function pushTokens(part: string, offset: number): void {
      for (let at = 0; at < part.length; ) {
        pattern.lastIndex = at;
        const match = pattern.exec(part);
        if (!match) {
          at += 1;
          continue;
        }
        const place = { file, line, column: offset + at + 1 };
        at += match[0].length;
        const { include, number, name } = match.groups ?? {};
        if (include)
          tokens.push({ kind: 'include', text: include.replace(/^INCLUDE\s+/, '').replace(/"/g, ''), ...place });
        else if (number) tokens.push({ kind: 'number', text: number, ...place });
        else if (name) tokens.push({ kind: 'name', text: name.replace(/"/g, ''), ...place });
        else tokens.push({ kind: 'sign', text: match[0], ...place });
      }
    }
  }
  return { tokens, conditionLine, openCommentLine };
}

/** The line with comments as spaces, so that columns stay; `open` when a comment goes on in the next line. */
function withoutComments(line: string, inComment: boolean): { readonly code: string; readonly open: boolean } {
  let code = '';
  let open = inComment;
  for (let at = 0; at < line.length; ) {
    if (open) {
      const end = line.indexOf('*/', at);
      const next = end < 0 ? line.length : end + 2;
      code += ' '.repeat(next - at);
      at = next;
      open = end < 0;
    } else {
      const start = line.slice(at).search(/\/\*|\/\//);
      if (start < 0) return { code: code + line.slice(at), open: false };
      code += line.slice(at, at + start);
      if (line.startsWith('//', at + start)) return { code, open: false };
      code += '  ';
      at += start + 2;
      open = true;
    }
  }
  return { code, open };
}
