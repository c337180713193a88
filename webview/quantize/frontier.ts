import { type Child, element } from '../dom';
import { formatCount, formatDecibels, formatQuantity, notApplicable } from '../format';
import { figureTip, markedBytes, measuredMark } from '../kinds';
import type { FrontierPoint, QuantizeState } from '../quantize-protocol';
import type { Store } from '../store';
import { FrontierChart } from './frontier-chart';
import { Part } from './part';

/** The plans that mix schemes: as a chart or a table, with what is measured so far. */
export class Frontier {
  readonly root = element('section', { class: 'frontier' });
  private readonly part = new Part(this.root);
  private readonly chart: FrontierChart;
  private latest: QuantizeState | undefined;

  constructor(private readonly store: Store) {
    this.chart = new FrontierChart({
      choose: (index) => store.send({ type: 'quantize-change', change: { kind: 'plan', index } }),
      setBudget: (bytes) => store.send({ type: 'quantize-change', change: { kind: 'budget', memory: 'flash', bytes } }),
    });
  }

  draw(state: QuantizeState): void {
    this.latest = state;
    const { frontier, data, sensitivity, paused, flashBudget } = state;
    const { frontierAsTable } = this.store.memory;
    const isEmpty = frontier.points.length === 0;
    const table = frontierAsTable && frontier;
    this.part.draw(
      [
        isEmpty,
        data.source,
        data.problem,
        sensitivity.kind === 'ready' ? '' : sensitivity,
        paused,
        table,
        headOf(state),
      ],
      () => [
        this.head(state),
        isEmpty ? this.empty(state) : frontierAsTable ? this.table(frontier.points, frontier.shown) : this.chart.root,
      ],
    );
    if (!isEmpty) this.chart.draw({ ...frontier, budget: flashBudget.bytes });
  }

  private head(state: QuantizeState): Child {
    const { frontier } = state;
    const { frontierAsTable } = this.store.memory;
    const isEmpty = frontier.points.length === 0;
    return element(
      'h2',
      {},
      'Frontier',
      element('span', { class: 'muted' }, headOf(state)),
      isMeasuring(state) && this.link('cancel', 'Cancel'),
      !isEmpty && isStopped(state) && this.link('measure', 'Go on'),
      !isEmpty && !frontierAsTable && element('span', { class: 'small muted right wide-only' }, 'drag the ring'),
      !isEmpty &&
        element(
          'button',
          {
            class: `link${frontierAsTable ? ' right' : ''}`,
            key: 'frontier-as-table',
            attributes: { type: 'button', 'aria-pressed': frontierAsTable ? 'true' : 'false' },
            on: {
              click: () => {
                this.store.remember({ frontierAsTable: !frontierAsTable });
                if (this.latest) this.draw(this.latest);
              },
            },
          },
          frontierAsTable ? 'Show as chart' : 'Show as table',
        ),
    );
  }

  private link(action: 'cancel' | 'measure', text: string): HTMLElement {
    return element(
      'button',
      {
        class: 'link',
        key: `frontier-${action}`,
        attributes: { type: 'button' },
        on: { click: () => this.store.send({ type: 'quantize-do', action }) },
      },
      text,
    );
  }

  private empty({ data, sensitivity, paused }: QuantizeState): Child {
    if (data.source === 'none' || data.problem !== undefined) {
      return element(
        'p',
        { class: 'muted' },
        'With calibration data, plans that mix precisions are made here, each measured end to end.',
      );
    }
    if (sensitivity.kind === 'failed') return element('p', { class: 'error' }, sensitivity.reason);
    if (sensitivity.kind === 'running' && !paused) {
      const { done, total } = sensitivity;
      return element(
        'p',
        { class: 'muted' },
        total > 0
          ? `Measuring each layer alone: ${formatCount(done)} of ${formatCount(total)}.`
          : 'Measuring each layer alone…',
      );
    }
    return element(
      'button',
      {
        class: 'button secondary',
        key: 'frontier-start',
        attributes: { type: 'button' },
        on: { click: () => this.store.send({ type: 'quantize-do', action: 'measure' }) },
      },
      'Measure layers and plans',
    );
  }

  private table(points: readonly FrontierPoint[], shown: number | undefined): Child {
    const order = points
      .map((point, index) => ({ point, index }))
      .sort((a, b) => a.point.flashBytes - b.point.flashBytes);
    return element(
      'div',
      {
        class: 'step-table',
        key: 'frontier-table',
        attributes: { tabindex: 0, role: 'group', 'aria-label': 'Plans by flash' },
      },
      element(
        'table',
        { class: 'dense' },
        element(
          'thead',
          {},
          element(
            'tr',
            {},
            element('th', { attributes: { scope: 'col' } }, 'Plan'),
            element('th', { class: 'number', attributes: { scope: 'col' } }, 'Flash'),
            element('th', { class: 'number', attributes: { scope: 'col' } }, 'RAM'),
            element('th', { class: 'number', attributes: { scope: 'col' } }, 'Output dB', measuredMark()),
          ),
        ),
        element(
          'tbody',
          {},
          order.map(({ point, index }) =>
            element(
              'tr',
              { class: index === shown ? 'peak-row' : '' },
              element(
                'td',
                {},
                element(
                  'button',
                  {
                    class: 'link plain',
                    key: `plan-${index}`,
                    attributes: { type: 'button', 'aria-pressed': index === shown ? 'true' : 'false' },
                    on: {
                      click: () => this.store.send({ type: 'quantize-change', change: { kind: 'plan', index } }),
                    },
                  },
                  point.words,
                ),
              ),
              element(
                'td',
                { class: 'number', tip: figureTip(point.flashBytes, point.flashKind) },
                markedBytes(point.flashBytes, point.flashKind, true),
              ),
              element(
                'td',
                { class: 'number', tip: figureTip(point.ramBytes, point.ramKind) },
                markedBytes(point.ramBytes, point.ramKind, true),
              ),
              element('td', { class: 'number' }, tableError(point)),
            ),
          ),
        ),
      ),
    );
  }
}

function tableError({ measurement }: FrontierPoint): string {
  if (measurement.kind !== 'ready') return measurement.kind === 'running' ? '…' : notApplicable;
  return measurement.value.sqnrDb === undefined ? 'no error' : formatDecibels(measurement.value.sqnrDb);
}

function measuredCount({ frontier }: QuantizeState): number {
  return frontier.points.filter(({ measurement }) => measurement.kind === 'ready' || measurement.kind === 'failed')
    .length;
}

function isMeasuring(state: QuantizeState): boolean {
  const { frontier, sensitivity, paused } = state;
  const pending =
    sensitivity.kind === 'running' || (frontier.points.length > 0 && measuredCount(state) < frontier.points.length);
  return !paused && frontier.running && pending;
}

function isStopped(state: QuantizeState): boolean {
  return !isMeasuring(state) && measuredCount(state) < state.frontier.points.length;
}

function headOf(state: QuantizeState): string {
  const { points } = state.frontier;
  if (points.length === 0) return '';
  const done = measuredCount(state);
  if (done === points.length) return `${formatQuantity(points.length, 'plan')}, each measured end to end`;
  return `${formatCount(done)} of ${formatCount(points.length)} measured${isStopped(state) ? ', stopped' : ''}`;
}
