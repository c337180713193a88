import type { Tensor } from '../model/model';

/** A tensor while the model is being read: where its elements are may become known later than the rest. */
export type TensorDraft = { -readonly [Key in keyof Tensor]: Tensor[Key] };
