import type { Colours } from '../theme';

/** What a line of a chart says at its right end. */
export interface LineLabel {
  /** Pixels from the top. */
  readonly at: number;
  readonly name: string;
  readonly figure: string;
}

const lineHeight = 14;

/** Names and figures beside a plot, from the top down, pushed apart where they would touch. */
export function drawLineLabels(
  ctx: CanvasRenderingContext2D,
  labels: readonly LineLabel[],
  left: number,
  right: number,
  colours: Colours,
): void {
  ctx.fillStyle = colours['--foreground'];
  ctx.textBaseline = 'middle';
  let last = Number.NEGATIVE_INFINITY;
  for (const { at, name, figure } of [...labels].sort((a, b) => a.at - b.at)) {
    const place = Math.max(at, last + lineHeight);
    last = place;
    ctx.strokeStyle = colours['--grid'];
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(left + 1, at);
    ctx.lineTo(left + 6, place);
    ctx.stroke();
    ctx.textAlign = 'right';
    ctx.fillText(figure, right - 1, place);
    const room = right - left - 16 - ctx.measureText(figure).width;
    ctx.textAlign = 'left';
    ctx.fillText(cutText(ctx, name, room), left + 9, place);
  }
}

/** A text cut to a width, an ellipsis in place of its end. */
export function cutText(ctx: CanvasRenderingContext2D, text: string, room: number): string {
  if (ctx.measureText(text).width <= room) return text;
  let shortest = 1;
  let longest = text.length;
  while (longest - shortest > 1) {
    const middle = (shortest + longest) >> 1;
    if (ctx.measureText(`${text.slice(0, middle)}…`).width <= room) shortest = middle;
    else longest = middle;
  }
  return `${text.slice(0, shortest)}…`;
}
