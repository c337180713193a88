import type { FigureKind, MemoryVerdict, Verdict } from '../../extension/targets/verdict';
import type { SchemeSummary } from '../../extension/worker/analysis';
import { type Child, element } from '../dom';
import { formatCount, formatDecibels, formatLimit, formatQuantity, notApplicable } from '../format';
import { type IconName, icon } from '../icons';
import { bytesInWords, figureTip, markedBytes, measuredMark } from '../kinds';
import type { PageState, PrecisionId } from '../protocol';

/** One row per scheme: what it needs, what it costs in accuracy of the weights, and whether it fits. A press on its name shows it everywhere. */
export function whatIf(state: PageState, choose: (precision: PrecisionId) => void): HTMLElement {
  const { schemes, target } = state;
  const runtime = state.runtimeFootprint?.runtime;
  const bounds = allBounds(schemes);
  const rules = runtime
    ? {
        flash: `What ${runtime.label} needs in flash: data, graph and code`,
        ram: `What must be reserved in RAM for ${runtime.label}`,
      }
    : { flash: 'At least: bytes of all constants', ram: 'At least: most bytes of activations live at once' };
  return element(
    'section',
    {},
    element(
      'h2',
      {},
      'What if',
      element(
        'span',
        { class: 'muted' },
        runtime
          ? `each scheme on ${runtime.label}`
          : 'each scheme; flash and RAM are lower bounds, the runtime is not counted',
      ),
    ),
    element(
      'div',
      { class: 'table-box' },
      element(
        'table',
        { class: 'what-if' },
        element(
          'thead',
          {},
          element(
            'tr',
            {},
            head('Scheme'),
            head('Flash', rules.flash, bounds.flash && 'at least'),
            head('RAM', rules.ram, bounds.ram && 'at least'),
            head('File', 'Exact: bytes of the file that would be written'),
            element(
              'th',
              {
                class: 'number',
                attributes: { scope: 'col' },
                tip: 'Signal to quantization noise of the converted weights, measured over all of them. No accuracy is claimed.',
              },
              'Weights',
              element('br'),
              'dB',
              measuredMark(),
            ),
            target &&
              element(
                'th',
                { class: 'chip', attributes: { scope: 'col' } },
                element('span', { class: 'plain' }, target.name),
                element('br'),
                element('span', { class: 'small' }, limits(state)),
              ),
          ),
        ),
        element(
          'tbody',
          {},
          schemes.length === 0 && pendingRow(state),
          schemes.map((row) => schemeRow(row, state, bounds, choose)),
        ),
      ),
    ),
  );
}

/** Which of the two columns holds lower bounds alone, and so says it once in its head. */
interface AllBounds {
  readonly flash: boolean;
  readonly ram: boolean;
}

function allBounds(schemes: readonly SchemeSummary[]): AllBounds {
  const kinds = (read: 'flashKind' | 'ramKind'): FigureKind[] =>
    schemes.flatMap(({ state }) => (state.kind === 'ready' ? [state[read] ?? 'lower bound'] : []));
  return {
    flash: kinds('flashKind').every((kind) => kind === 'lower bound'),
    ram: kinds('ramKind').every((kind) => kind === 'lower bound'),
  };
}

function head(title: string, tip?: string, kind?: string | false): HTMLElement {
  return element(
    'th',
    { class: title === 'Scheme' ? '' : 'number', tip, attributes: { scope: 'col' } },
    kind && [element('span', { class: 'small' }, kind), element('br')],
    title,
  );
}

function limits(state: PageState): string {
  const { flashLimit, ramLimit } = state.target ?? {};
  const text = (limit: { readonly bytes: number } | undefined): string =>
    limit ? formatLimit(limit.bytes) : notApplicable;
  return `${text(flashLimit)} / ${text(ramLimit)}`;
}

function pendingRow(state: PageState): HTMLElement {
  return element(
    'tr',
    {},
    element('td', { class: 'muted', attributes: { colspan: state.target ? 6 : 5 } }, 'Computing the schemes…'),
  );
}

