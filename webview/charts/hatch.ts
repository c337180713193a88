const side = 6;

/** Slanting lines for a canvas: the second cue beside colour. `ground` may be transparent. */
export function hatch(ctx: CanvasRenderingContext2D, ground: string, line: string): CanvasPattern | string {
  const tile = document.createElement('canvas');
  const scale = window.devicePixelRatio || 1;
  tile.width = Math.round(side * scale);
  tile.height = Math.round(side * scale);
  const pen = tile.getContext('2d');
  if (pen === null) return ground;
  pen.scale(tile.width / side, tile.height / side);
  pen.fillStyle = ground;
  pen.fillRect(0, 0, side, side);
  pen.strokeStyle = line;
  pen.lineWidth = 1;
  for (const shift of [-side, 0, side]) {
    pen.beginPath();
    pen.moveTo(shift - 1, side + 1);
    pen.lineTo(shift + side + 1, -1);
    pen.stroke();
  }
  const pattern = ctx.createPattern(tile, 'repeat');
  pattern?.setTransform(new DOMMatrix().scale(1 / scale));
  return pattern ?? ground;
}
