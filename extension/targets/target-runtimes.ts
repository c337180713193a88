import type { Runtime } from '../runtimes/runtime';
import { allRuntimes, findRuntime } from '../runtimes/runtimes';
import type { Target } from './target';

/** The ids of the runtimes that are at home on a core; the usual one first. */
function idsFor({ id, core, vendor }: Target): readonly string[] {
  // Nothing is known but memory: no runtime is usual there.
  if (core === '') return [];
  const arm = /Cortex-([AM]\d+)/i.exec(core)?.[1]?.toUpperCase();
  const st = vendor.startsWith('STM') ? ['st-edge-ai'] : [];
  const anywhere = ['tflm', 'onnx2c'];
  if (/^esp32/i.test(id)) return ['esp-dl', ...anywhere];
  switch (arm) {
    case 'M0':
    case 'M1':
    case 'M3':
    case 'M23':
      return ['tflm-cmsis-nn-m0', ...st, ...anywhere];
    case 'M4':
    case 'M7':
    case 'M33':
    case 'M35':
      return ['tflm-cmsis-nn-m4', ...st, ...anywhere];
    case 'M52':
    case 'M55':
    case 'M85':
      return ['tflm-cmsis-nn-m55', ...st, ...anywhere];
    default:
      // Application processors run Linux or Android.
      return arm?.startsWith('A') ? ['onnxruntime-mobile', ...anywhere] : anywhere;
  }
}

/** Runtimes that are at home on a target, the usual one first. */
export function runtimesFor(target: Target): readonly Runtime[] {
  return idsFor(target).flatMap((id) => findRuntime(id) ?? []);
}

/** What a setting means: a runtime by its id; nothing for `none` and unknown ids; when empty, the usual one of the target. */
export function chosenRuntime(setting: string, target: Target | undefined): Runtime | undefined {
  const id = setting.trim();
  if (id !== '') return findRuntime(id);
  return target && runtimesFor(target)[0];
}

/** All runtimes, those at home on the target first. */
export function runtimesByTarget(target: Target | undefined): readonly Runtime[] {
  return [...new Set([...(target ? runtimesFor(target) : []), ...allRuntimes()])];
}

/**
 * The runtime that a chip beside the chosen one is judged with: that of the setting where it is at home on the chip, else the chip's
 * usual one; nothing where the setting asks for the model's data alone.
 */
export function comparedRuntime(setting: string, target: Target): Runtime | undefined {
  const chosen = chosenRuntime(setting, target);
  if (!chosen) return undefined;
  const own = runtimesFor(target);
  return own.includes(chosen) ? chosen : own[0];
}
