import type { Model, Tensor } from '../model/model';
import { collectScopes, type Scope, weightRole } from './weight-uses';
import type { LeftWeight } from './weights/plan-weights';

/** Float weights inside subgraphs and functions, which schemes that change how nodes compute do not enter. */
export function weightsInBodies(model: Model, scheme: string): readonly LeftWeight[] {
  const scopes = collectScopes(model);
  return scopes.flatMap((scope) =>
    scope.path.length === 0
      ? []
      : floatWeights(model, scopes, scope).map((name) => ({
          name,
          reason: `It stands in ${scope.path.join(' / ')}, whose nodes ${scheme} leaves in float.`,
        })),
  );
}

/** Float weights of the main graph that are not among `converted`, with the node that computes with them. */
export function weightsInFloat(
  model: Model,
  scheme: string,
  { converted, excluded }: { readonly converted: ReadonlySet<string>; readonly excluded: ReadonlySet<string> },
): readonly LeftWeight[] {
  const scopes = collectScopes(model);
  const [main] = scopes;
  if (!main) return [];
  return floatWeights(model, scopes, main).flatMap((name): LeftWeight[] => {
    if (converted.has(name)) return [];
    const user = main.uses.get(name)?.find(({ node }) => node !== undefined)?.node;
    const node = user?.name || (user?.outputs[0] ?? '');
    if (excluded.has(node)) return [{ name, reason: 'It belongs to a node that was left out.' }];
    const computing = user ? `${user.opType} ${node}` : 'What takes it';
    return [{ name, reason: `${computing} computes in float; ${scheme} has no form of it.` }];
  });
}

function floatWeights(model: Model, scopes: readonly Scope[], scope: Scope): string[] {
  const constants: [string, Tensor][] = [...scope.graph.constants];
  for (const { opType, domain, attributes, outputs } of scope.graph.nodes) {
    const value = opType === 'Constant' && domain === 'ai.onnx' ? attributes.get('value') : undefined;
    if (value?.kind === 'tensor' && outputs[0] !== undefined) constants.push([outputs[0], value.value]);
  }
  return constants.flatMap(([name, { dataType, dims, elementCount }]) =>
    dataType === 'FLOAT' && elementCount > 1 && weightRole(scopes, model, scope, name, dims.length).axes.size > 0
      ? [name]
      : [],
  );
}
