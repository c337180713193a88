import type { GraphChange } from '../graph-change';
import type { GraphView } from '../graph-view';
import { packCodes } from '../weights/pack-codes';
import { float32Bytes } from '../weights/quantized-tensor';
import { type ActivationType, activationParameters, type Ranges } from './activation-type';
import { type QuantizedNames, scalarData } from './quantize-linear';

/** Scales and zero points of activations. Their tensors can be planned without ranges; producing them then throws QuantizationRefused. */
export class ActivationScales {
  constructor(
    private readonly view: GraphView,
    private readonly ranges: Ranges | undefined,
  ) {}

  /** Adds scale and zero point of an activation, by the range of `name`. */
  add(change: GraphChange, names: QuantizedNames, name: string, type: ActivationType): void {
    const { dataType } = type;
    change.addInitializer(
      scalarData(names.scale, 'FLOAT', 4, async () => float32Bytes([this.parametersOf(name, type).scale])),
    );
    change.addInitializer(
      scalarData(names.zeroPoint, dataType, dataType === 'INT16' ? 2 : 1, async () =>
        packCodes(Int32Array.of(this.parametersOf(name, type).zeroPoint), dataType),
      ),
    );
  }

  parametersOf(name: string, type: ActivationType): { readonly scale: number; readonly zeroPoint: number } {
    const rangeName = this.rangeName(name);
    if (rangeName !== undefined) return activationParameters(rangeName, this.ranges, type);
    // A softmax goes from 0 to 1 whatever the data.
    return activationParameters(name, new Map([[name, { minimum: 0, maximum: 1 }]]), type);
  }

  /**
   * The tensor whose range counts for a value: one that only Relu or Clip takes needs no more than what they let through. undefined: 0 to 1, whatever the
   * data.
   */
  rangeName(name: string): string | undefined {
    const producer = this.view.producer(name);
    if (producer?.opType === 'Softmax' && producer.domain === 'ai.onnx') return undefined;
    const user = this.view.onlyUse(name)?.node;
    const clips = user?.domain === 'ai.onnx' && (user.opType === 'Relu' || user.opType === 'Clip');
    return clips && user.inputs[0] === name ? (user.outputs[0] ?? name) : name;
  }
}
