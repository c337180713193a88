import { contentField, stringField, varintField } from './encode';
import { storedDomain } from './field-numbers';
import { Segments } from './segments';
import { contentOf, type SourceMessages } from './source-messages';
import type { WireField } from './wire';

/** Edits by name, which remembers those that met nothing in the source. */
export class NamedEdits<Edit> {
  readonly #edits: ReadonlyMap<string, Edit>;
  readonly #waiting: Set<string>;

  constructor(
    private readonly kind: string,
    edits: ReadonlyMap<string, Edit> | undefined,
  ) {
    this.#edits = edits ?? new Map();
    this.#waiting = new Set(this.#edits.keys());
  }

  get isEmpty(): boolean {
    return this.#edits.size === 0;
  }

  take(name: string): Edit | undefined {
    this.#waiting.delete(name);
    return this.#edits.get(name);
  }

  /** Throws Error when an edit names something that is not there: it would be lost without a word. */
  assertAllTaken(fileName: string): void {
    const [name] = this.#waiting;
    if (name !== undefined) throw new Error(`${fileName}: there is no ${this.kind} named ${name} to edit.`);
  }
}

/** New versions of imported opsets. */
export class OpsetEdits {
  readonly #versions = new Map<string, number>();
  readonly #waiting: Set<string>;

  constructor(versions: ReadonlyMap<string, number> | undefined) {
    for (const [domain, version] of versions ?? []) this.#versions.set(storedDomain(domain), version);
    this.#waiting = new Set(this.#versions.keys());
  }

  /** The OperatorSetIdProto in `field` with its new version; undefined where it stays. */
  async apply(messages: SourceMessages, field: WireField): Promise<Segments | undefined> {
    if (this.#versions.size === 0) return undefined;
    const domain = storedDomain(await messages.textIn(contentOf(field), 1));
    const version = this.#versions.get(domain);
    if (version === undefined) return undefined;
    this.#waiting.delete(domain);
    const others = await messages.rewrite(contentOf(field), async (inner) =>
      inner.number === 2 ? new Segments() : undefined,
    );
    return contentField(field.number, others.bytes(varintField(2, version)));
  }

  /** Imports of the domains that the source does not import. */
  missing(fieldNumber: number): Segments {
    const result = new Segments();
    for (const domain of this.#waiting) {
      const entry = new Segments();
      if (domain !== '') entry.bytes(stringField(1, domain));
      entry.bytes(varintField(2, this.#versions.get(domain) ?? 1));
      result.append(contentField(fieldNumber, entry));
    }
    return result;
  }
}
