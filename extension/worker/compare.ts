import type { RuntimeFootprint } from '../runtimes/measure';
import { neededMemory } from '../targets/runtime-verdict';
import type { FigureKind } from '../targets/verdict';
import type { AnalysedModel } from './analyse';
import type { Analysis, LayerSummary } from './analysis';
import type {
  ComparedLayer,
  ComparedLayerSide,
  ComparedTotal,
  Comparison,
  ComparisonFacts,
  Figure,
  TotalId,
} from './comparison';
import type { LayerError } from './layer-errors';
import { type LayerGroup, type MatchedGroups, matchLayers } from './layer-groups';
import { liveBytesByNode } from './live-steps';

/** One of two models to be compared. */
export interface ComparedModel {
  readonly analysed: Pick<AnalysedModel, 'analysis' | 'model' | 'shapes'>;
  /** What it needs on the runtime, without reserves; without it the model's data counts, as lower bounds. */
  readonly footprint?: RuntimeFootprint | undefined;
  /** Exact size of the file with its data, in bytes, where the file is a plan; absent: as it was read. */
  readonly fileBytes?: number | undefined;
}

/** Two models side by side: totals, and layers matched by name. Figures of a runtime where both sides have them. Pure. */
export function compareModels(before: ComparedModel, after: ComparedModel): Comparison {
  const onRuntime = before.footprint !== undefined && after.footprint !== undefined;
  const sides = onRuntime ? ([before, after] as const) : ([dataOf(before), dataOf(after)] as const);
  const groups = matchLayers(before.analysed, after.analysed);
  const describe = [describer(sides[0]), describer(sides[1])] as const;
  const layers: ComparedLayer[] = [
    ...groups.matched.map(([one, other]) => layerOf(describe[0](one), describe[1](other))),
    ...groups.onlyBefore.map((group) => layerOf(describe[0](group), undefined)),
  ].sort((a, b) => (a.before?.step ?? 0) - (b.before?.step ?? 0));
  for (const group of groups.onlyAfter) layers.push(layerOf(undefined, describe[1](group)));
  return {
    before: nameOf(before),
    after: nameOf(after),
    ...(onRuntime && after.footprint && { runtime: after.footprint.runtime }),
    totals: totalsOf(sides[0], sides[1]),
    facts: factsOf(before, after, groups, layers),
    layers,
  };
}

/** The comparison with the errors that a quantization measured, by the names of its layers. Pure. */
export function withErrors(comparison: Comparison, errors: readonly Pick<LayerError, 'name' | 'sqnrDb'>[]): Comparison {
  const byName = new Map(errors.map(({ name, sqnrDb }) => [name, sqnrDb]));
  const layers = comparison.layers.map((layer) => {
    const outputDb = byName.get(layer.before?.name ?? '') ?? byName.get(layer.after?.name ?? '');
    return outputDb === undefined ? layer : { ...layer, outputDb };
  });
  return { ...comparison, layers };
}

function dataOf({ analysed, fileBytes }: ComparedModel): ComparedModel {
  return { analysed, fileBytes };
}

function nameOf({ analysed: { analysis } }: ComparedModel) {
  return { fileName: analysis.file.name, precision: analysis.precision };
}

function totalsOf(before: ComparedModel, after: ComparedModel): readonly ComparedTotal[] {
  const [one, other] = [figuresOf(before), figuresOf(after)];
  return totalIds.map((id): ComparedTotal => {
    const change = changeOf(one[id], other[id]);
    const share = one[id].value === 0 ? null : change.value / one[id].value;
    const unit = id === 'macs' || id === 'parameters' ? 'count' : 'bytes';
    return { id, unit, before: one[id], after: other[id], change, share };
  });
}

const totalIds = [
  'file',
  'flash',
  'weights',
  'quantization',
  'ram',
  'live',
  'macs',
  'parameters',
] as const satisfies readonly TotalId[];

function figuresOf({ analysed: { analysis }, footprint, fileBytes }: ComparedModel): Readonly<Record<TotalId, Figure>> {
  const { totals, file } = analysis;
  const figure = (value: number, isComplete = true): Figure => ({ value, kind: isComplete ? 'exact' : 'lower bound' });
  const needed = footprint && neededMemory(footprint);
  return {
    file: figure(fileBytes ?? file.bytes + file.externalBytes),
    flash: needed ? asFigure(needed.flash) : figure(totals.constantBytes, false),
    weights: figure(totals.weightBytes, !totals.constantsIncomplete),
    quantization: figure(totals.quantizationBytes, !totals.constantsIncomplete),
    ram: needed ? asFigure(needed.ram) : figure(totals.peakActivationBytes, false),
    live: footprint
      ? figure(
          footprint.memory.lowerBoundBytes,
          footprint.layers.every(({ outputShape }) => outputShape !== undefined),
        )
      : figure(totals.peakActivationBytes, !totals.peakIncomplete),
    macs: figure(totals.macs, !totals.macsIncomplete),
    parameters: figure(totals.parameters, !totals.constantsIncomplete),
  };
}

