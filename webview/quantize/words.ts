import type { DataDescription, PlanMeasurement, PlannedLayer } from '../../extension/worker/recipe-calls';
import { formatCount, formatDataType, formatQuantity, formatShape } from '../format';

/** A layer's scheme as a narrow column has room for: "int4". */
export function shortScheme(scheme: string): string {
  return scheme.replace(/-weights$/, '');
}

/** "64 inputs of 3×96×96, float32"; the first axis of a shape counts samples and is left out. */
export function dataInWords({ samples, inputs }: DataDescription): string {
  const one = inputs.length === 1;
  const words = inputs.map(({ name, shape, dataType }) => {
    const [first] = shape;
    const own = shape.length > 1 && (first === 1 || typeof first !== 'number') ? shape.slice(1) : shape;
    const type = dataType === undefined ? '' : `${one ? ',' : ''} ${formatDataType(dataType)}`;
    return `${one ? '' : `${name} `}${formatShape(own)}${type}`;
  });
  return `${formatQuantity(samples, 'input')} of ${words.join('; ')}`;
}

/** "10 layers at int4, 18 at int8"; a single scheme in one word: "all 28 layers at int8". */
export function layersInWords(layers: readonly PlannedLayer[]): string {
  const counts = new Map<string, number>();
  for (const { scheme } of layers) counts.set(shortScheme(scheme), (counts.get(shortScheme(scheme)) ?? 0) + 1);
  const parts = [...counts].sort(([, a], [, b]) => a - b);
  const [only] = parts;
  if (parts.length === 1 && only) {
    return only[1] === 1 ? `the layer at ${only[0]}` : `all ${formatCount(only[1])} layers at ${only[0]}`;
  }
  return parts
    .map(([scheme, count], position) =>
      position === 0 ? `${formatQuantity(count, 'layer')} at ${scheme}` : `${formatCount(count)} at ${scheme}`,
    )
    .join(', ');
}

/** "top-1 agrees on 64 of 64"; undefined where no output is class scores. */
export function agreementInWords({ outputs, samples }: PlanMeasurement): string | undefined {
  const output = outputs.find(({ top1, top1Agreement }) => top1 !== undefined || top1Agreement !== undefined);
  if (!output) return undefined;
  const rows = output.top1?.rows ?? samples;
  const agreeing = output.top1?.agreeing ?? Math.round((output.top1Agreement ?? 0) * rows);
  return `top-1 agrees on ${formatCount(agreeing)} of ${formatCount(rows)}`;
}
