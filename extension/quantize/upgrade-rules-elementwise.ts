import { dataTypeCode, isDataType } from '../model/data-type';
import { intAttribute, type Rewrite, type UpgradeRule, type UpgradeSite } from './upgrade-site';

/** Arithmetic, activations and what is applied to every element. */
export const elementwiseRules: ReadonlyMap<string, UpgradeRule> = new Map<string, UpgradeRule>([
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'And', 'Or', 'Xor', 'Equal', 'Greater', 'Less'].map(
    (opType): [string, UpgradeRule] => [opType, upgradeBroadcast],
  ),
  ['PRelu', upgradePRelu],
  ['Clip', upgradeClip],
  ['Selu', upgradeSelu],
  ['Cast', upgradeCast],
  ['Dropout', upgradeDropout],
]);

/**
 * Until opset 6 the second operand is broadcast only where `broadcast` says so, its axes standing at `axis` of the first;
 * without `axis` they are its last ones, as in today's broadcasting.
 */
function upgradeBroadcast(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 7) return undefined;
  const axis = site.int('axis');
  const broadcast = site.int('broadcast') ?? 0;
  if (axis === undefined && !site.node.attributes.has('broadcast')) return undefined;
  const attributes = { axis: null, broadcast: null };
  const trailing = broadcast === 0 || axis === undefined ? 0 : trailingAxes(site, axis);
  if (trailing === 0) return site.keep('broadcast became implicit', { attributes });
  const operand = appendAxes(site, site.rank(1) ?? 0, trailing);
  return site.keep(
    'broadcast along an axis became an Unsqueeze',
    { inputs: [site.input(0), operand.name], attributes },
    { before: [operand.node] },
  );
}

/** How many axes of the first operand follow those that the second stands at. */
function trailingAxes(site: UpgradeSite, axis: number): number {
  const rank = site.rank(1);
  if (rank === 0) return 0;
  const wholeRank = site.rank(0);
  if (rank === undefined || wholeRank === undefined) {
    return site.refuse('it broadcasts along an axis and the ranks of its inputs are not known');
  }
  const trailing = wholeRank - rank - axis;
  if (axis < 0 || trailing < 0) site.refuse(`it broadcasts along axis ${axis}, where its second input does not fit`);
  return trailing;
}

function appendAxes(site: UpgradeSite, rank: number, count: number) {
  const name = site.valueName('operand');
  const axes = site.int64(
    'axes',
    Array.from({ length: count }, (_, index) => BigInt(rank + index)),
  );
  return { name, node: site.newNode('Unsqueeze', [site.input(1), axes], name) };
}

/** Until opset 6 a vector of slopes belongs to the channels; since 7 it is broadcast from the last axis. */
function upgradePRelu(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 7) return undefined;
  const slope = site.shape(1);
  if (slope === undefined) return site.refuse('the shape of its slope is not known');
  if (slope.length !== 1 || slope[0] === 1) return undefined;
  const rank = site.rank(0);
  if (rank === undefined) return site.refuse('the rank of its input is not known');
  if (rank <= 2) return undefined;
  const operand = appendAxes(site, 1, rank - 2);
  return site.keep(
    'the slope of each channel became explicit by an Unsqueeze',
    { inputs: [site.input(0), operand.name] },
    { before: [operand.node] },
  );
}

function upgradeClip(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 11) return undefined;
  const minimum = site.float('min');
  const maximum = site.float('max');
  if (minimum === undefined && maximum === undefined) return undefined;
  const dataType = site.dataType(0);
  return site.keep('min and max became inputs', {
    inputs: [
      site.input(0),
      minimum === undefined ? '' : site.scalar('min', dataType, minimum),
      ...(maximum === undefined ? [] : [site.scalar('max', dataType, maximum)]),
    ],
    attributes: { min: null, max: null },
  });
}

/** The defaults of opset 1 are shorter than those since 6. */
function upgradeSelu(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 6 || (site.float('alpha') !== undefined && site.float('gamma') !== undefined)) return undefined;
  return site.keep('alpha and gamma made explicit', {
    attributes: {
      alpha: { kind: 'float', value: site.float('alpha') ?? 1.6732 },
      gamma: { kind: 'float', value: site.float('gamma') ?? 1.0507 },
    },
  });
}

function upgradeCast(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 6) return undefined;
  const name = site.string('to') ?? site.refuse('it does not name a type');
  if (!isDataType(name)) return site.refuse(`${JSON.stringify(name)} is no element type`);
  return site.keep('the type it casts to became a code', { attributes: { to: intAttribute(dataTypeCode(name)) } });
}

/** At inference it is the identity. Its mask was left open (onnxruntime gives zeros) and is all true since opset 12. */
function upgradeDropout(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 12) return undefined;
  if (site.opset < 7 && (site.int('is_test') ?? 0) === 0) site.refuse('it is in training mode');
  if (site.isOutputUsed(1)) site.refuse('its mask is used, which is another one since opset 12');
  const ratio = site.float('ratio');
  const hasMask = site.output(1) !== '';
  if (ratio === undefined && !hasMask && site.opset >= 7) return undefined;
  return site.keep(hasMask ? 'ratio became an input, the unused mask left out' : 'ratio became an input', {
    inputs: ratio === undefined ? [site.input(0)] : [site.input(0), site.float32('ratio', [ratio], [])],
    outputs: [site.output(0)],
    attributes: { ratio: null, is_test: null },
  });
}
