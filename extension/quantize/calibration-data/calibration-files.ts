import type { ByteSource } from '../../onnx/byte-source';

/** One file of calibration data; opened when its turn comes. */
export interface CalibrationFile {
  /** The name a person knows it by, such as `digits.npz` or `photos/cat.png`. */
  readonly name: string;
  open(): Promise<CalibrationBytes>;
  /** Undoes the compression of an archive; absent: the platform's DecompressionStream does. */
  readonly inflateRaw?: InflateRaw;
}

/** The content of a raw deflate stream, in pieces. Rejects when the stream is damaged. */
export type InflateRaw = (compressed: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/** An open file. Close it. */
export interface CalibrationBytes extends ByteSource {
  close(): Promise<void>;
}

/** Calibration data that cannot be used; the message is one sentence that names the file and what to do. */
export class CalibrationDataRefused extends Error {
  override readonly name = 'CalibrationDataRefused';
}

const kindsByExtension = {
  npz: 'npz',
  npy: 'npy',
  png: 'png',
  jpg: 'jpg',
  jpeg: 'jpg',
  wav: 'wav',
  csv: 'csv',
  bin: 'raw',
  raw: 'raw',
} as const;

export type CalibrationFileKind = (typeof kindsByExtension)[keyof typeof kindsByExtension];

/** What a person reads where the supported kinds are listed. */
export const supportedKinds = '.npy, .npz, .png, .jpg, .wav, .csv, .bin or .raw';

/** The kind of a file by the end of its name; undefined where it is none that is read. */
export function calibrationFileKind(name: string): CalibrationFileKind | undefined {
  const extension = /\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase() ?? '';
  return isKnownExtension(extension) ? kindsByExtension[extension] : undefined;
}

function isKnownExtension(extension: string): extension is keyof typeof kindsByExtension {
  return Object.hasOwn(kindsByExtension, extension);
}

/**
 * The files of a folder that can be read, by name in the order of their UTF-16 codes (the same on every machine). Hidden files are left out.
 * Throws CalibrationDataRefused when none is left.
 */
export function usableFiles(folder: string, files: readonly CalibrationFile[]): readonly CalibrationFile[] {
  const usable = files.filter(({ name }) => calibrationFileKind(name) !== undefined && !/(^|[/\\])\./.test(name));
  if (usable.length === 0) {
    throw new CalibrationDataRefused(`${folder} holds no calibration data; put ${supportedKinds} files into it.`);
  }
  return usable.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
