import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { openFile } from '../../onnx/node-files';
import {
  CalibrationDataRefused,
  type CalibrationFile,
  calibrationFileKind,
  supportedKinds,
  usableFiles,
} from './calibration-files';
import { inflateRawOnNode } from './node-inflate';

/**
 * The calibration files at a path on disk: the file itself, or the supported files of the folder, sorted by name (its folders are not entered).
 * Throws CalibrationDataRefused when there is nothing that can be read.
 */
export async function calibrationFilesAt(path: string): Promise<readonly CalibrationFile[]> {
  const stats = await stat(path).catch((error: unknown) => {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const reason = missing ? 'there is no such file or folder' : error instanceof Error ? error.message : String(error);
    throw new CalibrationDataRefused(`The calibration data ${path} cannot be opened: ${reason}.`);
  });
  if (stats.isDirectory()) {
    const entries = await readdir(path, { withFileTypes: true });
    const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
    return usableFiles(
      path,
      names.map((name) => fileOnDisk(join(path, name))),
    );
  }
  if (calibrationFileKind(path) === undefined) {
    throw new CalibrationDataRefused(
      `${path} is no calibration data; give a ${supportedKinds} file, or a folder of them.`,
    );
  }
  return [fileOnDisk(path)];
}

function fileOnDisk(path: string): CalibrationFile {
  return { name: basename(path), open: () => openFile(path), inflateRaw: inflateRawOnNode };
}
