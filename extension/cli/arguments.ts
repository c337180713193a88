import { parseArgs } from 'node:util';
import { findTarget, type MoreTargets, searchTargets } from '../targets/catalogue';
import { similarTargets } from '../targets/similar-targets';
import type { Target } from '../targets/target';
import { comparedRuntime } from '../targets/target-runtimes';
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

/** A target of `check`, with the runtime that it is judged with. */
export interface CheckedChip {
  readonly target: Target;
  readonly onRuntime: RuntimeArguments | undefined;
}

export interface CheckArguments {
  readonly files: readonly string[];
  /** All targets, the first of which is `target`. */
  readonly chips: readonly CheckedChip[];
  readonly target: Target | undefined;
  readonly externalRam: boolean;
  /** Bytes; they replace the target's own limits. */
  readonly maxFlash: number | undefined;
  readonly maxRam: number | undefined;
  /** Milliseconds. */
  readonly maxLatency: number | undefined;
  readonly bindings: ReadonlyMap<string, number>;
  readonly format: CheckFormat;
  readonly onRuntime: RuntimeArguments | undefined;
}

export interface TargetsArguments {
  readonly words: string;
  readonly format: OutputFormat;
}

/**
 * Reads arguments that may name a target: one of the project's own, or a reviewed one; those that name neither are read again with the long tail of
 * devices. What is wrong with the project's target file goes to standard error.
 */
export async function withTargets<Arguments>(io: Io, read: (more: MoreTargets) => Arguments): Promise<Arguments> {
  const own = await readOwnTargets(io);
  try {
    return read({ own });
  } catch (error) {
    const longTail = error instanceof UnknownTargetError ? await io.longTail() : undefined;
    if (!longTail) throw error;
    return read({ own, longTail });
  }
}

/** The targets that the project defines, without those that have an error, which goes to standard error. */
export async function readOwnTargets(io: Io): Promise<readonly Target[]> {
  const file = await io.ownTargets().catch((error: unknown) => {
    throw new UsageError(`the project's target file cannot be read: ${error instanceof Error ? error.message : error}`);
  });
  for (const { file: name, line, column, severity, message } of file?.diagnostics ?? []) {
    io.err(`${name}:${line}:${column}: ${severity}: ${message}\n`);
  }
  return file?.targets ?? [];
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
    target: { type: 'string', short: 't', multiple: true },
    'external-ram': { type: 'boolean' },
    'max-flash': { type: 'string' },
    'max-ram': { type: 'string' },
    'max-latency': { type: 'string' },
    dim: { type: 'string', multiple: true },
    json: { type: 'boolean' },
    jsonl: { type: 'boolean' },
    format: { type: 'string' },
    ...runtimeOptions,
  });
  const targets = (values.target ?? []).flatMap((name) => targetNamed(name, more) ?? []);
  const [target] = targets;
  const onRuntime = (chip: Target | undefined) => runtimeArguments(withUsualRuntime(values, chip), parseSize);
  const maxFlash = parseSize('--max-flash', values['max-flash']);
  const maxRam = parseSize('--max-ram', values['max-ram']);
  if (!target && maxFlash === undefined && maxRam === undefined) {
    throw new UsageError('check needs something to check against: --target ID, --max-flash SIZE or --max-ram SIZE.');
  }
  const maxLatency = parseMilliseconds('--max-latency', values['max-latency']);
  if (maxLatency !== undefined && (!target || values.runtime === undefined)) {
    throw new UsageError('--max-latency needs --target ID and --runtime ID, which a latency depends on.');
  }
  return {
    files: atLeastOne(positionals),
    target,
    externalRam: values['external-ram'] ?? false,
    maxFlash,
    maxRam,
    maxLatency,
    bindings: parseBindings(values.dim ?? []),
    format: checkFormat(values),
    onRuntime: onRuntime(target),
    chips: chipsOf(targets, values).map((chip) => ({ target: chip, onRuntime: onRuntime(chip) })),
  };
}

/** Each target once. Throws UsageError where an option is meant for one target alone. */
function chipsOf(
  targets: readonly Target[],
  values: { readonly [Name in 'max-flash' | 'max-ram' | 'max-latency']?: string | undefined },
): readonly Target[] {
  const chips = targets.filter(({ id }, index) => targets.findIndex((other) => other.id === id) === index);
  const limit = (['max-flash', 'max-ram', 'max-latency'] as const).find((name) => values[name] !== undefined);
  if (chips.length > 1 && limit !== undefined) {
    throw new UsageError(`--${limit} is held against one target; give a single --target with it.`);
  }
  return chips;
}

/** `--runtime usual`: the one that is at home on the target. Throws UsageError without a target. */
function withUsualRuntime<Values extends { readonly runtime?: string | undefined }>(
  values: Values,
  target: Target | undefined,
): Values {
  if (values.runtime !== 'usual') return values;
  const usual = target && comparedRuntime('', target);
  if (!usual) throw new UsageError('--runtime usual needs --target ID.');
  return { ...values, runtime: usual.id };
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

/** Sizes of symbolic dimensions from KEY=N, split at the last `=`: a key may itself hold one. Throws UsageError. */
export function parseBindings(texts: readonly string[]): ReadonlyMap<string, number> {
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
export function parseSize(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?$/i.exec(text.trim());
  const unit = unitBytes[match?.[2]?.toLowerCase() ?? ''];
  const bytes = match && unit !== undefined ? Math.floor(Number(match[1]) * unit) : Number.NaN;
  if (!Number.isSafeInteger(bytes)) throw new UsageError(`${option} "${text}" is not a size such as 256K or 1M.`);
  return bytes;
}

/** 50, 50ms, 1.5s, 200us; milliseconds without a unit. */
function parseMilliseconds(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)\s*(us|µs|ms|s)?$/.exec(text.trim());
  const value = match ? Number(match[1]) * (match[2] === 's' ? 1000 : /^[uµ]s$/.test(match[2] ?? '') ? 0.001 : 1) : 0;
  if (!Number.isFinite(value) || value <= 0)
    throw new UsageError(`${option} "${text}" is not a time such as 50ms or 1.5s.`);
  return value;
}
