import { gunzipSync } from 'node:zlib';

/** The files of a gzipped tar archive by path (POSIX ustar: 512-byte header with name, octal size and type, then the content). */
export function readTarArchive(compressed: Uint8Array): Map<string, Uint8Array> {
  const archive = gunzipSync(compressed);
  const files = new Map<string, Uint8Array>();
  const text = (start: number, length: number) =>
    archive.toString('utf8', start, start + length).split('\0', 1)[0] ?? '';
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const prefix = text(at + 345, 155);
    const isFile = archive[at + 156] === 0x30 || archive[at + 156] === 0;
    if (isFile) files.set(`${prefix && `${prefix}/`}${text(at, 100)}`, archive.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
