import type { NewAttribute } from '../onnx/edit';
import { intAttribute, type Rewrite, stringAttribute, type UpgradeRule, type UpgradeSite } from './upgrade-site';

/** Normalization, pooling, recurrence, resizing and the rest of what has weights or windows. */
export const layerRules: ReadonlyMap<string, UpgradeRule> = new Map<string, UpgradeRule>([
  ['BatchNormalization', upgradeBatchNormalization],
  ['Gemm', upgradeGemm],
  ['RNN', upgradeRecurrence],
  ['LSTM', upgradeRecurrence],
  ['GRU', upgradeRecurrence],
  ['LpPool', upgradeLpPool],
  ['GlobalLpPool', upgradeNorm],
  ['Upsample', upgradeUpsample],
  ['Resize', upgradeResize],
  ['Scatter', upgradeScatter],
  ['Scan', upgradeScan],
]);

function upgradeBatchNormalization(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 9) return undefined;
  if ((site.int('spatial') ?? 1) === 0) site.refuse('it normalizes every element by itself (spatial = 0)');
  if (site.opset < 7) {
    if ((site.int('is_test') ?? 0) === 0) site.refuse('it is in training mode');
    if (site.node.outputs.length > 1) site.refuse('it has the outputs of training mode');
  }
  const removed = ['spatial', 'is_test'].filter((name) => site.node.attributes.has(name));
  if (removed.length === 0) return undefined;
  return site.keep(`${removed.join(' and ')} removed`, { attributes: withoutAttributes(removed) });
}

/** C is broadcast to the result by today's rules whatever `broadcast` said: without it, C has the result's shape. */
function upgradeGemm(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 7 || !site.node.attributes.has('broadcast')) return undefined;
  return site.keep('broadcast became implicit', { attributes: { broadcast: null } });
}

/** The whole sequence is given where the node names that output. */
function upgradeRecurrence(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 7 || !site.node.attributes.has('output_sequence')) return undefined;
  return site.keep('output_sequence removed', { attributes: { output_sequence: null } });
}

function upgradeLpPool(site: UpgradeSite): Rewrite | undefined {
  if (site.opset < 2 && !site.node.attributes.has('kernel_shape')) site.refuse('its kernel_shape is missing');
  return upgradeNorm(site);
}

function upgradeNorm(site: UpgradeSite): Rewrite | undefined {
  if (site.opset >= 2) return undefined;
  const norm = site.float('p');
  if (norm === undefined) return undefined;
  if (!Number.isInteger(norm)) site.refuse(`p is ${norm}, and only whole numbers are left`);
  return site.keep('p became an integer', { attributes: { p: intAttribute(norm) } });
}

function upgradeUpsample(site: UpgradeSite): Rewrite | undefined {
  const mode = site.string('mode') ?? 'nearest';
  if (site.opset >= 9) return toResize(site, mode, site.input(1), {});
  if (site.opset >= 7) {
    const scales = site.floats('scales') ?? site.refuse('its scales are missing');
    return toResize(site, mode, site.float32('scales', scales), { scales: null });
  }
  const height = site.float('height_scale') ?? site.refuse('its height_scale is missing');
  const width = site.float('width_scale') ?? site.refuse('its width_scale is missing');
  const removed = { height_scale: null, width_scale: null };
  return toResize(site, mode, site.float32('scales', [1, 1, height, width]), removed);
}

function upgradeResize(site: UpgradeSite): Rewrite | undefined {
  return site.opset >= 11 ? undefined : toResize(site, site.string('mode') ?? 'nearest', site.input(1), {});
}

/**
 * Upsample and the Resize of opset 10 map output x to input x / scale. "nearest" takes the element below it; where a size
 * shrinks, which opset 10 leaves open, onnxruntime takes the element above.
 */
function toResize(site: UpgradeSite, mode: string, scales: string, removed: Readonly<Record<string, null>>): Rewrite {
  const nearest = mode === 'nearest';
  return site.keep(`${site.node.opType === 'Resize' ? 'mapping of coordinates made explicit' : 'became Resize'}`, {
    opType: 'Resize',
    inputs: [site.input(0), '', scales],
    attributes: {
      ...removed,
      mode: stringAttribute(mode === 'bilinear' ? 'linear' : mode),
      coordinate_transformation_mode: stringAttribute('asymmetric'),
      ...(nearest ? { nearest_mode: stringAttribute(nearestMode(site)) } : {}),
    },
  });
}

function nearestMode(site: UpgradeSite): string {
  if (site.node.opType === 'Upsample') return 'floor';
  const scales = site.elements(1);
  if (scales === undefined) return site.refuse('its scales are not constant, and rounding depends on them');
  const shrinks = scales.some((scale) => scale < 1);
  if (shrinks && scales.some((scale) => scale > 1)) {
    site.refuse('it shrinks along one axis and grows along another');
  }
  return shrinks ? 'ceil' : 'floor';
}

function upgradeScatter(site: UpgradeSite): Rewrite {
  return site.keep('became ScatterElements', { opType: 'ScatterElements' });
}

/** The Scan of opset 8 has a batch axis and sequence lengths, which later ones have not. */
function upgradeScan(site: UpgradeSite): Rewrite | undefined {
  return site.opset >= 9 ? undefined : site.refuse('the batch axis of Scan is gone since opset 9');
}

function withoutAttributes(names: readonly string[]): Readonly<Record<string, NewAttribute | null>> {
  return Object.fromEntries(names.map((name) => [name, null]));
}
