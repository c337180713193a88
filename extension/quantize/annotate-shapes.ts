import type { Dim } from '../model/dimension';
import type { Model } from '../model/model';
import type { ModelEdits } from '../onnx/edit';
import type { NewValue } from '../onnx/value-message';
import { inferShapes } from '../shapes/infer-shapes';
import { applyEdits } from './edited-source';
import type { PassReport, QuantizationSource } from './plan';

/**
 * The same edits with a value_info entry for every tensor between the nodes of the main graph that the edited model declares nowhere and whose type and
 * rank are known. A size is a number, or a name that the graph inputs have too; others stay open, since an expression would be taken for a name. Sizes that a person bound are not written: they are no property of the model.
 */
export async function annotateShapes(
  source: QuantizationSource,
  edits: ModelEdits,
): Promise<{ readonly edits: ModelEdits; readonly passes: readonly PassReport[] }> {
  const edited = await applyEdits(source, edits);
  const addedValues = undeclaredValues(edited.source.model);
  if (addedValues.size === 0) return { edits, passes: [] };
  return {
    edits: { ...edits, graph: { ...edits.graph, addedValues } },
    passes: [
      {
        pass: 'shape annotation',
        changes: [`The types and shapes of ${addedValues.size} values between nodes were written into the file.`],
      },
    ],
  };
}

function undeclaredValues(model: Model): ReadonlyMap<string, NewValue> {
  const { graph } = model;
  const { values } = inferShapes(model).graph;
  const declared = new Set([...graph.values.keys(), ...graph.constants.keys()]);
  for (const { name } of [...graph.inputs, ...graph.outputs]) declared.add(name);
  const names = new Set<string>();
  for (const { type } of graph.inputs) {
    for (const dim of (type?.kind === 'tensor' && type.shape) || []) {
      if (dim !== null && typeof dim !== 'number') names.add(dim.text);
    }
  }
  const added = new Map<string, NewValue>();
  for (const { outputs } of graph.nodes) {
    for (const name of outputs) {
      const type = name === '' || declared.has(name) ? undefined : values.get(name)?.type;
      if (type?.kind !== 'tensor' || type.dataType === undefined || type.shape === undefined) continue;
      added.set(name, { dataType: type.dataType, shape: type.shape.map((dim) => sizeOf(dim, names)) });
    }
  }
  return added;
}

function sizeOf(dim: Dim, names: ReadonlySet<string>): number | string | null {
  if (dim === null || typeof dim === 'number') return dim;
  return names.has(dim.text) ? dim.text : null;
}
