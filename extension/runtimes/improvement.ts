import type { FigureKind } from './runtime';

/** One way to need less working memory, with what it would save. Plain data; bytes. */
export interface Improvement {
  readonly kind: 'placement' | 'order' | 'in-place' | 'patches' | 'precision' | 'runtime';
  /** Such as "Place tensors better". */
  readonly title: string;
  /** One or two sentences: how, what it costs (recomputed MACs), and what is proven ("optimal" only where it is). */
  readonly detail: string;
  /** What RAM would then be needed. */
  readonly ramBytes: number;
  /** RAM now less RAM then; 0 or less: no gain, said with the reason. */
  readonly savedBytes: number;
  readonly figure: FigureKind;
  /** The choice that shows it: a precision or a runtime id, where the page can switch to it. */
  readonly switchTo?: { readonly precision?: string; readonly runtime?: string };
}
