import { intAttribute, type Rewrite, stringAttribute, type UpgradeRule, type UpgradeSite } from './upgrade-site';

/**
 * Operators that opsets 14 to 21 changed in more than types and attributes whose default is the old meaning.
 * Source: the operator history in onnx.defs of ONNX 1.23.
 */
export const laterRules: ReadonlyMap<string, UpgradeRule> = new Map<string, UpgradeRule>([
  ...[
    'ReduceL1',
    'ReduceL2',
    'ReduceLogSum',
    'ReduceLogSumExp',
    'ReduceMax',
    'ReduceMean',
    'ReduceMin',
    'ReduceProd',
    'ReduceSumSquare',
  ].map((opType): [string, UpgradeRule] => [opType, since(18, upgradeReduction)]),
  ['BatchNormalization', since(14, upgradeBatchNormalization)],
  ['RoiAlign', since(16, upgradeRoiAlign)],
  ['Split', since(18, upgradeSplit)],
  ['GridSample', since(20, upgradeGridSample)],
  ['DFT', since(20, upgradeDft)],
  ['GroupNormalization', since(21, upgradeGroupNormalization)],
]);

/** The rule for a node that is older than `opset` and on its way past it. */
function since(opset: number, rule: UpgradeRule): UpgradeRule {
  return (site) => (site.opset < opset && site.target >= opset ? rule(site) : undefined);
}

function upgradeReduction(site: UpgradeSite): Rewrite | undefined {
  const axes = site.ints('axes');
  if (axes === undefined) return undefined;
  return site.keep('axes became an input', {
    // An empty list means "all" as an attribute, and so does an absent input.
    inputs: axes.length === 0 ? [site.input(0)] : [site.input(0), site.int64('axes', axes)],
    attributes: { axes: null },
  });
}

/** Mean and variance of training stood in other outputs. */
function upgradeBatchNormalization(site: UpgradeSite): Rewrite | undefined {
  return site.node.outputs.length > 1 ? site.refuse('it has the outputs of training mode') : undefined;
}

/** Boxes were sampled without the half pixel that is the default since 16. */
function upgradeRoiAlign(site: UpgradeSite): Rewrite {
  return site.keep('coordinates without the half pixel made explicit', {
    attributes: { coordinate_transformation_mode: stringAttribute('output_half_pixel') },
  });
}

/** Equal parts are asked for by their number since 18. */
function upgradeSplit(site: UpgradeSite): Rewrite | undefined {
  if (site.input(1) !== '' || site.ints('split') !== undefined) return undefined;
  return site.keep('the number of parts made explicit', {
    attributes: { num_outputs: intAttribute(site.node.outputs.length) },
  });
}

function upgradeGridSample(site: UpgradeSite): Rewrite | undefined {
  const names = new Map([
    ['bilinear', 'linear'],
    ['bicubic', 'cubic'],
  ]);
  const renamed = names.get(site.string('mode') ?? '');
  if (renamed === undefined) return undefined;
  return site.keep('mode got its new name', { attributes: { mode: stringAttribute(renamed) } });
}

/** The default moved from the second axis to the last but one. */
function upgradeDft(site: UpgradeSite): Rewrite {
  const axis = site.int64('axis', [BigInt(site.int('axis') ?? 1)], []);
  return site.keep('axis became an input', {
    inputs: [site.input(0), site.input(1), axis],
    attributes: { axis: null },
  });
}

function upgradeGroupNormalization(site: UpgradeSite): Rewrite {
  return site.refuse('its scale and bias are those of groups, and of channels since opset 21');
}
