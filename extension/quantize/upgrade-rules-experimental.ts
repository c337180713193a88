import type { EditedNode } from '../onnx/edit';
import type { Rewrite, UpgradeRule, UpgradeSite } from './upgrade-site';

/**
 * Experimental operators of the first opsets, gone since opset 10 but common in vision models of their time, in operators that stayed.
 * Source of what they compute: the ONNX 1.2 operator list, and onnxruntime, which still runs them.
 */
export const experimentalRules: ReadonlyMap<string, UpgradeRule> = new Map<string, UpgradeRule>([
  ['Affine', (site) => scaled(site, { after: factor(site, 'alpha', 1), offset: factor(site, 'beta', 0) })],
  ['Scale', (site) => scaled(site, { after: factor(site, 'scale', 1) })],
  [
    'ScaledTanh',
    (site) => scaled(site, { before: factor(site, 'beta'), opType: 'Tanh', after: factor(site, 'alpha') }),
  ],
  [
    'ParametricSoftplus',
    (site) => scaled(site, { before: factor(site, 'beta'), opType: 'Softplus', after: factor(site, 'alpha') }),
  ],
  ['ImageScaler', upgradeImageScaler],
  ['Crop', upgradeCrop],
]);

/** after * op(before * x) + offset. Constants are names. */
interface Formula {
  readonly before?: string;
  readonly opType?: string;
  readonly after: string;
  readonly offset?: string;
}

function factor(site: UpgradeSite, attribute: string, otherwise?: number): string {
  const value = site.float(attribute) ?? otherwise ?? site.refuse(`its ${attribute} is missing`);
  return site.scalar(attribute, site.dataType(0), value);
}

/** The last operation stands in the node's own place. */
function scaled(site: UpgradeSite, { before, opType, after, offset }: Formula): Rewrite {
  const steps: { readonly opType: string; readonly operand?: string }[] = [
    ...(before === undefined ? [] : [{ opType: 'Mul', operand: before }]),
    ...(opType === undefined ? [] : [{ opType }]),
    { opType: 'Mul', operand: after },
  ];
  const last = offset === undefined ? steps.pop() : { opType: 'Add', operand: offset };
  const nodes: EditedNode[] = [];
  let value = site.input(0);
  for (const step of steps) {
    const result = site.valueName(step.opType.toLowerCase());
    nodes.push(site.newNode(step.opType, step.operand === undefined ? [value] : [value, step.operand], result));
    value = result;
  }
  return site.keep(
    'became arithmetic',
    {
      opType: last?.opType ?? 'Mul',
      inputs: [value, last?.operand ?? after],
      attributes: Object.fromEntries(Array.from(site.node.attributes.keys(), (name) => [name, null])),
    },
    { before: nodes },
  );
}

/** x * scale + bias, a bias for each channel of an image. */
function upgradeImageScaler(site: UpgradeSite): Rewrite {
  const bias = site.floats('bias') ?? site.refuse('its bias is missing');
  if (site.dataType(0) !== 'FLOAT') site.refuse('its input is not of type FLOAT');
  return scaled(site, {
    after: factor(site, 'scale', 1),
    offset: site.float32('bias', bias, [bias.length, 1, 1]),
  });
}

/** Cuts height and width of an image at [left, top, right, bottom], or to the size `scale` from there. */
function upgradeCrop(site: UpgradeSite): Rewrite {
  const [left, top, right, bottom] = site.ints('border') ?? site.refuse('its border is missing');
  if (left === undefined || top === undefined || right === undefined || bottom === undefined) {
    return site.refuse('its border has not four sides');
  }
  const [height, width] = site.ints('scale') ?? [];
  // The largest end there is stands for "to the edge", where a negative zero would be needed.
  const fromEdge = (border: bigint) => (border === 0n ? 2n ** 63n - 1n : -border);
  const ends = [
    height === undefined ? fromEdge(bottom) : top + height,
    width === undefined ? fromEdge(right) : left + width,
  ];
  return site.keep('became Slice', {
    opType: 'Slice',
    inputs: [site.input(0), site.int64('starts', [top, left]), site.int64('ends', ends), site.int64('axes', [2n, 3n])],
    attributes: { border: null, scale: null },
  });
}
