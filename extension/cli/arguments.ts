import { parseArgs } from 'node:util';
import { findTarget, type MoreTargets, searchTargets } from '../targets/catalogue';
import { similarTargets } from '../targets/similar-targets';
import type { Target } from '../targets/target';
import { isReportFormat, type ReportFormat, reportFormats } from './check-formats';
import { type Io, UnknownTargetError, UsageError } from './io';
import { type RuntimeArguments, runtimeArguments, runtimeOptions } from './runtime-arguments';

export type OutputFormat = 'text' | 'json' | 'jsonl' | 'csv' | 'markdown';

export type CheckFormat = 'text' | 'json' | 'jsonl' | ReportFormat;

export interface InspectArguments {
  readonly files: readonly string[];
  readonly target: Target | undefined;
  readonly externalRam: boolean;
  readonly bindings: ReadonlyMap<string, number>;
  readonly format: OutputFormat;
  readonly tensors: boolean;
  /** undefined: the model's data alone, as lower bounds. */
  readonly onRuntime: RuntimeArguments | undefined;
}

export interface CheckArguments {
  readonly files: readonly string[];
  readonly target: Target | undefined;
  readonly externalRam: boolean;
  /** Bytes; they replace the target's own limits. */
  readonly maxFlash: number | undefined;
  readonly maxRam: number | undefined;
  readonly bindings: ReadonlyMap<string, number>;
  readonly format: CheckFormat;
  readonly onRuntime: RuntimeArguments | undefined;
}

export interface TargetsArguments {
  readonly words: string;
  readonly format: OutputFormat;
}

/** Reads arguments; those that name no reviewed target are read again with the long tail of devices. */
export async function withLongTail<Arguments>(io: Io, read: (more: MoreTargets) => Arguments): Promise<Arguments> {
  try {
    return read({});
  } catch (error) {
    const longTail = error instanceof UnknownTargetError ? await io.longTail() : undefined;
    if (!longTail) throw error;
    return read({ longTail });
  }
}

/** The arguments of `inspect`. Throws UsageError, like all of these. */
export function inspectArguments(argv: readonly string[], more: MoreTargets = {}): InspectArguments {
  const { values, positionals } = parse(argv, {
    target: { type: 'string', short: 't' },
    'external-ram': { type: 'boolean' },
    dim: { type: 'string', multiple: true },
    json: { type: 'boolean' },
    jsonl: { type: 'boolean' },
    csv: { type: 'boolean' },
    markdown: { type: 'boolean' },
    tensors: { type: 'boolean' },
    ...runtimeOptions,
  });
  const format = formatOf(values);
  const tensors = values.tensors ?? false;
  if (tensors && format !== 'json' && format !== 'jsonl') throw new UsageError('--tensors needs --json or --jsonl.');
  return {
    files: atLeastOne(positionals),
    target: targetNamed(values.target, more),
    externalRam: values['external-ram'] ?? false,
    bindings: parseBindings(values.dim ?? []),
    format,
    tensors,
    onRuntime: runtimeArguments(values, parseSize),
  };
}

/** The words of `thimble check` as options. Throws UsageError for words it does not have. */
export function checkArguments(argv: readonly string[], more: MoreTargets = {}): CheckArguments {
  const { values, positionals } = parse(argv, {
    target: { type: 'string', short: 't' },
    'external-ram': { type: 'boolean' },
    'max-flash': { type: 'string' },
    'max-ram': { type: 'string' },
    dim: { type: 'string', multiple: true },
    json: { type: 'boolean' },
    jsonl: { type: 'boolean' },
    format: { type: 'string' },
    ...runtimeOptions,
  });
  const target = targetNamed(values.target, more);
  const maxFlash = parseSize('--max-flash', values['max-flash']);
  const maxRam = parseSize('--max-ram', values['max-ram']);
  if (!target && maxFlash === undefined && maxRam === undefined) {
    throw new UsageError('check needs something to check against: --target ID, --max-flash SIZE or --max-ram SIZE.');
  }
  return {
    files: atLeastOne(positionals),
    target,
    externalRam: values['external-ram'] ?? false,
    maxFlash,
    maxRam,
    bindings: parseBindings(values.dim ?? []),
    format: checkFormat(values),
    onRuntime: runtimeArguments(values, parseSize),
  };
}

/** The words of `thimble targets` as options. Throws UsageError for words it does not have. */
export function targetsArguments(argv: readonly string[]): TargetsArguments {
  const { values, positionals } = parse(argv, {
    json: { type: 'boolean' },
    csv: { type: 'boolean' },
    markdown: { type: 'boolean' },
  });
  return { words: positionals.join(' '), format: formatOf(values) };
}

