import type { Diagnostic } from '../model/diagnostic';
import type { Model } from '../model/model';
import { findBindables } from './bindings';
import { GraphWalk } from './graph-walk';
import type { ModelShapes } from './model-shapes';

/** The newest opset of ai.onnx whose changes are known. */
const newestOpset = 28;
/** Unbound dimensions that get a note of their own. */
const mostUnboundNotes = 100;

/**
 * Infers the type and shape of every value. `bindings` give sizes for symbolic dimensions by Bindable key.
 * Throws UnknownBinding for a key that the model does not have. Cost is linear in the number of nodes.
 */
export function inferShapes(model: Model, bindings: ReadonlyMap<string, number> = new Map()): ModelShapes {
  const bindables = findBindables(model, bindings);
  const keys = bindables.map(({ key }) => key);
  for (const [key, size] of bindings) {
    if (!keys.includes(key)) throw new UnknownBinding(unknownKey(key, keys));
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new UnknownBinding(`${key}=${size} is no size; give a whole number from 0 on.`);
    }
  }
  const walk = new GraphWalk(model, bindings, new Set(keys));
  const graph = walk.run();
  const diagnostics: Diagnostic[] = [...walk.findings.all()];
  const opset = model.opsets.get('ai.onnx');
  if (opset !== undefined && opset > newestOpset) {
    diagnostics.push({
      severity: 'warning',
      code: 'newer-opset',
      message: `The model uses opset ${opset} of ai.onnx; operators are read as of opset ${newestOpset}, the newest known.`,
    });
  }
  const unbound = bindables.filter(({ value }) => value === undefined);
  for (const { key, inputs } of unbound.slice(0, mostUnboundNotes)) {
    diagnostics.push({
      severity: 'note',
      code: 'unbound-dimension',
      message: `Dimension ${key} of input ${inputs.join(', ')} has no fixed size; totals count it as 1. Bind it to see another.`,
      place: { value: inputs[0] ?? key },
    });
  }
  if (unbound.length > mostUnboundNotes) {
    diagnostics.push({
      severity: 'note',
      code: 'unbound-dimension',
      message: `${unbound.length - mostUnboundNotes} more dimensions have no fixed size and count as 1.`,
    });
  }
  return { graph, bindables, sizeInTotals: (symbol) => bindings.get(symbol) ?? 1, diagnostics };
}

function unknownKey(key: string, keys: readonly string[]): string {
  if (keys.length === 0) return `There is no dimension ${key}: every input of the model has a fixed shape.`;
  return `There is no dimension ${key}; the model has ${keys.join(', ')}.`;
}

/** A binding for a dimension that the model does not have; the message names the valid keys. */
export class UnknownBinding extends Error {
  override readonly name = 'UnknownBinding';
}
