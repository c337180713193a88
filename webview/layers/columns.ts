import type { Formula } from '../../extension/worker/analysis';
import {
  formatBytes,
  formatCount,
  formatFormula,
  formatMacs,
  formatMilliseconds,
  formatShape,
  notApplicable,
} from '../format';
import type { TimedLayer } from './timed';

export type ColumnId =
  | 'name'
  | 'operator'
  | 'output'
  | 'parameters'
  | 'weights'
  | 'macs'
  | 'activation'
  | 'live'
  | 'latency'
  | 'precision';

export interface Column {
  readonly id: ColumnId;
  readonly title: string;
  /** Rule behind the figures, for the head. */
  readonly rule: string;
  readonly numeric: boolean;
  /** Columns with an inline bar, coloured by this class. */
  readonly bar?: 'weights' | 'macs' | 'activations';
  /** undefined: not known. */
  value(layer: TimedLayer): number | string | undefined;
  text(layer: TimedLayer): string;
  /** Where the figure depends on an unbound dimension: what it is; `value` counts the dimension as 1. */
  formula?(layer: TimedLayer): Formula | undefined;
}

const bytesOrDash = (bytes: number | undefined): string => (bytes ? formatBytes(bytes) : notApplicable);

const bytesText = (bytes: number | undefined, formula: Formula | undefined): string =>
  formula ? formatFormula(formula, 'bytes') : bytesOrDash(bytes);

export const columns: readonly Column[] = [
  {
    id: 'name',
    title: 'Layer',
    rule: 'The name of the node, or its first output where it has none',
    numeric: false,
    value: (layer) => layer.name,
    text: (layer) => layer.name,
  },
  {
    id: 'operator',
    title: 'Operator',
    rule: 'Operator, with the kernel where it has one',
    numeric: false,
    value: (layer) => layer.operator,
    text: (layer) => layer.operator,
  },
  {
    id: 'output',
    title: 'Output',
    rule: 'Shape of the first output',
    numeric: false,
    value: (layer) => formatShape(layer.outputShape),
    text: (layer) => formatShape(layer.outputShape),
  },
  {
    id: 'parameters',
    title: 'Params',
    rule: 'Exact. Elements of constants used as data; a shared one counts at its first user',
    numeric: true,
    value: (layer) => layer.parameters,
    text: (layer) => (layer.parameters === 0 ? notApplicable : formatCount(layer.parameters)),
  },
  {
    id: 'weights',
    title: 'Weights',
    rule: 'Exact. Bytes of those constants as stored, scales and zero points left out',
    numeric: true,
    bar: 'weights',
    value: (layer) => layer.weightBytes,
    text: (layer) => bytesOrDash(layer.weightBytes),
  },
  {
    id: 'macs',
    title: 'MACs',
    rule: 'Exact. Multiply-accumulates, no bias',
    numeric: true,
    bar: 'macs',
    value: (layer) => layer.macs,
    text: (layer) => {
      if (layer.formulas?.macs) return formatFormula(layer.formulas.macs, 'count');
      return layer.macs === undefined ? notApplicable : formatMacs(layer.macs);
    },
    formula: (layer) => layer.formulas?.macs,
  },
  {
    id: 'activation',
    title: 'Activation',
    rule: 'Exact. Bytes of the outputs',
    numeric: true,
    value: (layer) => layer.activationBytes,
    text: (layer) => bytesText(layer.activationBytes, layer.formulas?.activationBytes),
    formula: (layer) => layer.formulas?.activationBytes,
  },
  {
    id: 'live',
    title: 'Live RAM',
    rule: 'Exact. Bytes of all activations live while the layer runs',
    numeric: true,
    bar: 'activations',
    value: (layer) => layer.liveBytes,
    text: (layer) => bytesText(layer.liveBytes, layer.formulas?.liveBytes),
    formula: (layer) => layer.formulas?.liveBytes,
  },
  {
    id: 'latency',
    title: '~Latency',
    rule: 'Estimated from published latencies, on the chosen target and runtime; shown where there is an estimate',
    numeric: true,
    value: (layer) => layer.latency?.middleMs,
    text: (layer) => (layer.latency ? formatMilliseconds(layer.latency.middleMs) : notApplicable),
  },
  {
    id: 'precision',
    title: 'Precision',
    rule: 'Element type of the weights, or of the output',
    numeric: false,
    value: (layer) => layer.precision,
    text: (layer) => layer.precision,
  },
];
