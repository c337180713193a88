import { svg } from './dom';

export type IconName = 'fits' | 'short' | 'tight' | 'unknown' | 'note' | 'error';

/** A 16-unit icon in the colour of its text. It is hidden from screen readers: a word always stands beside it. */
export function icon(name: IconName): SVGSVGElement {
  return svg('svg', { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, ...shapes(name));
}

function shapes(name: IconName): SVGElement[] {
  const line = { fill: 'none', stroke: 'currentColor' };
  const ring = svg('circle', { cx: 8, cy: 8, r: 7, ...line, 'stroke-width': 1.3 });
  switch (name) {
    case 'fits':
      return [ring, svg('path', { d: 'm4.7 8.3 2.3 2.3 4.4-5', ...line, 'stroke-width': 1.6 })];
    case 'short':
    case 'error':
      return [ring, svg('path', { d: 'm5.3 5.3 5.4 5.4m0-5.4-5.4 5.4', ...line, 'stroke-width': 1.6 })];
    case 'tight':
      return [
        svg('path', { d: 'M8 1.8 15 14H1z', ...line, 'stroke-width': 1.3, 'stroke-linejoin': 'round' }),
        svg('path', { d: 'M8 6v4.2m0 1.2v1.4', ...line, 'stroke-width': 1.5 }),
      ];
    case 'unknown':
      return [
        svg('circle', { cx: 8, cy: 8, r: 6.5, ...line, 'stroke-width': 1.3, 'stroke-dasharray': '2.4 2' }),
        svg('path', { d: 'M4.6 8h6.8', ...line, 'stroke-width': 1.5 }),
      ];
    case 'note':
      return [ring, svg('path', { d: 'M8 7v4.5M8 4.2v1.5', ...line, 'stroke-width': 1.5 })];
  }
}