function asFigure({ bytes, kind }: { readonly bytes: number; readonly kind: FigureKind }): Figure {
  return { value: bytes, kind };
}

/** From the one that can be believed most to the one that can least. */
const byTrust: readonly FigureKind[] = ['exact', 'measured', 'published', 'estimated', 'lower bound'];

function changeOf(before: Figure, after: Figure): Figure {
  const weakest = byTrust.indexOf(after.kind) > byTrust.indexOf(before.kind) ? after.kind : before.kind;
  // Two lower bounds bound nothing together.
  return { value: after.value - before.value, kind: weakest === 'lower bound' ? 'estimated' : weakest };
}

function layerOf(before: ComparedLayerSide | undefined, after: ComparedLayerSide | undefined): ComparedLayer {
  return { name: before?.name ?? after?.name ?? '', ...(before && { before }), ...(after && { after }) };
}

/** What gives the figures of a layer with the nodes that serve it. */
function describer({ analysed: { analysis }, footprint }: ComparedModel): (group: LayerGroup) => ComparedLayerSide {
  const byIndex = new Map(analysis.layers.map((layer) => [layer.index, layer]));
  const live = footprint && liveBytesByNode(footprint, analysis.layers);
  return ({ root, servants }) => {
    const own = byIndex.get(root.index);
    const members = [root, ...servants].flatMap(({ index }) => byIndex.get(index) ?? []);
    const bytes = members.flatMap(({ index, liveBytes }) => (live ? (live.get(index) ?? []) : liveBytes));
    const [weightBytes, quantizationBytes] = [sum(members, 'weightBytes'), sum(members, 'quantizationBytes')];
    return {
      name: own?.name ?? root.name,
      index: root.index,
      step: own?.step ?? 0,
      operator: own?.operator ?? root.opType,
      precision: precisionOf(own, members),
      weightBytes: weightBytes + quantizationBytes,
      quantizationBytes,
      ...(bytes.length > 0 && { liveBytes: bytes.reduce((most, one) => Math.max(most, one), 0) }),
      ...(servants.length > 0 && { servedBy: operatorsText(members.slice(1)) }),
    };
  };
}

function sum(members: readonly LayerSummary[], of: 'weightBytes' | 'quantizationBytes'): number {
  return members.reduce((total, member) => total + member[of], 0);
}

/** Of the weights, behind whatever they stand; else of the output as it is passed on. */
function precisionOf(own: LayerSummary | undefined, members: readonly LayerSummary[]): string {
  const heaviest = members.reduce((most, one) => (one.weightBytes > (most?.weightBytes ?? 0) ? one : most), own);
  if (heaviest && heaviest.weightBytes > 0) return heaviest.precision;
  return members.find(({ opType }) => opType === 'QuantizeLinear')?.precision ?? own?.precision ?? '';
}

function operatorsText(members: readonly LayerSummary[]): string {
  const counts = new Map<string, number>();
  for (const { opType } of members) counts.set(opType, (counts.get(opType) ?? 0) + 1);
  return [...counts].map(([opType, count]) => (count === 1 ? opType : `${count} ${opType}`)).join(', ');
}

function factsOf(
  before: ComparedModel,
  after: ComparedModel,
  { matched, onlyBefore, onlyAfter }: MatchedGroups,
  layers: readonly ComparedLayer[],
): ComparisonFacts {
  const weighted = layers.filter(
    ({ before: one, after: other }) => (one?.weightBytes ?? 0) > 0 && (other?.weightBytes ?? 0) > 0,
  );
  const shapes = [shapesOf(before), shapesOf(after)] as const;
  const ends = [endsOf(before.analysed.analysis), endsOf(after.analysed.analysis)] as const;
  return {
    matched: matched.length,
    onlyBefore: onlyBefore.length,
    onlyAfter: onlyAfter.length,
    sameShapes:
      ends[0] === ends[1] &&
      matched.every(([one, other]) => shapes[0].get(one.root.index) === shapes[1].get(other.root.index)),
    weighted: weighted.length,
    retyped: weighted.filter(({ before: one, after: other }) => one?.precision !== other?.precision).length,
  };
}

function shapesOf({ analysed: { analysis } }: ComparedModel): ReadonlyMap<number, string> {
  return new Map(analysis.layers.map(({ index, outputShape }) => [index, JSON.stringify(outputShape ?? null)]));
}

function endsOf({ model: { inputs, outputs } }: Analysis): string {
  return JSON.stringify([inputs, outputs].map((values) => values.map(({ name, shape }) => [name, shape ?? null])));
}
