import { append, type Child, element, redraw, setAttributes } from './dom';
import { formatBytes, formatCount, formatExactBytes, formatMacs } from './format';
import { type IconName, icon } from './icons';
import { meters } from './meters';
import type { PageState } from './protocol';
import { type Store, type TabName, tabNames } from './store';

const tabTitles: Readonly<Record<TabName, string>> = {
  summary: 'Summary',
  layers: 'Layers',
  memory: 'Memory',
  quantize: 'Quantize',
  compare: 'Compare',
};

/** Shape and colour of a verdict; the sentence beside them says it in words. */
const verdictLooks = {
  'does-not-fit': ['short', 'error'],
  'cannot-run': ['unknown', 'muted'],
  'model-data-fits': ['fits', 'good'],
  fits: ['fits', 'good'],
  tight: ['tight', 'warning'],
  unknown: ['unknown', 'muted'],
} as const satisfies Readonly<Record<string, readonly [IconName, string]>>;

/** The part of the page that never scrolls away: what the model is, what it is held against, whether it fits, and the tabs. */
export class Header {
  readonly root: HTMLElement;
  private readonly name = element('h1');
  private readonly facts = element('span', { class: 'facts ellipsis' });
  private readonly compare: HTMLButtonElement;
  private readonly quantize: HTMLButtonElement;
  private readonly target: HTMLButtonElement;
  private readonly core = element('span', { class: 'hint muted small' });
  private readonly runtime: HTMLSelectElement;
  private readonly runtimePicker: HTMLElement;
  private readonly precision: HTMLSelectElement;
  private readonly bindings = element('span', { class: 'bindings' });
  private readonly verdictIcon = element('span', { class: 'verdict-icon' });
  private readonly verdict = element('span', { attributes: { role: 'status', 'aria-live': 'polite' } });
  private readonly meters = element('div', { class: 'meters' });
  private readonly controls: HTMLElement;
  private readonly verdictLine: HTMLElement;
  private readonly tabs: HTMLElement;
  private readonly selected = element('span', { class: 'selection-note muted small ellipsis' });
  private readonly progress = element('div', {
    class: 'progress',
    attributes: { role: 'progressbar', 'aria-label': 'Reading the model' },
  });
  private said = '';

  constructor(private readonly store: Store) {
    this.compare = element(
      'button',
      {
        class: 'button secondary',
        attributes: { type: 'button' },
        on: { click: () => store.send({ type: 'compare-ask', side: 'after' }) },
      },
      'Compare with…',
    );
    this.quantize = element(
      'button',
      { class: 'button', attributes: { type: 'button' }, on: { click: () => this.startQuantize() } },
      'Quantize for target…',
    );
    this.target = element('button', {
      class: 'dropdown',
      attributes: { type: 'button', id: 'target', 'aria-haspopup': 'dialog' },
      on: { click: () => store.send({ type: 'choose-target' }) },
    });
    this.runtime = element('select', {
      attributes: { id: 'runtime' },
      on: { change: () => store.send({ type: 'set-runtime', runtime: this.runtime.value || undefined }) },
    });
    this.runtimePicker = element(
      'span',
      { class: 'picker' },
      element('label', { attributes: { for: 'runtime' } }, 'Runtime'),
      this.runtime,
    );
    this.precision = element('select', {
      attributes: { id: 'precision' },
      on: { change: () => this.choosePrecision() },
    });
    this.controls = element(
      'div',
      { class: 'controls' },
      element(
        'span',
        { class: 'picker' },
        element('label', { attributes: { for: 'target' } }, 'Target'),
        this.target,
        this.core,
      ),
      this.runtimePicker,
      element(
        'span',
        { class: 'picker' },
        element('label', { attributes: { for: 'precision' } }, 'Precision'),
        this.precision,
      ),
      this.bindings,
    );
    this.verdictLine = element('div', { class: 'verdict' }, this.verdictIcon, this.verdict);
    this.tabs = element(
      'div',
      {
        class: 'tabs',
        attributes: { role: 'tablist', 'aria-label': 'Views' },
        on: { keydown: (event) => this.moveTab(event) },
      },
      tabNames.map((tab) =>
        element(
          'button',
          {
            attributes: { type: 'button', role: 'tab', id: `tab-${tab}`, 'aria-controls': 'view' },
            on: { click: () => store.openTab(tab) },
          },
          tabTitles[tab],
        ),
      ),
    );
    this.root = element(
      'header',
      { class: 'header' },
      element('div', { class: 'title' }, this.name, this.facts, this.compare, this.quantize),
      this.controls,
      this.verdictLine,
      this.meters,
      element('div', { class: 'tab-line' }, this.tabs, this.selected),
      this.progress,
    );
    this.drawTabs();
    this.drawStatus();
  }

