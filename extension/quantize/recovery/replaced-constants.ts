import type { Tensor } from '../../model/model';
import { GraphChange } from '../graph-change';
import { GraphView } from '../graph-view';
import type { QuantizationSource } from '../plan';
import type { PassEdits } from '../preparation/pass';
import { float32Bytes } from '../weights/quantized-tensor';

/** A float32 initializer that gets other elements: type and dimensions stay. */
export interface ReplacedConstant {
  readonly name: string;
  readonly tensor: Tensor;
  /** Is asked when the tensor is written. */
  values(): Promise<ArrayLike<number>>;
}

/** The edits that give constants other elements; undefined where there are none. */
export function replacedConstants(
  { model }: QuantizationSource,
  constants: readonly ReplacedConstant[],
  changes: readonly string[],
): PassEdits | undefined {
  const change = new GraphChange(new GraphView(model));
  for (const { name, tensor, values } of constants) {
    change.replaceInitializer(name, {
      name,
      dataType: 'FLOAT',
      dims: tensor.dims,
      byteLength: tensor.elementCount * Float32Array.BYTES_PER_ELEMENT,
      async *produce() {
        yield float32Bytes(await values());
      },
    });
  }
  const edits = change.edits();
  return edits && { edits, changes };
}
