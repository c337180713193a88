export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Placed<Item> extends Rectangle {
  readonly item: Item;
}

/**
 * Fills a rectangle with one cell per item, areas in proportion to their values and cells as square as possible.
 * Method: Bruls, Huizing, van Wijk, "Squarified treemaps", 2000. Items without a positive value are left out.
 */
export function squarify<Item extends { readonly value: number }>(
  items: readonly Item[],
  area: Rectangle,
): Placed<Item>[] {
  const waiting = items.filter((item) => item.value > 0).sort((a, b) => b.value - a.value);
  let left = waiting.reduce((sum, item) => sum + item.value, 0);
  let { x, y, width, height } = area;
  const placed: Placed<Item>[] = [];
  let next = 0;
  while (next < waiting.length && width > 0 && height > 0) {
    const side = Math.min(width, height);
    const unit = (width * height) / left;
    const end = rowEnd(waiting, next, side, unit);
    const row = waiting.slice(next, end);
    const sum = row.reduce((total, item) => total + item.value, 0);
    const thickness = (sum * unit) / side;
    let offset = 0;
    for (const item of row) {
      const length = (item.value * unit) / thickness;
      placed.push(
        width < height
          ? { item, x: x + offset, y, width: length, height: thickness }
          : { item, x, y: y + offset, width: thickness, height: length },
      );
      offset += length;
    }
    if (width < height) {
      y += thickness;
      height -= thickness;
    } else {
      x += thickness;
      width -= thickness;
    }
    left -= sum;
    next = end;
  }
  return placed;
}

/** Takes items into a row along the short side as long as its worst aspect ratio gets better. */
function rowEnd(items: readonly { readonly value: number }[], start: number, side: number, unit: number): number {
  const largest = items[start]?.value ?? 0;
  let sum = 0;
  let worst = Number.POSITIVE_INFINITY;
  let end = start;
  for (; end < items.length; end++) {
    const smallest = items[end]?.value ?? 0;
    const total = (sum + smallest) * unit;
    const ratio = Math.max(
      (side * side * largest * unit) / (total * total),
      (total * total) / (side * side * smallest * unit),
    );
    if (ratio > worst) break;
    worst = ratio;
    sum += smallest;
  }
  return Math.max(end, start + 1);
}
