import type { TargetFigures } from '../worker/target-figures';
import { acceleratorDocument } from './accelerator-report';
import { latencyDocument } from './latency-report';

/** Latency and accelerator in JSON, where they were asked for. */
export function targetDocument({ latency, accelerator }: TargetFigures) {
  return {
    ...(latency && { latency: latencyDocument(latency) }),
    ...(accelerator && { accelerator: acceleratorDocument(accelerator) }),
  };
}
