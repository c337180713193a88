import { type ArenaPlan, type PlannedBuffer, requirePlannable } from './buffers';

export interface UnionPlan extends ArenaPlan {
  /** Indices of the buffers that share each C union, and the bytes of its largest member. */
  readonly unions: readonly { readonly members: readonly number[]; readonly bytes: number }[];
}

/**
 * The C unions that onnx2c shares between tensors (src/optimization_passes/unionize_tensors.cc): in order of birth, every node
 * output takes the free union of lowest index, whatever its size, and frees it when its last reader has run. `buffers` are node
 * outputs in order of nodes and outputs; graph inputs, graph outputs, constants and outputs that nothing reads are no members
 * and are left out by the caller. arenaBytes is the sum over unions of the largest member: what the compiler reserves, but for
 * the padding between unions. Offsets lay the unions end to end. Throws RangeError for impossible buffers.
 */
export function planOnnx2c(buffers: readonly PlannedBuffer[]): UnionPlan {
  requirePlannable(buffers, 1);
  const births = [...buffers.entries()].sort(([, a], [, b]) => a.first - b.first);
  const unions: { readonly members: number[]; bytes: number; busyUntil: number }[] = [];
  for (const [index, { bytes, first, last }] of births) {
    let union = unions.find(({ busyUntil }) => busyUntil < first);
    if (!union) {
      union = { members: [], bytes: 0, busyUntil: last };
      unions.push(union);
    }
    union.members.push(index);
    union.bytes = Math.max(union.bytes, bytes);
    union.busyUntil = last;
  }
  const offsets = new Array<number>(buffers.length).fill(0);
  let arenaBytes = 0;
  for (const { members, bytes } of unions) {
    for (const index of members) offsets[index] = buffers[index]?.bytes ? arenaBytes : 0;
    arenaBytes += bytes;
  }
  return {
    planner: 'onnx2c unions',
    alignment: 1,
    arenaBytes,
    offsets,
    unions: unions.map(({ members, bytes }) => ({ members, bytes })),
  };
}