function schemeRow(
  row: SchemeSummary,
  state: PageState,
  bounds: AllBounds,
  choose: (precision: PrecisionId) => void,
): HTMLElement {
  const current = row.id === state.precision;
  const { state: result } = row;
  if (result.kind === 'refused') {
    return element(
      'tr',
      { class: 'refused' },
      element('td', {}, row.label),
      element(
        'td',
        { class: 'muted reason-cell', tip: result.reason, attributes: { colspan: state.target ? 5 : 4 } },
        element('span', { class: 'mark-word' }, icon('unknown'), element('span', {}, result.reason)),
      ),
    );
  }
  return element(
    'tr',
    { class: current ? 'current' : '' },
    element(
      'td',
      {},
      element(
        'button',
        {
          class: 'link plain',
          key: `scheme-${row.id}`,
          tip: current ? 'Shown in header and views' : `Show header and views as ${row.label}; nothing is written`,
          attributes: { type: 'button', 'aria-pressed': current ? 'true' : 'false' },
          on: { click: () => choose(row.id) },
        },
        row.label,
      ),
      row.id === 'as-in-file' && !/file/.test(row.label) && element('span', { class: 'muted' }, ' (file)'),
    ),
    bytesCell(result.flashBytes, result.flashKind, bounds.flash),
    result.cannotRun === undefined
      ? bytesCell(result.ramBytes, result.ramKind, bounds.ram)
      : state.target
        ? element('td', { class: 'number muted', tip: result.cannotRun }, notApplicable)
        : element('td', { class: 'number' }, noKernel(result.cannotRun)),
    fileCell(result.fileBytes, result.externalBytes),
    errorCell(row),
    state.target &&
      element(
        'td',
        { class: 'chip' },
        result.cannotRun === undefined ? verdictMark(result.verdict) : noKernel(result.cannotRun),
      ),
  );
}

function bytesCell(bytes: number, kind: FigureKind = 'lower bound', saidInHead = false): HTMLElement {
  return element(
    'td',
    { class: 'number', tip: figureTip(bytes, kind) },
    markedBytes(bytes, saidInHead ? 'exact' : kind, true),
  );
}

function fileCell(bytes: number | undefined, externalBytes = 0): HTMLElement {
  return bytes === undefined
    ? element('td', { class: 'number muted', tip: 'Not written by Thimble' }, notApplicable)
    : bytesCell(bytes + externalBytes, 'exact');
}

/** The mark of a scheme that the runtime has no kernel for. */
function noKernel(reason: string): HTMLElement {
  return element('span', { class: 'mark-word muted', tip: reason }, icon('unknown'), element('span', {}, 'no kernel'));
}

function errorCell(row: SchemeSummary): HTMLElement {
  if (row.id === 'as-in-file') return element('td', { class: 'number muted', tip: 'The reference' }, notApplicable);
  const error = row.weightError;
  if (error === undefined && row.state.kind === 'ready' && row.state.fileBytes === undefined) {
    return element('td', { class: 'number muted', tip: 'Planned only: not written by Thimble' }, notApplicable);
  }
  if (error === undefined) {
    return element(
      'td',
      { class: 'number muted', tip: 'The weights are being measured' },
      element('span', { attributes: { 'aria-label': 'being measured' } }, '…'),
    );
  }
  const lost = [
    error.overflows > 0 && `${formatCount(error.overflows)} above the range of float16`,
    error.underflows > 0 && `${formatCount(error.underflows)} become zero`,
  ].filter(Boolean);
  const tip = [`Measured over ${formatQuantity(error.tensors, 'converted tensor')}`, ...lost].join('\n');
  const text = error.sqnrDb === undefined ? notApplicable : formatDecibels(error.sqnrDb);
  return element(
    'td',
    { class: `number${error.sqnrDb === undefined ? ' muted' : ''}`, tip },
    lost.length > 0 &&
      element(
        'span',
        { class: 'warning lost', attributes: { role: 'img', 'aria-label': lost.join(', ') } },
        icon('tight'),
      ),
    text,
  );
}

function verdictMark(verdict: Verdict | undefined): Child {
  switch (verdict?.outcome) {
    case 'fits':
      return mark('fits', 'good', 'fits', verdict);
    case 'tight':
      return mark('tight', 'warning', 'tight', verdict);
    case 'model-data-fits':
      return mark('fits', 'good', 'data fits', verdict);
    case 'cannot-run':
      return mark('unknown', 'muted', 'no kernel', verdict);
    case 'does-not-fit': {
      const short = [verdict.flash.fits === false && 'flash', verdict.ram.fits === false && 'RAM'].filter(Boolean);
      return mark('short', 'error', short.length === 2 ? 'both short' : `${short[0] ?? ''} short`, verdict);
    }
    default:
      return mark('unknown', 'muted', 'unknown', verdict);
  }
}

function mark(name: IconName, colour: string, word: string, verdict: Verdict | undefined): HTMLElement {
  return element(
    'span',
    {
      class: `mark-word ${colour}`,
      tip: verdict
        ? `${verdict.lead} ${verdict.detail}\nflash ${against(verdict.flash)}\nRAM ${against(verdict.ram)}`
        : undefined,
    },
    icon(name),
    element('span', {}, word),
  );
}

function against({ bytes, kind, limit }: MemoryVerdict): string {
  return `${bytesInWords(bytes, kind)}${limit === undefined ? '' : ` of ${formatLimit(limit)}`}`;
}
