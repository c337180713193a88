import type { Tensor } from '../../model/model';
import { type ModelBytes, readTensorChunks } from '../../onnx/tensor-data';
import { GraphChange } from '../graph-change';
import { GraphView } from '../graph-view';
import type { PreparationPass } from './pass';

/** What is compared first, so that tensors that differ at once are not read to the end. */
const headBytes = 240;

/** Lets nodes of the main graph share initializers that hold the same elements. */
export const mergeInitializers: PreparationPass = {
  name: 'duplicate initializers',
  async plan({ model, bytes }) {
    const view = new GraphView(model);
    const replacements = new Map<string, string>();
    for (const group of await equalGroups(candidates(view), bytes)) {
      const [kept, ...others] = group;
      for (const other of others) if (kept) replacements.set(other.name, kept.name);
    }
    if (replacements.size === 0) return undefined;
    const change = new GraphChange(view);
    for (const node of model.graph.nodes) change.renameIn(node.index, { inputs: (name) => replacements.get(name) });
    const edits = change.edits();
    const changes = Array.from(
      replacements,
      ([name, kept]) => `${name} holds what ${kept} holds and was merged into it.`,
    );
    return edits && { edits, changes };
  },
};

/** Initializers that only nodes of the main graph take. */
function candidates(view: GraphView): Tensor[] {
  const names = [...view.graph.constants.keys()];
  return names.flatMap((name) => {
    const tensor = view.constant(name);
    const isFree = tensor && tensor.dataType !== 'STRING' && tensor.byteLength > 0;
    return isFree && !view.isOutput(name) && !view.isCaptured(name) && view.uses(name).length > 0 ? [tensor] : [];
  });
}

async function equalGroups(tensors: readonly Tensor[], bytes: ModelBytes): Promise<Tensor[][]> {
  const kinds = grouped(tensors, ({ dataTypeCode, dims }) => `${dataTypeCode};${dims.join()}`);
  const result: Tensor[][] = [];
  for (const kind of kinds) {
    const heads = new Map<Tensor, string>();
    for (const tensor of kind) heads.set(tensor, await head(tensor, bytes));
    for (const group of grouped(kind, (tensor) => heads.get(tensor) ?? '')) {
      for (const equal of await splitEqual(group, bytes)) result.push(equal);
    }
  }
  return result;
}

/** Groups of at least two, in the order of their first members. */
function grouped(tensors: readonly Tensor[], key: (tensor: Tensor) => string): Tensor[][] {
  const groups = new Map<string, Tensor[]>();
  for (const tensor of tensors) {
    const group = groups.get(key(tensor));
    if (group) group.push(tensor);
    else groups.set(key(tensor), [tensor]);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

async function head(tensor: Tensor, bytes: ModelBytes): Promise<string> {
  for await (const chunk of readTensorChunks(tensor, bytes, headBytes)) return chunk.join();
  return '';
}

/** Each tensor is compared with the first of every group so far; most groups differ in their heads already. */
async function splitEqual(tensors: readonly Tensor[], bytes: ModelBytes): Promise<Tensor[][]> {
  const groups: Tensor[][] = [];
  for (const tensor of tensors) {
    let home: Tensor[] | undefined;
    for (const group of groups) {
      if (!home && group[0] && (await areEqual(group[0], tensor, bytes))) home = group;
    }
    if (home) home.push(tensor);
    else groups.push([tensor]);
  }
  return groups.filter((group) => group.length > 1);
}

async function areEqual(left: Tensor, right: Tensor, bytes: ModelBytes): Promise<boolean> {
  if (left.byteLength <= headBytes) return true;
  const others = readTensorChunks(right, bytes)[Symbol.asyncIterator]();
  try {
    for await (const chunk of readTensorChunks(left, bytes)) {
      const { value } = await others.next();
      if (!value || value.length !== chunk.length || !chunk.every((byte, index) => byte === value[index])) return false;
    }
    return true;
  } finally {
    await others.return(undefined);
  }
}
