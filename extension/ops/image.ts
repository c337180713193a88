import type { OpDefinition } from './definition';
import { define, tensorFact } from './facts';

const imageDecoder = define('ImageDecoder', 20, (context) => {
  const channels = context.attributes.string('pixel_format', 'RGB') === 'Grayscale' ? 1 : 3;
  return [tensorFact('UINT8', [context.dataDependent('height'), context.dataDependent('width'), channels])];
});

export const imageOperators: readonly OpDefinition[] = [imageDecoder];
