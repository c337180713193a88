import { type FileDiagnostic, positionAt } from './file-diagnostic';
import { type JsonNode, type JsonObject, memberOf, textOf } from './json-source';
import { sizeOf } from './size-text';
import { type Memory, memoryKinds } from './target';

interface Place {
  readonly start: number;
  readonly end?: number;
}

const memoryKeys = ['name', 'kind', 'size', 'start', 'note'];
/** Nobody reads more, and each is looked up in the text. */
const mostDiagnostics = 200;
/** A petabyte: far above any target, and sums of such sizes stay exact. */
const largestSize = 2 ** 50;

/** Reads the fields of a target file; whatever is wrong becomes a diagnostic at its place. */
export class TargetFileReader {
  private readonly found: FileDiagnostic[] = [];
  private errors = 0;

  constructor(
    private readonly source: string,
    readonly fileName: string,
  ) {}

  get diagnostics(): readonly FileDiagnostic[] {
    return this.found;
  }

  get errorCount(): number {
    return this.errors;
  }

  report(severity: FileDiagnostic['severity'], code: string, message: string, place: Place = { start: 0 }): void {
    if (severity === 'error') this.errors += 1;
    if (this.found.length >= mostDiagnostics) return;
    const from = positionAt(this.source, place.start);
    const to = place.end === undefined ? undefined : positionAt(this.source, place.end);
    const endColumn = to?.line === from.line ? { endColumn: to.column } : {};
    this.found.push({ severity, code, message, file: this.fileName, ...from, ...endColumn });
  }

  knownKeys(node: JsonObject, keys: readonly string[]): void {
    for (const { key, keyStart, keyEnd } of node.members) {
      if (keys.includes(key)) continue;
      const message = `"${key}" is not known here and has no effect; known are ${keys.join(', ')}.`;
      this.report('warning', 'unknown-key', message, { start: keyStart, end: keyEnd });
    }
  }

  text(node: JsonObject, key: string): string | undefined {
    const value = memberOf(node, key);
    if (!value) return undefined;
    const text = textOf(value);
    if (text === undefined) this.report('error', 'not-a-text', `"${key}" is a text in quotes.`, value);
    return text;
  }

  texts(node: JsonObject, key: string): readonly string[] | undefined {
    const value = memberOf(node, key);
    if (!value) return undefined;
    const texts = value.kind === 'array' ? value.items.map(textOf) : [undefined];
    const valid = texts.filter((text) => text !== undefined);
    if (valid.length === texts.length) return valid;
    this.report('error', 'not-a-list', `"${key}" is a list of texts.`, value);
    return undefined;
  }

  /** Hertz: a number, or a text such as "64 MHz". */
  clock(node: JsonObject): number | undefined {
    const value = memberOf(node, 'clockHz');
    if (!value) return undefined;
    const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)hz$/i.exec(textOf(value) ?? '');
    const unit = { k: 1e3, m: 1e6, g: 1e9 }[match?.[2]?.toLowerCase() ?? ''] ?? 1;
    const hertz = match ? Number(match[1]) * unit : value.kind === 'scalar' ? value.value : undefined;
    if (typeof hertz === 'number' && hertz > 0) return hertz;
    this.report('error', 'invalid-clock', '"clockHz" is a number of hertz above 0, or a text such as "64 MHz".', value);
    return undefined;
  }

  /** Bytes: a whole number, or a text such as "256K". */
  size(node: JsonNode | undefined): number | undefined {
    if (!node) return undefined;
    const value = node.kind === 'scalar' ? node.value : undefined;
    if (typeof value === 'number' ? value < 0 : typeof value === 'string' && /^\s*-/.test(value)) {
      this.report('error', 'negative-size', `A size cannot be negative: ${value}.`, node);
      return undefined;
    }
    const bytes = typeof value === 'string' ? sizeOf(value) : value;
    if (typeof bytes === 'number' && Number.isInteger(bytes) && bytes <= largestSize) return bytes;
    this.report('error', 'invalid-size', 'A size is a whole number of bytes, or a text such as "256K" or "1M".', node);
    return undefined;
  }

  /** Several sizes under their names; those that are absent stay undefined. */
  sizes(node: JsonNode | undefined, names: readonly string[]): Readonly<Record<string, number | undefined>> {
    if (!node) return {};
    if (node.kind !== 'object') {
      const example = `{ ${names.map((name) => `"${name}": "4K"`).join(', ')} }`;
      this.report('error', 'invalid-sizes', `Sizes by name are expected here: ${example}.`, node);
      return {};
    }
    this.knownKeys(node, names);
    return Object.fromEntries(names.map((name) => [name, this.size(memberOf(node, name))]));
  }

  /** The regions of a target; undefined when there are none or one has an error. */
  memories(node: JsonObject): readonly Memory[] | undefined {
    const list = memberOf(node, 'memories');
    if (!list) return undefined;
    if (list.kind !== 'array' || list.items.length === 0) {
      this.report('error', 'invalid-memories', '"memories" is a list of regions with kind and size.', list);
      return undefined;
    }
    const memories = list.items.map((item) => this.memory(item));
    const valid = memories.filter((memory) => memory !== undefined);
    return valid.length === memories.length ? valid : undefined;
  }

  private memory(node: JsonNode): Memory | undefined {
    if (node.kind !== 'object') {
      this.report('error', 'invalid-memory', 'A region is an object such as { "kind": "sram", "size": "64K" }.', node);
      return undefined;
    }
    this.knownKeys(node, memoryKeys);
    const kindNode = memberOf(node, 'kind');
    const kind = memoryKinds.find((candidate) => candidate === textOf(kindNode));
    if (!kind) {
      this.report('error', 'unknown-kind', `A region needs a "kind": ${memoryKinds.join(', ')}.`, kindNode ?? node);
    }
    const sizeNode = memberOf(node, 'size');
    if (!sizeNode) this.report('error', 'missing-size', 'A region needs a "size" such as "64K".', node);
    const bytes = this.size(sizeNode);
    const start = this.address(memberOf(node, 'start'));
    const note = this.text(node, 'note');
    const name = this.text(node, 'name');
    if (!kind || bytes === undefined) return undefined;
    return {
      name: name ?? kind.toUpperCase(),
      kind,
      bytes,
      ...(start !== undefined && { start }),
      ...(note !== undefined && { note }),
    };
  }

  private address(node: JsonNode | undefined): string | undefined {
    if (!node) return undefined;
    const value = node.kind === 'scalar' ? node.value : undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return `0x${value.toString(16)}`;
    if (typeof value === 'string' && /^0x[\da-f]{1,12}$/i.test(value)) return value;
    this.report('error', 'invalid-address', 'An address is a text such as "0x20000000".', node);
    return undefined;
  }
}
