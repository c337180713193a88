/** The beginning of an order. */
export interface Partial {
  /** Which operators have run, 16 to a character. */
  readonly key: string;
  readonly count: number;
  /** The most bytes live so far, and the bytes live now. */
  readonly peak: number;
  readonly live: number;
  readonly previous: Partial | undefined;
  /** Operators run since `previous`, in order. */
  readonly ran: readonly number[];
}

/** Operators of a beginning, in order. */
export function orderOf(partial: Partial): readonly number[] {
  const pieces: (readonly number[])[] = [];
  for (let at: Partial | undefined = partial; at; at = at.previous) pieces.push(at.ran);
  return pieces.reverse().flat();
}

/** A binary heap of beginnings: the smallest peak first, then the longest, then the fewest bytes live, then the latest added. */
export class PartialQueue {
  private readonly items: { readonly partial: Partial; readonly serial: number }[] = [];
  private serial = 0;

  add(partial: Partial): void {
    const item = { partial, serial: this.serial++ };
    const { items } = this;
    let child = items.length;
    items.push(item);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const above = items[parent];
      if (!above || !isBefore(item, above)) break;
      items[child] = above;
      child = parent;
    }
    items[child] = item;
  }

  take(): Partial | undefined {
    const { items } = this;
    const [first] = items;
    const last = items.pop();
    if (!first || !last || items.length === 0) return first?.partial;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      const left = items[child];
      if (!left) break;
      const right = items[child + 1];
      let below = left;
      if (right && isBefore(right, left)) {
        below = right;
        child++;
      }
      if (!isBefore(below, last)) break;
      items[parent] = below;
      parent = child;
    }
    items[parent] = last;
    return first.partial;
  }
}

function isBefore(
  a: { readonly partial: Partial; readonly serial: number },
  b: { readonly partial: Partial; readonly serial: number },
): boolean {
  const order = a.partial.peak - b.partial.peak || b.partial.count - a.partial.count || a.partial.live - b.partial.live;
  return order !== 0 ? order < 0 : a.serial > b.serial;
}
