import type { Plugin } from 'chart.js';
import type { FigureKind } from '../../extension/targets/verdict';
import { formatBytes, formatLimit } from '../format';
import { pageFont, themeColours } from '../theme';
import { hatch } from './hatch';
import { drawLineLabels, type LineLabel } from './line-labels';
import type { TimelineData } from './timeline';

/** A level drawn across the chart. `planned` is dashed, `bound` dotted. */
export interface TimelineLine {
  readonly bytes: number;
  readonly name: string;
  readonly style: 'planned' | 'bound';
  readonly kind: FigureKind;
}

/** True where the limit is near enough to be drawn without flattening the rest. */
export function inScale({ limit, liveBytes, peakStep, baseBytes, lines }: TimelineData): boolean {
  const highest = Math.max(baseBytes + (liveBytes[peakStep] ?? 0), ...lines.map(({ bytes }) => bytes));
  return limit !== undefined && limit.bytes <= highest * 3;
}

/** Room beside the plot for the names of the lines and their figures. */
export function labelWidth(data: TimelineData): number {
  const names = [...data.lines.map(({ name }) => name), inScale(data) ? (data.limit?.name ?? '') : ''];
  const longest = Math.max(...names.map((name) => name.length));
  return Math.min(200, Math.max(112, 72 + longest * 6.6));
}

/** The chip's RAM, what of it is reserved, and the other levels as lines with their figures at the right; the peak as an outline. */
export function timelineMarks(data: TimelineData): Plugin<'line'> {
  return {
    id: 'limit-and-peak',
    afterDatasetsDraw(chart) {
      const { ctx, chartArea } = chart;
      const x = chart.scales['x'];
      const y = chart.scales['y'];
      if (x === undefined || y === undefined) return;
      const colours = themeColours();
      const { baseBytes, limit } = data;
      const peak = baseBytes + (data.liveBytes[data.peakStep] ?? 0);
      const labels: LineLabel[] = [];
      const across = (bytes: number, colour: string, width: number, dashes: readonly number[]): void => {
        const at = y.getPixelForValue(bytes);
        ctx.strokeStyle = colour;
        ctx.lineWidth = width;
        ctx.setLineDash([...dashes]);
        ctx.beginPath();
        ctx.moveTo(chartArea.left, at);
        ctx.lineTo(chartArea.right, at);
        ctx.stroke();
        ctx.setLineDash([]);
      };
      const label = (bytes: number, name: string, figure: string): void => {
        labels.push({ at: y.getPixelForValue(bytes), name, figure });
      };
      const colourOf = (style: TimelineLine['style'], bytes: number): string => {
        if (style === 'bound') return colours['--foreground'];
        return limit && bytes > limit.bytes - limit.reserveBytes ? colours['--error'] : colours['--activations'];
      };
      ctx.save();
      ctx.font = `11px ${pageFont()}`;
      ctx.textBaseline = 'middle';
      ctx.strokeStyle = colours['--foreground'];
      ctx.lineWidth = 1.5;
      const left = x.getPixelForValue(data.peakStep);
      const top = y.getPixelForValue(peak);
      ctx.strokeRect(
        left,
        top,
        Math.max(2, x.getPixelForValue(data.peakStep + 1) - left),
        y.getPixelForValue(baseBytes) - top,
      );
      if (!data.lines.some(({ bytes }) => bytes === peak)) label(peak, 'peak', formatBytes(peak));
      if (limit && inScale(data)) {
        const usable = limit.bytes - limit.reserveBytes;
        if (limit.reserveBytes > 0) {
          const upper = y.getPixelForValue(limit.bytes);
          ctx.fillStyle = hatch(ctx, 'transparent', colours['--muted']);
          ctx.fillRect(chartArea.left, upper, chartArea.right - chartArea.left, y.getPixelForValue(usable) - upper);
          across(usable, colours['--foreground'], 1, []);
          label(usable, 'less reserve', formatBytes(usable));
        }
        across(
          limit.bytes,
          data.lines.length === 0 && peak > usable ? colours['--error'] : colours['--foreground'],
          1.5,
          [],
        );
        label(limit.bytes, limit.name, formatLimit(limit.bytes));
      }
      for (const { bytes, name, style, kind } of data.lines) {
        across(bytes, colourOf(style, bytes), style === 'planned' ? 1.5 : 1, style === 'planned' ? [5, 3] : [1, 3]);
        label(bytes, name, `${kind === 'estimated' ? '~' : ''}${formatBytes(bytes)}`);
      }
      drawLineLabels(ctx, labels, chartArea.right, chart.width, colours);
      if (limit && !inScale(data)) {
        ctx.fillStyle = colours['--foreground'];
        ctx.textAlign = 'right';
        ctx.fillText(
          `↑ ${limit.name} has ${formatLimit(limit.bytes)}, above this scale`,
          chartArea.right - 4,
          chartArea.top + 8,
        );
      }
      ctx.restore();
    },
  };
}