/** The arguments of `runtimes`: whether it writes JSON. */
export function runtimesArguments(argv: readonly string[]): { readonly json: boolean } {
  const { values, positionals } = parse(argv, { json: { type: 'boolean' } });
  if (positionals.length > 0) throw new UsageError('runtimes takes no words; it lists them all.');
  return { json: values.json ?? false };
}

type OptionTable = Record<string, { readonly type: 'string' | 'boolean'; short?: string; multiple?: boolean }>;

/** parseArgs, whose complaints become UsageError. */
export function parse<const Options extends OptionTable>(argv: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    // Only the first line says what is wrong; the others explain how parseArgs reads arguments.
    if (error instanceof TypeError) throw new UsageError(`${error.message.split('\n')[0]}`);
    throw error;
  }
}

/** The model files of a command. Throws UsageError. */
export function atLeastOne(files: readonly string[]): readonly string[] {
  if (files.length === 0) throw new UsageError('give at least one model file.');
  if (files.includes('')) throw new UsageError('a file name is empty.');
  if (files.includes('-')) throw new UsageError('models are read from files, not from standard input.');
  return files;
}

/** `--format NAME`, or its short forms `--json` and `--jsonl`. */
function checkFormat(values: {
  readonly format?: string | undefined;
  readonly json?: boolean | undefined;
  readonly jsonl?: boolean | undefined;
}): CheckFormat {
  const { format, json, jsonl } = values;
  const given = [json && '--json', jsonl && '--jsonl', format !== undefined && '--format'].filter((word) => word);
  if (given.length > 1) throw new UsageError(`give only one of ${given.join(', ')}.`);
  if (format === undefined) return json ? 'json' : jsonl ? 'jsonl' : 'text';
  if (format === 'text' || format === 'json' || format === 'jsonl' || isReportFormat(format)) return format;
  throw new UsageError(`--format "${format}" is not one of text, json, jsonl, ${reportFormats.join(', ')}.`);
}

function formatOf(values: { readonly [Format in Exclude<OutputFormat, 'text'>]?: boolean | undefined }): OutputFormat {
  const chosen = (['json', 'jsonl', 'csv', 'markdown'] as const).filter((format) => values[format]);
  if (chosen.length > 1) throw new UsageError(`give only one of ${chosen.map((format) => `--${format}`).join(', ')}.`);
  return chosen[0] ?? 'text';
}

/** The target of `--target`. Throws UsageError for a name that is not known. */
export function targetNamed(text: string | undefined, more: MoreTargets): Target | undefined {
  if (text === undefined) return undefined;
  if (text.trim() === '') throw new UsageError('--target needs a chip or board; see thimble targets.');
  const target = findTarget(text, more);
  if (target) return target;
  const found = searchTargets(text, more);
  const similar = (found.length > 0 ? found : similarTargets(text)).slice(0, 5);
  const hint = similar.length > 0 ? `did you mean ${similar.map(({ id }) => id).join(', ')}?` : 'see thimble targets.';
  throw new UnknownTargetError(`unknown target "${text}"; ${hint}`);
}

/** KEY=N, split at the last `=`: a key may itself hold one. */
function parseBindings(texts: readonly string[]): ReadonlyMap<string, number> {
  const bindings = new Map<string, number>();
  for (const text of texts) {
    const split = text.lastIndexOf('=');
    const size = split > 0 && /^\d+$/.test(text.slice(split + 1)) ? Number(text.slice(split + 1)) : undefined;
    if (size === undefined || !Number.isSafeInteger(size)) {
      throw new UsageError(`--dim "${text}" is not KEY=N with a whole number N.`);
    }
    const key = text.slice(0, split);
    const earlier = bindings.get(key);
    if (earlier !== undefined && earlier !== size) {
      throw new UsageError(`--dim gives ${key} two sizes, ${earlier} and ${size}.`);
    }
    bindings.set(key, size);
  }
  return bindings;
}

const unitBytes: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** 262144, 256K, 1.5M, 64KiB: K, M and G are powers of 1,024. */
function parseSize(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?$/i.exec(text.trim());
  const unit = unitBytes[match?.[2]?.toLowerCase() ?? ''];
  const bytes = match && unit !== undefined ? Math.floor(Number(match[1]) * unit) : Number.NaN;
  if (!Number.isSafeInteger(bytes)) throw new UsageError(`${option} "${text}" is not a size such as 256K or 1M.`);
  return bytes;
}
