import { type ChannelLayout, type PieceError, quantizePiece, raiseMagnitudes } from './int8-kernel';

/** A piece of a float32 tensor in memory that threads share, with float32 elements in the order of this machine. */
export interface TensorPiece {
  readonly buffer: SharedArrayBuffer;
  /** Elements in the buffer, from its start. */
  readonly length: number;
  /** Of its first element in the tensor. */
  readonly position: number;
}

/** Work on one piece of a tensor. It depends on nothing else, and doing it twice does no harm. */
export type TensorTask =
  /** Raises the float32 patterns in `magnitudes`, one for each channel. */
  | {
      readonly kind: 'magnitudes';
      readonly piece: TensorPiece;
      readonly layout: ChannelLayout;
      readonly magnitudes: Int32Array;
    }
  /** Writes the int8 codes and tells what they lose. */
  | {
      readonly kind: 'int8';
      readonly piece: TensorPiece;
      readonly layout: ChannelLayout;
      readonly scales: Float32Array;
      readonly codes: SharedArrayBuffer;
    };

const noError: PieceError = { signal: 0, noise: 0, maxAbsoluteError: 0, notFinite: 0 };

/** Does a task, on whatever thread this is. */
export function performTask(task: TensorTask): PieceError {
  const { buffer, length, position } = task.piece;
  if (task.kind === 'magnitudes') {
    raiseMagnitudes(new Int32Array(buffer, 0, length), position, task.layout, task.magnitudes);
    return noError;
  }
  const codes = new Int8Array(task.codes, 0, length);
  return quantizePiece(new Float32Array(buffer, 0, length), position, task.layout, task.scales, codes);
}
