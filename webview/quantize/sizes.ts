import type { FigureKind } from '../../extension/targets/verdict';
import type { MeterFill } from '../charts/meter';
import { type Child, element } from '../dom';
import { bytesInWords, figureTip, markedBytes, weakestKind } from '../kinds';
import { ramParts } from '../memory/ram';
import type { PlanSizes, QuantizeState } from '../quantize-protocol';

interface SizePart {
  readonly name: string;
  readonly fill: MeterFill;
  readonly bytes: number;
  readonly kind: FigureKind;
}

const flashParts: Readonly<Record<string, { readonly name: string; readonly fill: MeterFill }>> = {
  weights: { name: 'weights', fill: 'weights' },
  biases: { name: 'weights', fill: 'weights' },
  'quantization data': { name: 'quantization data', fill: 'quantization' },
  'graph and metadata': { name: 'graph', fill: 'constants' },
  'runtime code': { name: 'runtime code', fill: 'code' },
};

/** Flash of the model and the runtime's code, without what is kept for the application. */
export function flashOf({ footprint, constantBytes }: PlanSizes): readonly SizePart[] {
  if (!footprint) return [{ name: 'weights', fill: 'weights', bytes: constantBytes, kind: 'lower bound' }];
  const parts: SizePart[] = [];
  for (const { part, bytes, kind } of footprint.flash.parts) {
    const known = flashParts[part];
    const last = parts.at(-1);
    if (!known || bytes === 0) continue;
    if (last?.name === known.name) {
      parts[parts.length - 1] = { ...known, bytes: last.bytes + bytes, kind: weakestKind([last.kind, kind]) };
    } else parts.push({ ...known, bytes, kind });
  }
  // Without a figure for the code the sum is less than what must be flashed.
  const counted = parts.some(({ fill, bytes }) => fill === 'code' && bytes > 0);
  return counted ? parts : parts.map((part) => ({ ...part, kind: 'lower bound' as const }));
}

/** RAM of the model on its runtime. */
export function ramOf({ footprint, peakActivationBytes }: PlanSizes): readonly SizePart[] {
  if (!footprint) return [{ name: 'arena', fill: 'activations', bytes: peakActivationBytes, kind: 'lower bound' }];
  return ramParts(footprint).map(({ name, fill, bytes, kind }) => ({ name, fill, bytes, kind }));
}

/** Sum and kind of parts. */
export function sumOf(parts: readonly SizePart[]): { readonly bytes: number; readonly kind: FigureKind } {
  const present = parts.filter(({ bytes }) => bytes > 0);
  return {
    bytes: present.reduce((sum, { bytes }) => sum + bytes, 0),
    kind: weakestKind(present.map(({ kind }) => kind)),
  };
}

/** File against plan: flash and RAM by parts, each pair on one scale. */
export function sizes({ file, plan }: Pick<QuantizeState, 'file' | 'plan'>): Child {
  const flash = [flashOf(file), plan ? flashOf(plan) : []] as const;
  const ram = [ramOf(file), plan ? ramOf(plan) : []] as const;
  // The plan's parts first: it has all kinds that the file has, and quantization data in their midst.
  const all = [flash[1], flash[0], ram[1], ram[0]].flat().filter(({ bytes }) => bytes > 0);
  const names = new Map(all.map(({ name, fill }) => [name, fill]));
  return [
    element('h2', {}, 'Size', element('span', { class: 'muted' }, 'file against plan, same scale')),
    element(
      'div',
      { class: 'size-bars' },
      pair('Flash', flash, plan !== undefined),
      pair('RAM', ram, plan !== undefined),
    ),
    element(
      'div',
      { class: 'legend' },
      [...names].map(([name, fill]) => element('span', {}, element('i', { class: `swatch fill-${fill}` }), name)),
    ),
  ];
}

function pair(
  memory: string,
  [file, plan]: readonly [readonly SizePart[], readonly SizePart[]],
  isPlanned: boolean,
): Child {
  const scale = Math.max(1, sumOf(file).bytes, sumOf(plan).bytes);
  return [
    bar(`${memory}, file`, `${memory} of the file`, file, scale, false),
    isPlanned
      ? bar('plan', `${memory} of the plan`, plan, scale, true)
      : element('span', { class: 'muted size-pending' }, 'plan: being computed…'),
  ];
}

function bar(label: string, name: string, parts: readonly SizePart[], scale: number, strong: boolean): Child {
  const { bytes, kind } = sumOf(parts);
  return [
    element('span', { class: `muted${strong ? '' : ' size-first'}` }, label),
    element(
      'div',
      {
        class: `bar${strong ? '' : ' size-first'}`,
        attributes: {
          role: 'img',
          'aria-label': `${name}: ${bytesInWords(bytes, kind)}; ${parts
            .filter((part) => part.bytes > 0)
            .map((part) => `${part.name} ${bytesInWords(part.bytes, part.kind)}`)
            .join(', ')}`,
        },
      },
      parts.map((part) =>
        part.bytes > 0
          ? element('i', {
              class: `fill-${part.fill}`,
              style: { width: `${(part.bytes / scale) * 100}%` },
              tip: `${part.name}: ${figureTip(part.bytes, part.kind)}`,
            })
          : undefined,
      ),
    ),
    element(
      'span',
      { class: `number${strong ? ' strong' : ' size-first'}`, tip: figureTip(bytes, kind) },
      markedBytes(bytes, kind, true),
    ),
  ];
}
