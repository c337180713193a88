import { type Child, element } from '../dom';
import { formatBytes, formatCount, formatDecibels, formatExactBytes, formatLimit, formatQuantity } from '../format';
import { icon } from '../icons';
import { figureTip, markedBytes, measuredMark } from '../kinds';
import type { QuantizeState } from '../quantize-protocol';
import type { Store } from '../store';
import { Part } from './part';
import { flashOf, ramOf, sumOf } from './sizes';
import { agreementInWords, layersInWords } from './words';

/** The decision in one sentence, and what to do about it. */
export class Foot {
  readonly root: HTMLElement;
  /** It stays in the page, since what is put there anew is not read aloud. */
  private readonly said = new Part(element('p', { attributes: { role: 'status', 'aria-live': 'polite' } }));
  private readonly blocked = new Part(element('div', { attributes: { id: 'write-blocked' } }));
  private readonly outcome = new Part(element('div'));
  private readonly buttons = new Part(element('div', { class: 'foot-buttons' }));

  constructor(private readonly store: Store) {
    this.root = element(
      'div',
      { class: 'quantize-foot' },
      element('div', { class: 'foot-words' }, this.said.root, this.blocked.root, this.outcome.root),
      this.buttons.root,
    );
  }

  draw(state: QuantizeState): void {
    const { measurement, write, layers, frontier } = state;
    const words = layersInWords(layers);
    const { plan, refused, chosen, recommended, plainDb, flashBudget, ramBudget, edited, data } = state;
    const decided = [plan, refused, chosen, recommended, plainDb, flashBudget, ramBudget, edited.length, data.source];
    // How far a measurement is would be read aloud again and again.
    const measured = measurement.kind === 'running' ? measurement.kind : measurement;
    this.said.draw([decided, words, measured, frontier.running], () => this.sentence(state, words));
    const blocked = write.writing ? undefined : write.blocked;
    this.blocked.draw(
      blocked ?? '',
      () => blocked !== undefined && element('p', { class: 'small muted' }, icon('note'), ` ${blocked}`),
    );
    this.outcome.draw(write.outcome ?? '', () => outcome(write));
    this.buttons.draw([write.fileBytes, write.externalBytes, write.blocked, write.writing], () => [
      element(
        'button',
        {
          class: 'button secondary',
          key: 'save-recipe',
          attributes: { type: 'button' },
          on: { click: () => this.store.send({ type: 'quantize-do', action: 'save-recipe' }) },
        },
        'Save recipe',
      ),
      this.writeButton(state),
    ]);
  }

  private writeButton({ write }: QuantizeState): HTMLElement {
    const { fileBytes, externalBytes, blocked, writing } = write;
    const size =
      fileBytes === undefined
        ? 'Write…'
        : externalBytes === undefined
          ? `Write ${formatExactBytes(fileBytes)}…`
          : `Write ${formatCount(fileBytes)} + ${formatExactBytes(externalBytes)}…`;
    return element(
      'button',
      {
        class: 'button',
        key: 'write',
        tip: blocked ?? 'Exact: the size of the file that will be written. The source is never changed.',
        attributes: {
          type: 'button',
          disabled: blocked !== undefined,
          'aria-describedby': blocked === undefined ? undefined : 'write-blocked',
        },
        on: { click: () => this.store.send({ type: 'quantize-do', action: 'write' }) },
      },
      writing ? 'Writing…' : size,
    );
  }

  private sentence(state: QuantizeState, words: string): Child {
    const { plan, refused, rows, chosen, recommended } = state;
    const row = rows.find(({ id }) => id === chosen);
    if (refused !== undefined) return [lead('Not possible'), refused];
    if (!plan) return element('span', { class: 'muted' }, 'Computing the size…');
    const flash = sumOf(flashOf(plan));
    const ram = sumOf(ramOf(plan));
    const overFlash = excess(flash.bytes, state.flashBudget.bytes);
    const overRam = excess(ram.bytes, state.ramBudget.bytes);
    const cannotRun = plan.footprint?.cannotRun[0];
    const isRecommended = recommended?.id === chosen && state.edited.length === 0;
    const title = cannotRun
      ? 'Cannot run'
      : overFlash > 0 || overRam > 0
        ? 'Over budget'
        : isRecommended
          ? 'Recommended'
          : 'Chosen';
    return [
      lead(title),
      chosen === 'mixed' || state.edited.length > 0 ? words : (row?.label ?? chosen),
      isRecommended && chosen !== 'mixed' && `, ${recommended.reason}`,
      '. ',
      cannotRun && `${plan.footprint?.runtime.label} has no kernel for ${cannotRun.opType}. `,
      budgetWords('flash', flash, state.flashBudget.bytes),
      overRam > 0 && [', ', budgetWords('RAM', ram, state.ramBudget.bytes)],
      errorWords(state),
      '.',
      !isRecommended && recommended && recommended.id !== chosen && this.advice(recommended),
    ];
  }

