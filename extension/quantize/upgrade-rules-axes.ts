import { intAttribute, type Rewrite, type UpgradeRule, type UpgradeSite } from './upgrade-site';

/** Operators that took axes, sizes or bounds as attributes and take them as inputs now. */
export const axesRules: ReadonlyMap<string, UpgradeRule> = new Map<string, UpgradeRule>([
  ['Squeeze', (site) => attributeToInput(site, 'axes')],
  ['Unsqueeze', (site) => attributeToInput(site, 'axes')],
  ['ReduceSum', (site) => attributeToInput(site, 'axes')],
  ['Split', upgradeSplit],
  ['Slice', upgradeSlice],
  ['TopK', upgradeTopK],
  ['Reshape', upgradeReshape],
  ['Pad', upgradePad],
  ['Tile', upgradeTile],
  ['Concat', upgradeConcat],
  ['Softmax', upgradeSoftmax],
  ['LogSoftmax', upgradeSoftmax],
  ['Hardmax', upgradeSoftmax],
]);

/** A list of integers becomes the second input. */
function attributeToInput(site: UpgradeSite, attribute: string): Rewrite | undefined {
  const values = site.ints(attribute);
  if (values === undefined) return undefined;
  return site.keep(`${attribute} became an input`, {
    // An empty list means "all" as an attribute, and so does an absent input.
    inputs: values.length === 0 ? [site.input(0)] : [site.input(0), site.int64(attribute, values)],
    attributes: { [attribute]: null },
  });
}

function upgradeSplit(site: UpgradeSite): Rewrite | undefined {
  // Opset 1 leaves the default of axis open; opset 2 says 0.
  if (site.opset < 2 && site.int('axis') === undefined) site.refuse('it does not say along which axis it splits');
  return attributeToInput(site, 'split');
}

function upgradeSlice(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 10) return undefined;
  const starts = site.ints('starts') ?? site.refuse('its starts are missing');
  const ends = site.ints('ends') ?? site.refuse('its ends are missing');
  const axes = site.ints('axes');
  return site.keep('starts, ends and axes became inputs', {
    inputs: [
      site.input(0),
      site.int64('starts', starts),
      site.int64('ends', ends),
      ...(axes && axes.length > 0 ? [site.int64('axes', axes)] : []),
    ],
    attributes: { starts: null, ends: null, axes: null },
  });
}

function upgradeTopK(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 10) return undefined;
  const k = site.int('k') ?? site.refuse('its k is missing');
  return site.keep('k became an input', {
    inputs: [site.input(0), site.int64('k', [BigInt(k)])],
    attributes: { k: null },
  });
}

function upgradeReshape(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 5) return undefined;
  const shape = site.ints('shape') ?? site.refuse('its shape is missing');
  return site.keep('shape became an input', {
    inputs: [site.input(0), site.int64('shape', shape)],
    attributes: { shape: null },
  });
}

function upgradePad(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 11) return undefined;
  const attribute = site.opset < 2 ? 'paddings' : 'pads';
  const pads = site.ints(attribute) ?? site.refuse(`its ${attribute} are missing`);
  const value = site.float('value') ?? 0;
  return site.keep(`${attribute} and value became inputs`, {
    inputs: [
      site.input(0),
      site.int64('pads', pads),
      ...(value === 0 ? [] : [site.scalar('value', site.dataType(0), value)]),
    ],
    attributes: { [attribute]: null, value: null },
  });
}

/** Opset 1 repeats along one axis, both given as inputs; opset 6 takes a count for every axis. */
function upgradeTile(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 6) return undefined;
  const tiles = site.elements(1)?.[0];
  const axis = site.elements(2)?.[0];
  const rank = site.rank(0);
  if (tiles === undefined || axis === undefined) site.refuse('its tiles and axis are not constant');
  if (rank === undefined) site.refuse('the rank of its input is not known');
  const repeats = Array.from({ length: rank }, (_, index) => (index === axis ? BigInt(tiles) : 1n));
  return site.keep('tiles and axis became repeats', { inputs: [site.input(0), site.int64('repeats', repeats)] });
}

function upgradeConcat(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 4 || site.int('axis') !== undefined) return undefined;
  return site.keep('axis made explicit', { attributes: { axis: intAttribute(1) } });
}

/**
 * Until opset 12 the input is seen as a matrix, the axes from `axis` (default 1) on being one; from 13 on the axis stands alone
 * (default -1). Where all but one of the joined axes have size 1 the two agree; else the matrix is made in the graph.
 */
function upgradeSoftmax(site: UpgradeSite): Rewrite | undefined {
  const written = site.int('axis') ?? 1;
  const single = singleAxis(site, written);
  if (single !== undefined) {
    if (single === site.int('axis')) return undefined;
    return site.keep('axis made explicit', { attributes: { axis: intAttribute(single) } });
  }
  const matrix = site.valueName('matrix');
  const result = site.valueName('result');
  const shape = site.valueName('shape');
  return site.keep(
    'taken over several axes as before, by Flatten and Reshape',
    { inputs: [matrix], outputs: [result], attributes: { axis: intAttribute(-1) } },
    {
      before: [site.newNode('Flatten', [site.input(0)], matrix, { axis: written })],
      after: [
        site.newNode('Shape', [site.input(0)], shape),
        { ...site.newNode('Reshape', [result, shape], site.output(0)), name: site.valueName('reshape') },
      ],
    },
  );
}

/** The one axis that a coercing Softmax works along, where there is but one. */
function singleAxis(site: UpgradeSite, axis: number): number | undefined {
  if (axis === -1) return -1;
  const shape = site.shape(0);
  if (shape === undefined) return undefined;
  const first = axis < 0 ? axis + shape.length : axis;
  if (first < 0 || first >= shape.length) return undefined;
  const long = shape.flatMap((dim, index) => (index >= first && dim !== 1 ? [index] : []));
  return long.length > 1 ? undefined : (long[0] ?? first);
}
