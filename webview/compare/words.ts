import type { ComparedTotal, ComparisonFacts, Figure, TotalId } from '../../extension/worker/comparison';
import type { CompareState } from '../compare-protocol';
import type { Child } from '../dom';
import { element } from '../dom';
import { formatBytes, formatCount, formatDecibels, formatExactBytes, formatQuantity } from '../format';
import { kindWord, measuredMark } from '../kinds';

/** A change with its sign: "−644.9 KiB", "+64.5 KiB". */
export function signed(value: number, text: (value: number) => string): string {
  return value > 0 ? `+${text(value)}` : text(value);
}

/** A total's figure: the file to the byte, counts in full, other bytes in units. */
export function totalText(id: TotalId, value: number): string {
  if (id === 'file') return formatExactBytes(value);
  return id === 'macs' || id === 'parameters' ? formatCount(value) : formatBytes(value);
}

/** Name of a total and the rule behind it. */
export function totalWords(
  id: TotalId,
  runtime: string | undefined,
): { readonly label: string; readonly rule: string } {
  switch (id) {
    case 'file':
      return { label: 'File, .onnx', rule: 'The file on disk with its data, or the file that would be written.' };
    case 'flash':
      return runtime === undefined
        ? { label: 'Flash, constants', rule: 'All constants at their stored width; a runtime adds graph and code.' }
        : { label: 'Flash, model and code', rule: `Weights, graph and code of ${runtime}, without a reserve.` };
    case 'weights':
      return { label: 'Weights and biases', rule: 'Constants used as data, at the width they are stored in.' };
    case 'quantization':
      return { label: 'Quantization data', rule: 'Scales and zero points, as stored.' };
    case 'ram':
      return runtime === undefined
        ? { label: 'RAM, activations', rule: 'Activations live at the peak; a runtime adds what it keeps for itself.' }
        : { label: 'RAM, arena to reserve', rule: `The smallest arena that ${runtime} runs with, without a reserve.` };
    case 'live':
      return runtime === undefined
        ? { label: 'Live peak', rule: 'Activations that are live together, at most.' }
        : { label: 'Live peak', rule: 'No plan needs less for the buffers in this order of execution.' };
    case 'macs':
      return { label: 'MACs', rule: 'Multiply-accumulates of one inference, no bias.' };
    case 'parameters':
      return { label: 'Parameters', rule: 'Elements of constants used as data.' };
  }
}

/** What hovering a figure of a total says. */
export function totalTip({ unit }: ComparedTotal, { value, kind }: Figure, rule: string): string {
  const digits = unit === 'bytes' ? formatExactBytes(value) : formatCount(value);
  return `${kindWord(kind)} ${digits}.\n${rule}`;
}

/** The sentence on top: what is gained, for what error, and what stays as it is. */
export function leadSentence({ comparison, outputs }: CompareState): Child {
  if (!comparison) return undefined;
  const { totals, facts, runtime } = comparison;
  const changeOf = (id: TotalId): number => totals.find((total) => total.id === id)?.change.value ?? 0;
  const names = runtime === undefined ? ['model data in flash', 'live RAM'] : ['flash', 'RAM'];
  const decibels = outputs?.sqnrDb;
  const error = decibels !== undefined && [
    ` for an output at ${formatDecibels(decibels)} dB `,
    measuredMark(),
    outputs?.synthetic === true && ' on random inputs',
  ];
  return [
    element('b', { class: 'strong' }, gain([changeOf('flash'), changeOf('ram')], names)),
    error,
    '. ',
    sameness(facts, changeOf('macs') === 0, changeOf('parameters') === 0),
  ];
}

function gain([flash = 0, ram = 0]: readonly number[], [flashName = '', ramName = '']: readonly string[]): string {
  if (flash === 0 && ram === 0) return `The same ${flashName} and ${ramName}`;
  const more = (bytes: number, name: string): string =>
    bytes === 0 ? `the same ${name}` : `${formatBytes(Math.abs(bytes))} ${bytes < 0 ? 'less' : 'more'} ${name}`;
  const joined = Math.sign(flash) * Math.sign(ram) < 0 ? 'but' : 'and';
  const text = `${more(flash, flashName)} ${joined} ${more(ram, ramName)}`;
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

/** "Shapes, MACs and parameters are the same; every weight changes type." */
function sameness(
  { sameShapes, weighted, retyped }: ComparisonFacts,
  sameMacs: boolean,
  sameParameters: boolean,
): string {
  const names = [sameShapes && 'shapes', sameMacs && 'MACs', sameParameters && 'parameters'].filter(
    (name): name is string => name !== false,
  );
  const last = names.pop();
  const list = last === undefined ? '' : names.length > 0 ? `${names.join(', ')} and ${last}` : last;
  const same = list === '' ? 'shapes, MACs and parameters differ' : `${list} are the same`;
  const types =
    retyped === 0
      ? 'no weight changes type'
      : retyped === weighted
        ? 'every weight changes type'
        : `${formatCount(retyped)} of ${formatQuantity(weighted, 'layer')} with weights change type`;
  const text = weighted === 0 ? same : `${same}; ${types}`;
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

/** "31 of 31 layers matched by name". */
export function matchedText({ matched, onlyBefore, onlyAfter }: ComparisonFacts): string {
  const all = matched + onlyBefore + onlyAfter;
  return `${formatCount(matched)} of ${formatQuantity(all, 'layer')} matched by name`;
}
