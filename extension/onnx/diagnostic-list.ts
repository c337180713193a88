import type { Diagnostic } from '../model/diagnostic';

/** Diagnostics of one kind that are kept. */
const mostOfAKind = 1000;

/** Diagnostics as they are found. A damaged file may give millions of one kind: beyond a thousand, only their number is kept. */
export class DiagnosticList {
  readonly #kept: Diagnostic[] = [];
  /** By severity and code. */
  readonly #kinds = new Map<string, { readonly code: string; count: number }>();

  push(diagnostic: Diagnostic): void {
    const { severity, code } = diagnostic;
    const key = `${severity} ${code}`;
    const kind = this.#kinds.get(key) ?? { code, count: 0 };
    if (++kind.count === 1) this.#kinds.set(key, kind);
    if (kind.count <= mostOfAKind) this.#kept.push(diagnostic);
  }

  /** What was kept, and how many of each kind were not. */
  all(): readonly Diagnostic[] {
    const all = [...this.#kept];
    for (const { code, count } of this.#kinds.values()) {
      if (count <= mostOfAKind) continue;
      const left = (count - mostOfAKind).toLocaleString('en-US');
      all.push({ severity: 'note', code, message: `${left} more diagnostics of this kind (${code}) are left out.` });
    }
    return all;
  }
}
