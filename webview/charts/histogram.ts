import { element, setStyle } from '../dom';
import { formatNumber } from '../format';
import { themeColours } from '../theme';

export interface HistogramData {
  readonly name: string;
  readonly elements: number;
  readonly minimum: number;
  readonly maximum: number;
  /** Counts in equal bins from minimum to maximum. */
  readonly histogram: readonly number[];
}

const height = 64;

/** Bars of equal bins with zero marked; the range stands below as text, and the picture has a sentence as its name. */
export function histogram(data: HistogramData): HTMLElement {
  const canvas = element('canvas', { class: 'histogram', attributes: { role: 'img', 'aria-label': sentence(data) } });
  const zero = data.minimum < 0 && data.maximum > 0 ? -data.minimum / (data.maximum - data.minimum) : undefined;
  const zeroLabel = element('span', { class: 'histogram-zero' }, '0');
  if (zero !== undefined) setStyle(zeroLabel, { left: `${zero * 100}%` });
  const root = element(
    'div',
    { class: 'histogram-box' },
    canvas,
    element(
      'div',
      { class: 'histogram-axis small muted' },
      element('span', {}, formatNumber(data.minimum)),
      // Labels at the ends would run into one close to them.
      zero !== undefined && zero > 0.2 && zero < 0.8 && zeroLabel,
      element('span', {}, formatNumber(data.maximum)),
    ),
  );
  new ResizeObserver(() => draw(canvas, data, zero)).observe(root);
  return root;
}

function draw(canvas: HTMLCanvasElement, data: HistogramData, zero: number | undefined): void {
  const context = canvas.getContext('2d');
  const width = canvas.clientWidth;
  if (context === null || width === 0) return;
  const ratio = window.devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.scale(ratio, ratio);
  const colours = themeColours();
  const largest = data.histogram.reduce((most, count) => Math.max(most, count), 1);
  const step = width / data.histogram.length;
  context.globalAlpha = 0.75;
  context.fillStyle = colours['--weights'];
  data.histogram.forEach((count, position) => {
    const bar = count === 0 ? 0 : Math.max(1, (count / largest) * (height - 1));
    context.fillRect(position * step + 0.5, height - 1 - bar, Math.max(1, step - 1), bar);
  });
  context.globalAlpha = 1;
  context.fillStyle = colours['--grid'];
  context.fillRect(0, height - 1, width, 1);
  if (zero !== undefined) context.fillRect(Math.round(zero * width), 0, 1, height);
}

function sentence(data: HistogramData): string {
  const total = data.histogram.reduce((sum, count) => sum + count, 0);
  const largest = data.histogram.reduce((most, count) => Math.max(most, count), 0);
  const bin = data.histogram.indexOf(largest);
  const width = (data.maximum - data.minimum) / Math.max(1, data.histogram.length);
  const from = formatNumber(data.minimum + bin * width);
  const to = formatNumber(data.minimum + (bin + 1) * width);
  const share = total === 0 ? '0' : ((largest / total) * 100).toFixed(1);
  return `Histogram of ${data.name}: from ${formatNumber(data.minimum)} to ${formatNumber(data.maximum)}, most common from ${from} to ${to} with ${share} % of the elements.`;
}