  /** Everything that follows from the host's state. */
  draw(): void {
    const { state, failure } = this.store;
    this.drawStatus();
    const shown = state !== undefined && failure === undefined;
    for (const part of [this.controls, this.verdictLine, this.meters, this.compare, this.quantize, this.facts])
      part.hidden = !shown;
    this.tabs.hidden = failure !== undefined;
    if (!shown) {
      this.selected.hidden = true;
      return;
    }
    this.facts.replaceChildren();
    append(this.facts, factsOf(state));
    this.target.textContent = state.target?.name ?? 'Choose a chip…';
    this.core.textContent = targetWords(state.target);
    this.drawRuntime(state);
    this.drawPrecision(state);
    this.drawBindings(state);
    this.drawVerdict(state);
    this.meters.classList.toggle('counted', state.runtimeFootprint !== undefined);
    redraw(this.meters, meters(state));
    this.drawSelection();
    // Only where the page has the focus already: an editor opened beside must not take it.
    if (state.target === undefined && document.hasFocus() && document.activeElement === document.body)
      this.target.focus();
  }

  /** File name and progress line. */
  drawStatus(): void {
    this.name.textContent = this.store.fileName;
    setAttributes(this.name, { 'data-tip': this.store.fileName || undefined });
    this.progress.classList.toggle('running', this.store.busy);
    setAttributes(this.progress, { 'aria-hidden': this.store.busy ? 'false' : 'true' });
  }

  drawTabs(): void {
    for (const tab of tabNames) {
      const current = tab === this.store.memory.tab;
      const button = this.tabButton(tab);
      if (button) setAttributes(button, { 'aria-selected': current ? 'true' : 'false', tabindex: current ? 0 : -1 });
    }
  }

  drawSelection(): void {
    const layer = this.store.selectedLayer;
    this.selected.hidden = layer === undefined;
    this.selected.textContent = layer === undefined ? '' : `Selected: ${layer.name}`;
  }

  /** Puts the focus on the current tab. */
  focus(): void {
    this.tabButton(this.store.memory.tab)?.focus();
  }

  private tabButton(tab: TabName): HTMLElement | null {
    return this.tabs.querySelector<HTMLElement>(`#tab-${tab}`);
  }

