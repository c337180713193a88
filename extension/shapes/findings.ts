import type { Diagnostic, Place } from '../model/diagnostic';
import type { Node } from '../model/model';
import { AttributeError } from '../ops/definition';
import { type Frame, labelOf, placeOf } from './frame';

/** Diagnostics of one kind beyond this many are left out. */
const diagnosticsPerCode = 100;

/** Collects what a walk has to say about nodes: each thing once, however often a body is inferred. */
export class Findings {
  private readonly diagnostics: Diagnostic[] = [];
  private readonly reported = new Set<string>();
  private readonly countByCode = new Map<string, number>();
  private readonly unknownOperators = new Map<string, { count: number; readonly place: Place; readonly node: Node }>();

  private mute = 0;

  /** Runs `work` without recording what it finds. */
  unsaid<Result>(work: () => Result): Result {
    this.mute++;
    try {
      return work();
    } finally {
      this.mute--;
    }
  }

  /** Adds a diagnostic at a node, and at one of its values where that is given. */
  report(
    code: string,
    severity: Diagnostic['severity'],
    frame: Frame,
    node: Node,
    message: string,
    value?: string,
  ): void {
    if (this.mute > 0) return;
    const key = `${code} ${frame.path.join('/')} ${node.index} ${message}`;
    if (this.reported.has(key)) return;
    this.reported.add(key);
    const count = (this.countByCode.get(code) ?? 0) + 1;
    this.countByCode.set(code, count);
    if (count > diagnosticsPerCode) return;
    const place = placeOf(frame, node);
    this.diagnostics.push({ severity, code, message, place: value === undefined ? place : { ...place, value } });
  }

  /** An operator's definition threw: a wrong attribute makes the model invalid, anything else is a gap in what is known. */
  reportException(frame: Frame, node: Node, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof AttributeError) {
      this.report('attribute', 'error', frame, node, message);
    } else {
      const sentence = `${node.opType} node ${labelOf(node)} could not be inferred: ${message}`;
      this.report('inference-failed', 'warning', frame, node, sentence);
    }
  }

  noteUnknownOperator(frame: Frame, node: Node): void {
    const key = `${node.domain} ${node.opType}`;
    const known = this.unknownOperators.get(key);
    if (known) known.count++;
    else this.unknownOperators.set(key, { count: 1, place: placeOf(frame, node), node });
  }

  /** Everything found, with one diagnostic for each unknown operator and one for each kind of which some were left out. */
  all(): readonly Diagnostic[] {
    const all = [...this.diagnostics];
    for (const [code, count] of this.countByCode) {
      const left = count - diagnosticsPerCode;
      if (left > 0)
        all.push({ severity: 'note', code, message: `${left} more diagnostics of this kind (${code}) are left out.` });
    }
    for (const { count, place, node } of this.unknownOperators.values()) {
      const uses = count === 1 ? `node ${labelOf(node)} uses it` : `${count} nodes use it, first ${labelOf(node)}`;
      const message = `Operator ${node.opType} (${node.domain}) is not known; ${uses}. Shapes after it come from the file where it has them, and its multiply-accumulates are not counted.`;
      all.push({ severity: 'warning', code: 'unknown-operator', message, place });
    }
    return all;
  }
}
