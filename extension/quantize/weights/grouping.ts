/** Which elements of a tensor share a scale: all of them, those with one index along an axis, or those of a block along it. */
export type Grouping =
  | { readonly kind: 'tensor' }
  | { readonly kind: 'axis'; readonly axis: number }
  | { readonly kind: 'blocks'; readonly axis: number; readonly size: number };

/** The groups of a tensor of given dimensions. */
export interface Groups {
  readonly count: number;
  /** Dimensions of the tensor of scales, as DequantizeLinear wants it. */
  readonly dims: readonly number[];
  /** Gives the group of each element in turn, from the first on. */
  walk(): () => number;
}

/** The groups that a grouping makes of a tensor. */
export function groupsOf(dims: readonly number[], grouping: Grouping): Groups {
  if (grouping.kind === 'tensor') return { count: 1, dims: [], walk: () => () => 0 };
  const { axis } = grouping;
  const extent = dims[axis] ?? 1;
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  if (grouping.kind === 'axis') {
    return { count: extent, dims: [extent], walk: () => channelWalk(extent, inner) };
  }
  const blocks = Math.ceil(extent / grouping.size);
  const outer = dims.slice(0, axis).reduce((product, dim) => product * dim, 1);
  return {
    count: outer * blocks * inner,
    dims: dims.map((dim, index) => (index === axis ? blocks : dim)),
    walk: () => blockWalk(extent, inner, blocks, grouping.size),
  };
}

function channelWalk(channels: number, run: number): () => number {
  let channel = 0;
  let left = run;
  return () => {
    const current = channel;
    if (--left === 0) {
      left = run;
      channel = current + 1 === channels ? 0 : current + 1;
    }
    return current;
  };
}

function blockWalk(extent: number, inner: number, blocks: number, size: number): () => number {
  let outer = 0;
  let position = 0;
  let column = 0;
  return () => {
    const group = (outer * blocks + Math.floor(position / size)) * inner + column;
    if (++column === inner) {
      column = 0;
      if (++position === extent) {
        position = 0;
        outer++;
      }
    }
    return group;
  };
}
