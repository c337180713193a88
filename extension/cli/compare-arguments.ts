import type { MoreTargets } from '../targets/catalogue';
import type { Target } from '../targets/target';
import { parse, parseBindings, parseSize, targetNamed } from './arguments';
import { UsageError } from './io';
import { type RuntimeArguments, runtimeArguments } from './runtime-arguments';

export interface CompareArguments {
  readonly before: string;
  readonly after: string;
  readonly target: Target | undefined;
  readonly externalRam: boolean;
  readonly bindings: ReadonlyMap<string, number>;
  readonly format: 'text' | 'json' | 'markdown';
  /** undefined: the models' data alone, as lower bounds. */
  readonly onRuntime: RuntimeArguments | undefined;
}

/** The arguments of `compare`. Throws UsageError. */
export function compareArguments(argv: readonly string[], more: MoreTargets = {}): CompareArguments {
  const { values, positionals } = parse(argv, {
    target: { type: 'string', short: 't' },
    'external-ram': { type: 'boolean' },
    runtime: { type: 'string', short: 'r' },
    dim: { type: 'string', multiple: true },
    json: { type: 'boolean' },
    markdown: { type: 'boolean' },
  });
  const [before, after, ...others] = positionals;
  if (!before || !after || others.length > 0)
    throw new UsageError('give two model files, the one before and the one after.');
  if (values.json && values.markdown) throw new UsageError('give only one of --json, --markdown.');
  return {
    before,
    after,
    target: targetNamed(values.target, more),
    externalRam: values['external-ram'] ?? false,
    bindings: parseBindings(values.dim ?? []),
    format: values.json ? 'json' : values.markdown ? 'markdown' : 'text',
    onRuntime: runtimeArguments({ runtime: values.runtime }, parseSize),
  };
}
