import type { FigureKind } from '../../extension/targets/verdict';
import type { SchemeSummary } from '../../extension/worker/analysis';
import { type Child, element } from '../dom';
import { formatBytes, formatCount, formatDecibels, formatQuantity, notApplicable } from '../format';
import { icon } from '../icons';
import { figureTip, markedBytes } from '../kinds';
import type { FromPage, PrecisionId } from '../protocol';

/** What a row says of itself, before the chips. */
export interface SchemeCells {
  /** Which columns hold lower bounds alone, and so say it in their heads. */
  readonly bounds: { readonly flash: boolean; readonly ram: boolean };
  readonly withFile: boolean;
}

/** The name of a scheme; a press shows header and views in it. */
export function nameCell(row: SchemeSummary, current: boolean, choose: (precision: PrecisionId) => void): HTMLElement {
  const { id, state } = row;
  const [, name = row.label, remark] = /^(.*?)( \(file\))?$/.exec(row.label) ?? [];
  const suffix = id === 'as-in-file' && (remark ?? (/file/.test(row.label) ? undefined : ' (file)'));
  const muted = suffix && element('span', { class: 'muted' }, suffix);
  if (state.kind !== 'ready') return element('td', { class: 'muted' }, name, muted);
  return element(
    'td',
    {},
    element(
      'button',
      {
        class: 'link plain',
        key: `scheme-${id}`,
        tip: nameTip(row, current),
        attributes: { type: 'button', 'aria-pressed': current ? 'true' : 'false', 'data-column': 0 },
        on: { click: () => choose(id) },
      },
      name,
    ),
    muted,
  );
}

function nameTip({ label, state }: SchemeSummary, current: boolean): string {
  const shown = current ? 'Shown in header and views' : `Show header and views as ${label}; nothing is written`;
  if (state.kind !== 'ready' || state.fileBytes === undefined) return shown;
  return `${shown}\nFile as ONNX: ${figureTip(state.fileBytes + (state.externalBytes ?? 0), 'exact')}`;
}

/** Flash, RAM, file and error of the weights. */
export function figureCells(
  row: SchemeSummary,
  { bounds, withFile }: SchemeCells,
  send: (message: FromPage) => void,
): readonly Child[] {
  const { state } = row;
  if (state.kind !== 'ready') {
    const count = withFile ? 4 : 3;
    const says = state.kind === 'planning' ? 'being worked out' : 'not worked out';
    return Array.from({ length: count }, () =>
      element('td', { class: 'number muted', attributes: { 'aria-label': says } }, notApplicable),
    );
  }
  const { flashBytes, flashKind, ramBytes, ramKind, cannotRun, codes } = state;
  const codesTip =
    codes &&
    `${formatBytes(codes.inFile)} of it are codes as the file holds them; packed they take ${formatBytes(codes.packed)}.`;
  return [
    bytesCell(flashBytes, flashKind, bounds.flash, codesTip),
    cannotRun === undefined
      ? bytesCell(ramBytes, ramKind, bounds.ram)
      : element('td', { class: 'number muted', tip: `Cannot run: ${cannotRun}` }, notApplicable),
    withFile && fileCell(state),
    errorCell(row, send),
  ];
}

function bytesCell(bytes: number, kind: FigureKind = 'lower bound', saidInHead = false, rule = ''): HTMLElement {
  return element(
    'td',
    { class: 'number', tip: figureTip(bytes, kind, rule) },
    markedBytes(bytes, saidInHead ? 'exact' : kind, true),
  );
}

function fileCell({ fileBytes, externalBytes = 0 }: Extract<SchemeSummary['state'], { kind: 'ready' }>): HTMLElement {
  return fileBytes === undefined
    ? element('td', { class: 'number muted', tip: 'Not written by Thimble' }, notApplicable)
    : bytesCell(fileBytes + externalBytes, 'exact');
}

function errorCell(row: SchemeSummary, send: (message: FromPage) => void): HTMLElement {
  const { id, weightError: error } = row;
  if (id === 'as-in-file') return element('td', { class: 'number muted', tip: 'The reference' }, notApplicable);
  if (error === undefined) {
    return row.measureOnRequest
      ? element(
          'td',
          { class: 'number' },
          element(
            'button',
            {
              class: 'link',
              key: `measure-${id}`,
              tip: 'Reads all weights and measures their error',
              attributes: { type: 'button', 'aria-label': `measure the weights of ${row.label}`, 'data-column': 1 },
              on: { click: () => send({ type: 'measure-weights', scheme: id }) },
            },
            'measure',
          ),
        )
      : element(
          'td',
          { class: 'number muted', tip: 'The weights are being measured' },
          element('span', { attributes: { 'aria-label': 'being measured' } }, '…'),
        );
  }
  const lost = [
    error.overflows > 0 && `${formatCount(error.overflows)} above the range of the type`,
    error.underflows > 0 && `${formatCount(error.underflows)} become zero`,
  ].filter(Boolean);
  const tip = [`Measured over ${formatQuantity(error.tensors, 'converted tensor')}`, ...lost].join('\n');
  return element(
    'td',
    { class: `number${error.sqnrDb === undefined ? ' muted' : ''}`, tip },
    lost.length > 0 &&
      element(
        'span',
        { class: 'warning lost', attributes: { role: 'img', 'aria-label': lost.join(', ') } },
        icon('tight'),
      ),
    error.sqnrDb === undefined ? notApplicable : formatDecibels(error.sqnrDb),
  );
}
