/** A JSON value with the place of each part: offsets into the text. */
export type JsonNode = JsonObject | JsonArray | JsonScalar;

export interface JsonObject {
  readonly kind: 'object';
  readonly members: readonly JsonMember[];
  readonly start: number;
  readonly end: number;
}

export interface JsonMember {
  readonly key: string;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly value: JsonNode;
}

export interface JsonArray {
  readonly kind: 'array';
  readonly items: readonly JsonNode[];
  readonly start: number;
  readonly end: number;
}

export interface JsonScalar {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  readonly start: number;
  readonly end: number;
}

/** Text that is no JSON; says where. */
export class JsonSyntaxError extends Error {
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
    this.name = 'JsonSyntaxError';
  }
}

const deepest = 64;

/**
 * Reads JSON as editors write it: comments and trailing commas are allowed, a byte order mark is skipped. Throws JsonSyntaxError with
 * the offset of the fault; nesting below 64 levels is one.
 */
export function parseJsonSource(text: string): JsonNode {
  const reader = new JsonReader(text);
  const node = reader.value(0);
  reader.end();
  return node;
}

/** The value of a key; the last one where it is repeated, as JSON.parse has it. */
export function memberOf(node: JsonNode | undefined, key: string): JsonNode | undefined {
  return node?.kind === 'object' ? node.members.findLast((member) => member.key === key)?.value : undefined;
}

/** The string a node is; undefined for anything else. */
export function textOf(node: JsonNode | undefined): string | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const wordPattern = /[A-Za-z]+/y;
const stringPattern = /"(?:[^"\\\r\n]+|\\.)*"/y;
const blankPattern = /(?:\s+|\/\/[^\r\n]*)*/y;

class JsonReader {
  private offset = 0;

  constructor(private readonly text: string) {
    if (text.startsWith('\uFEFF')) this.offset = 1;
  }

  value(depth: number): JsonNode {
    this.skip();
    const start = this.offset;
    if (depth > deepest) throw new JsonSyntaxError('The text is nested too deeply.', start);
    const next = this.text[start];
    if (next === '{') return this.object(depth);
    if (next === '[') return this.array(depth);
    if (next === '"') return { kind: 'scalar', value: this.string(), start, end: this.offset };
    const number = this.match(numberPattern);
    if (number !== undefined) return { kind: 'scalar', value: Number(number), start, end: this.offset };
    const word = this.match(wordPattern);
    const value = word === 'true' ? true : word === 'false' ? false : word === 'null' ? null : undefined;
    if (value === undefined) throw new JsonSyntaxError('A value is expected here.', start);
    return { kind: 'scalar', value, start, end: this.offset };
  }

  end(): void {
    this.skip();
    if (this.offset < this.text.length) throw new JsonSyntaxError('Nothing may follow the value.', this.offset);
  }

  private object(depth: number): JsonObject {
    const start = this.offset;
    const members: JsonMember[] = [];
    this.offset += 1;
    while (!this.closes('}')) {
      const keyStart = this.offset;
      if (this.text[keyStart] !== '"') throw new JsonSyntaxError('A key in double quotes is expected here.', keyStart);
      const key = this.string();
      const keyEnd = this.offset;
      this.skip();
      if (this.text[this.offset] !== ':') throw new JsonSyntaxError('A colon is expected here.', this.offset);
      this.offset += 1;
      members.push({ key, keyStart, keyEnd, value: this.value(depth + 1) });
      this.separator('}');
    }
    return { kind: 'object', members, start, end: this.offset };
  }

  private array(depth: number): JsonArray {
    const start = this.offset;
    const items: JsonNode[] = [];
    this.offset += 1;
    while (!this.closes(']')) {
      items.push(this.value(depth + 1));
      this.separator(']');
    }
    return { kind: 'array', items, start, end: this.offset };
  }

  private closes(bracket: string): boolean {
    this.skip();
    if (this.text[this.offset] !== bracket) return false;
    this.offset += 1;
    return true;
  }

  private separator(bracket: string): void {
    this.skip();
    const next = this.text[this.offset];
    if (next === ',') this.offset += 1;
    else if (next !== bracket) throw new JsonSyntaxError(`A comma or ${bracket} is expected here.`, this.offset);
  }

  private string(): string {
    const start = this.offset;
    const quoted = this.match(stringPattern);
    if (quoted === undefined) throw new JsonSyntaxError('The text in quotes does not end on this line.', start);
    try {
      return String(JSON.parse(quoted));
    } catch {
      throw new JsonSyntaxError('The text holds a character or an escape that JSON does not allow.', start);
    }
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.offset;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.offset += found.length;
    return found;
  }

  private skip(): void {
    for (;;) {
      this.match(blankPattern);
      if (!this.text.startsWith('/*', this.offset)) return;
      const end = this.text.indexOf('*/', this.offset + 2);
      if (end < 0) throw new JsonSyntaxError('The comment does not end.', this.offset);
      this.offset = end + 2;
    }
  }
}
