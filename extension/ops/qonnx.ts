import type { OpDefinition } from './definition';
import { tensorFact } from './facts';

/** The domains under which brevitas, qonnx and FINN write the same operators. */
const domains = ['onnx.brevitas', 'qonnx.custom_op.general', 'finn.custom_op.general'];

/**
 * Fake quantization as quantization-aware training exports it: the output has the shape of the first input, in float32.
 * Source: github.com/fastmachinelearning/qonnx, docs/qonnx-custom-ops.
 */
export const qonnxOperators: readonly OpDefinition[] = domains.flatMap((domain) =>
  ['Quant', 'IntQuant', 'BipolarQuant', 'Trunc', 'FloatQuant'].map(
    (type): OpDefinition => ({
      domain,
      type,
      since: 1,
      infer: (context) => [tensorFact(context.dataType(0) ?? 'FLOAT', context.shape(0))],
    }),
  ),
);
