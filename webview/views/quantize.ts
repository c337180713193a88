import { element } from '../dom';
import { icon } from '../icons';
import { Foot } from '../quantize/foot';
import { Frontier } from '../quantize/frontier';
import { Part } from '../quantize/part';
import { Sensitivity } from '../quantize/sensitivity';
import { sizes } from '../quantize/sizes';
import { Steps } from '../quantize/steps';
import type { QuantizeState } from '../quantize-protocol';
import type { Store } from '../store';
import type { View } from './view';

/** From a chip to a file: steps at the left, what follows from them in the middle, layers at the right, the decision below. */
export class QuantizeView implements View {
  readonly root: HTMLElement;
  private readonly scroll: HTMLElement;
  private readonly waiting = element(
    'p',
    { class: 'muted', attributes: { role: 'status' } },
    'Estimating the schemes…',
  );
  private readonly content: HTMLElement;
  private readonly warning = new Part(element('div'));
  private readonly sizes = new Part(element('div'));
  private readonly steps: Steps;
  private readonly frontier: Frontier;
  private readonly sensitivity: Sensitivity;
  private readonly foot: Foot;

  constructor(private readonly store: Store) {
    this.steps = new Steps(store);
    this.frontier = new Frontier(store);
    this.sensitivity = new Sensitivity(store);
    this.foot = new Foot(store);
    this.content = element(
      'div',
      { class: 'quantize' },
      this.steps.root,
      element('div', { class: 'quantize-middle' }, element('section', {}, this.sizes.root), this.frontier.root),
      this.sensitivity.root,
    );
    this.scroll = element(
      'div',
      { class: 'scroll quantize-scroll', attributes: { tabindex: -1 } },
      this.waiting,
      this.content,
    );
    this.root = element('div', { class: 'quantize-view' }, this.warning.root, this.scroll, this.foot.root);
    this.scroll.addEventListener(
      'scroll',
      () => store.remember({ scroll: { ...store.memory.scroll, quantize: this.scroll.scrollTop } }),
      { passive: true },
    );
  }

  draw(): void {
    const state = this.store.quantize;
    this.waiting.hidden = state !== undefined;
    this.content.hidden = state === undefined;
    this.foot.root.hidden = state === undefined;
    if (!state) return;
    this.warning.draw(state.data.source, () => randomWarning(state));
    this.sizes.draw([state.file, state.plan], () => sizes(state));
    this.steps.draw(state);
    this.frontier.draw(state);
    this.sensitivity.draw(state);
    this.foot.draw(state);
  }

  shown(): void {
    this.store.send({ type: 'quantize-shown' });
    this.scroll.scrollTop = this.store.memory.scroll.quantize ?? 0;
  }

  selectionChanged(): void {
    this.sensitivity.selectionChanged();
  }

  focus(): void {
    if (this.store.quantize) this.steps.focus();
    else this.scroll.focus();
  }
}

function randomWarning({ data }: QuantizeState) {
  return (
    data.source === 'random' &&
    element(
      'div',
      { class: 'warning-bar', attributes: { role: 'alert' } },
      icon('tight'),
      element(
        'span',
        {},
        element('b', { class: 'strong' }, 'Random inputs. '),
        'Ranges and dB come from made-up numbers: they show sizes and the way, not what the model will do. Choose calibration data in step 3 before the file is used.',
      ),
    )
  );
}
