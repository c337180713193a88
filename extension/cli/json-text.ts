import { UsageError } from './io';

/**
 * A document as JSON with a line end: indented for one document, on one line for `--jsonl`. Characters that could steer a terminal
 * stand as escapes, which JSON reads as the same text. Throws UsageError when it is longer than a text can be.
 */
export function jsonText(document: unknown, layout: 'indented' | 'line'): string {
  try {
    const text = JSON.stringify(document, undefined, layout === 'indented' ? 2 : undefined);
    // JSON.stringify escapes the controls below U+0020 itself.
    return `${text.replace(
      /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )}\n`;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(
      'the document is longer than a text can be; leave out --tensors, or give one model at a time.',
    );
  }
}