  private advice(recommended: NonNullable<QuantizeState['recommended']>): Child {
    return [
      ' Recommended: ',
      element(
        'button',
        {
          class: 'link',
          key: 'recommended',
          attributes: { type: 'button' },
          on: {
            click: () => this.store.send({ type: 'quantize-change', change: { kind: 'scheme', id: recommended.id } }),
          },
        },
        recommended.label,
      ),
      `, ${recommended.reason}.`,
    ];
  }
}

function lead(text: string): HTMLElement {
  return element('b', { class: 'strong' }, `${text}: `);
}

function excess(bytes: number, budget: number | undefined): number {
  return budget === undefined ? 0 : Math.max(0, bytes - budget);
}

/** "~324.8 KiB of flash is within 352 KiB" or "exceeds 320 KiB by 4.8 KiB". */
function budgetWords(name: string, { bytes, kind }: ReturnType<typeof sumOf>, budget: number | undefined): Child {
  const over = excess(bytes, budget);
  return [
    element('span', { tip: figureTip(bytes, kind, 'Without the reserve.') }, markedBytes(bytes, kind)),
    ` of ${name}`,
    budget !== undefined &&
      (over > 0 ? ` exceeds ${formatLimit(budget)} by ${formatBytes(over)}` : ` is within ${formatLimit(budget)}`),
  ];
}

function errorWords({ measurement, plainDb, chosen, data, frontier }: QuantizeState): Child {
  if (measurement.kind === 'running') return ', its error is being measured';
  if (measurement.kind === 'failed')
    return `, its error could not be measured: ${measurement.reason.replace(/[.]$/, '')}`;
  if (measurement.kind === 'none') return frontier.running ? ', its error is still to be measured' : undefined;
  const { sqnrDb, samples, synthetic } = measurement.value;
  const agreement = agreementInWords(measurement.value);
  const against = sqnrDb === undefined || plainDb === undefined || chosen === 'int8' ? undefined : sqnrDb - plainDb;
  const inputs = `${formatQuantity(samples, synthetic || data.source === 'random' ? 'random input' : 'input')}`;
  return [
    ', output ',
    element(
      'span',
      { tip: `Measured on ${inputs}: signal to quantization noise of all outputs.` },
      sqnrDb === undefined ? 'unchanged' : `${formatDecibels(sqnrDb)} dB`,
      measuredMark(),
    ),
    synthetic && ' on random inputs',
    against !== undefined &&
      Math.abs(against) >= 0.05 &&
      `, ${formatDecibels(Math.abs(against))} dB ${against < 0 ? 'below' : 'above'} plain int8`,
    agreement !== undefined && `, ${agreement}`,
  ];
}

function outcome({ outcome: result }: QuantizeState['write']): Child {
  if (!result) return undefined;
  if (result.kind === 'failed') {
    return element(
      'p',
      { class: 'error with-icon', attributes: { role: 'alert' } },
      icon('error'),
      element('span', {}, `${result.reason.replace(/[.]?$/, '.')} The source is intact.`),
    );
  }
  const { report, fileName } = result;
  const { writtenFileBytes, predictedFileBytes, writtenExternalBytes, measurement, passes, left, comparison } = report;
  const [output] = measurement.outputs;
  const asPredicted = writtenFileBytes === predictedFileBytes ? ', as predicted' : '';
  const lines = [
    ...passes.flatMap(({ pass, changes }) => changes.map((change) => `${pass}: ${change}`)),
    ...left.map(({ name, reason }) => `${name} stays as it is: ${reason}`),
    ...(comparison === undefined ? [] : [comparison]),
    ...measurement.warnings,
  ];
  return element(
    'div',
    { class: 'written', attributes: { role: 'status' } },
    element(
      'p',
      {},
      element('span', { class: 'good' }, icon('fits')),
      ` ${fileName} is written: ${formatExactBytes(writtenFileBytes)}${writtenExternalBytes === undefined ? '' : ` and ${formatExactBytes(writtenExternalBytes)} of data`}${asPredicted}.`,
      output?.sqnrDb !== undefined &&
        measurement.samples > 0 &&
        ` ${output.name}: ${formatDecibels(output.sqnrDb)} dB on ${formatQuantity(measurement.samples, 'input')}.`,
    ),
    lines.length > 0 &&
      element(
        'details',
        { class: 'small' },
        element('summary', {}, `What was changed, ${formatQuantity(lines.length, 'line')}`),
        element(
          'ul',
          {},
          lines.slice(0, 200).map((line) => element('li', {}, line)),
        ),
      ),
  );
}
