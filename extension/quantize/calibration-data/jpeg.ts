import { CalibrationDataRefused } from './calibration-files';
import { type DecodedImage, largestImagePixels } from './image';

/** Memory that decoding may take, in MiB: the coefficients of the largest image, for three colours. */
const largestMemory = 2048;

/**
 * Decodes a JPEG file (baseline or progressive) to red, green and blue; grey has the same number in all three. The orientation that a camera notes in its
 * metadata is not applied. Throws CalibrationDataRefused for damaged files and more than 2^26 pixels.
 */
export async function decodeJpeg(bytes: Uint8Array, name: string): Promise<DecodedImage> {
  // The decoder is loaded when the first JPEG is met.
  const { decode } = await import('jpeg-js');
  try {
    const { width, height, data } = decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: largestImagePixels / 1e6,
      maxMemoryUsageInMB: largestMemory,
    });
    if (width * height === 0 || data.length !== width * height * 3) throw new Error('it has no whole pixels');
    return { width, height, channels: 3, values: data };
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/\.$/, '') : String(error);
    throw new CalibrationDataRefused(`${name} cannot be read as a JPEG image: ${reason}.`);
  }
}
