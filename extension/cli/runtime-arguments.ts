import { isSchemeId, type SchemeId } from '../quantize/scheme';
import type { Runtime } from '../runtimes/runtime';
import { allRuntimes, findRuntime } from '../runtimes/runtimes';
import type { Reserves, Target } from '../targets/target';
import { UsageError } from './io';

const precisionIds = ['as-in-file', 'float16', 'int8', 'int8-weights'] as const;

/** The file as it is, as a scheme would write it, or planned in int8 by the runtime. */
export type PrecisionChoice = 'as-in-file' | 'int8' | SchemeId;

/** What `--runtime` and the options that go with it ask for. */
export interface RuntimeArguments {
  readonly runtime: Runtime;
  readonly precision: PrecisionChoice;
  readonly keepFloatInputsAndOutputs: boolean;
  /** Bytes; undefined: what the target says. */
  readonly reserveFlash: number | undefined;
  readonly reserveRam: number | undefined;
}

export const runtimeOptions = {
  runtime: { type: 'string', short: 'r' },
  precision: { type: 'string', short: 'p' },
  'keep-float-io': { type: 'boolean' },
  'reserve-flash': { type: 'string' },
  'reserve-ram': { type: 'string' },
} as const;

type Values = {
  readonly [Name in keyof typeof runtimeOptions]?:
    | ((typeof runtimeOptions)[Name]['type'] extends 'boolean' ? boolean : string)
    | undefined;
};

/** The runtime and its options; undefined without `--runtime`, which the others need. Throws UsageError. */
export function runtimeArguments(
  values: Values,
  parseSize: (option: string, text: string | undefined) => number | undefined,
): RuntimeArguments | undefined {
  if (values.runtime === undefined) {
    for (const name of ['precision', 'keep-float-io', 'reserve-flash', 'reserve-ram'] as const) {
      if (values[name] !== undefined) throw new UsageError(`--${name} needs --runtime ID; see thimble runtimes.`);
    }
    return undefined;
  }
  const runtime = findRuntime(values.runtime);
  if (!runtime) {
    const ids = allRuntimes().map(({ id }) => id);
    throw new UsageError(`unknown runtime "${values.runtime}"; give one of ${ids.join(', ')}.`);
  }
  const { precision = 'as-in-file' } = values;
  if (!isPrecision(precision)) {
    throw new UsageError(`unknown precision "${precision}"; give one of ${precisionIds.join(', ')}.`);
  }
  if (precision === 'int8' && !runtime.precisions.includes('int8')) {
    throw new UsageError(`${runtime.id} runs the number formats of the file; int8 is not planned for it.`);
  }
  const keepFloat = values['keep-float-io'] ?? false;
  return {
    runtime,
    precision,
    keepFloatInputsAndOutputs: keepFloat,
    reserveFlash: parseSize('--reserve-flash', values['reserve-flash']),
    reserveRam: parseSize('--reserve-ram', values['reserve-ram']),
  };
}

/** Bytes that the application keeps: as given, else as the target says. */
export function reservesFor(options: RuntimeArguments, target: Target | undefined): Reserves {
  const own = target?.reserves;
  return {
    flash: options.reserveFlash ?? own?.flash ?? 0,
    ram: options.reserveRam ?? own?.ram ?? 0,
    stack: own?.stack ?? 0,
  };
}

/** `PRECISION on RUNTIME` as the worker asks for it: a scheme is measured through the file it would write. */
export function runtimeRequest(options: RuntimeArguments, target: Target | undefined) {
  const { runtime, precision, keepFloatInputsAndOutputs } = options;
  return {
    runtime: runtime.id,
    ...(isSchemeId(precision) ? { scheme: precision, precision: 'as-in-file' as const } : { precision }),
    ...(keepFloatInputsAndOutputs && { keepFloatInputsAndOutputs }),
    flashReserveBytes: reservesFor(options, target).flash,
  };
}

function isPrecision(text: string): text is PrecisionChoice {
  return precisionIds.some((id) => id === text);
}