  private moveTab(event: KeyboardEvent): void {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0) return;
    const now = tabNames.indexOf(this.store.memory.tab);
    const next = tabNames[(now + by + tabNames.length) % tabNames.length];
    if (next === undefined) return;
    event.preventDefault();
    this.store.openTab(next);
    this.focus();
  }

  private startQuantize(): void {
    const precision = this.store.state?.precision ?? 'as-in-file';
    this.store.openTab('quantize');
    this.focus();
    if (precision !== 'as-in-file' && precision !== 'plan') {
      this.store.send({ type: 'quantize-change', change: { kind: 'scheme', id: precision } });
    }
  }

  private choosePrecision(): void {
    const scheme = this.store.state?.schemes.find((row) => row.id === this.precision.value);
    const precision = this.precision.value === 'plan' ? 'plan' : (scheme?.id ?? 'as-in-file');
    this.store.send({ type: 'set-precision', precision });
  }

  private drawRuntime({ runtime, runtimes = [] }: PageState): void {
    const known = runtime === undefined || runtimes.some(({ id }) => id === runtime.id);
    const choices = known ? runtimes : [...runtimes, runtime];
    this.runtimePicker.hidden = choices.length === 0;
    this.runtime.replaceChildren(
      ...[{ id: '', label: 'model data only' }, ...choices].map(({ id, label }) =>
        element('option', { attributes: { value: id } }, label),
      ),
    );
    this.runtime.value = runtime?.id ?? '';
    setAttributes(this.runtime, {
      'data-tip': runtime ? undefined : 'Flash and RAM as lower bounds: what a runtime adds is not counted.',
    });
  }

  private drawPrecision(state: PageState): void {
    const file = state.filePrecision ?? (state.precision === 'as-in-file' ? state.analysis.precision : undefined);
    const options = [{ id: 'as-in-file', label: file ? `as in file (${file})` : 'as in file' }];
    for (const row of state.schemes) {
      if (row.id !== 'as-in-file' && row.state.kind === 'ready') options.push({ id: row.id, label: row.label });
    }
    if (state.planLabel !== undefined) options.push({ id: 'plan', label: `plan: ${state.planLabel}` });
    // The choice stays visible even while its row is being computed.
    if (!options.some((option) => option.id === state.precision))
      options.push({ id: state.precision, label: state.precision });
    this.precision.replaceChildren();
    for (const { id, label } of options) this.precision.append(element('option', { attributes: { value: id } }, label));
    this.precision.value = state.precision;
  }

  private drawBindings(state: PageState): void {
    const fields = state.analysis.bindables.map(({ key, inputs, value }, position) => {
      const id = `binding-${position}`;
      const field = element('input', {
        class: 'binding',
        key: id,
        tip: `Size of ${key} in ${inputs.join(', ')}. Counts as 1 until it is set.`,
        attributes: { id, type: 'number', min: 1, step: 1, placeholder: '1', value },
        on: {
          change: () => {
            const size = Number(field.value);
            const valid = field.value !== '' && Number.isInteger(size) && size > 0;
            this.store.send({ type: 'set-binding', key, size: valid ? size : undefined });
          },
        },
      });
      return element('span', { class: 'picker' }, element('label', { attributes: { for: id } }, `${key} =`), field);
    });
    redraw(this.bindings, fields);
  }

  private drawVerdict(state: PageState): void {
    const { verdict } = state;
    // The host judges the file; a what-if that fits needs no advice.
    const advised = verdict?.outcome === 'does-not-fit' || verdict?.outcome === 'cannot-run';
    const suggestion = advised && state.suggestion?.id !== state.precision ? state.suggestion : undefined;
    const whatIf =
      state.precision !== 'as-in-file' && `What-if: the file itself is ${state.filePrecision ?? 'unchanged'}.`;
    const key = JSON.stringify([verdict?.outcome, verdict?.lead, verdict?.detail, suggestion, whatIf]);
    // A live region is read whenever it changes, so it is left alone while the sentence is the same.
    if (key === this.said) return;
    this.said = key;
    const outcome = verdict?.outcome ?? 'unknown';
    const [mark, colour] = verdictLooks[outcome];
    this.verdictIcon.setAttribute('class', `verdict-icon ${colour}`);
    this.verdictIcon.replaceChildren(icon(mark));
    redraw(
      this.verdict,
      verdict === undefined
        ? 'Choose a chip to see whether it fits.'
        : [element('span', { class: 'strong' }, verdict.lead), ` ${verdict.detail}`],
      suggestion && [
        ' As ',
        element(
          'button',
          {
            class: 'link',
            key: 'suggestion',
            attributes: { type: 'button' },
            on: { click: () => this.store.send({ type: 'set-precision', precision: suggestion.id }) },
          },
          suggestion.label,
        ),
        `, ${suggestion.text.replace(/[.]?$/, '.')}`,
      ],
      whatIf && element('span', { class: 'muted' }, ` ${whatIf}`),
    );
  }
}

/** A model can have more open dimensions than a line holds. */
function listed(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 2).join(', ')} and ${names.length - 2} more` : names.join(', ');
}

function factsOf(state: PageState): Child[] {
  const { totals, file, model, precision, bindables } = state.analysis;
  const open = bindables.filter(({ value }) => value === undefined).map(({ key }) => key);
  const opset = model.opsets.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  const bytes = file.bytes + file.externalBytes;
  const facts: Child[] = [
    element(
      'span',
      { tip: 'Exact. Elements of constants used as data, each shared one once.' },
      `${formatCount(totals.parameters)} parameters`,
    ),
    element(
      'span',
      {
        tip: `${totals.macsIncomplete ? 'Lower bound: some operators are not counted. ' : 'Exact. '}${formatCount(totals.macs)} multiply-accumulates, no bias.`,
      },
      `${totals.macsIncomplete ? 'at least ' : ''}${totals.macs === 0 ? '0' : formatMacs(totals.macs)} MACs`,
    ),
    element('span', { tip: `Exact. ${formatExactBytes(bytes)} on disk.` }, formatBytes(bytes)),
    open.length > 0 &&
      element(
        'span',
        { tip: 'Totals count each dimension that is not set as 1. Set it in the field below.' },
        `${listed(open)} counted as 1`,
      ),
    precision || undefined,
    opset && `opset ${opset.version}`,
    model.producer !== '' && element('span', { class: 'wide-only' }, model.producer),
  ];
  return facts.filter(Boolean).flatMap((fact, position) => (position === 0 ? [fact] : [' · ', fact]));
}

/** Where the target comes from or what it is, and of an unreviewed chip all that is said of its memory. */
function targetWords(target: PageState['target']): string {
  if (!target) return '';
  const origin = target.from ?? target.core;
  return target.regions === undefined ? origin : `${origin} · unreviewed: ${target.regions}`;
}
