import { basename } from 'node:path';
import * as vscode from 'vscode';
import { type CalibrationFileKind, calibrationFileKind } from '../quantize/calibration-data/calibration-files';
import type { DataChoice } from './quantize-choices';

/** Endings of names that are read as calibration data. */
const extensions = ['npz', 'npy', 'png', 'jpg', 'jpeg', 'wav', 'csv', 'bin', 'raw'];

/** Lets the person choose calibration data; undefined when they leave the dialog. */
export async function chooseData(isFolder: boolean, model: vscode.Uri): Promise<DataChoice | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    title: isFolder ? 'Choose a folder of calibration data' : 'Choose calibration data',
    openLabel: 'Calibrate',
    defaultUri: vscode.Uri.joinPath(model, '..'),
    canSelectFiles: !isFolder,
    canSelectFolders: isFolder,
    canSelectMany: !isFolder,
    ...(!isFolder && { filters: { 'Calibration data': extensions } }),
  });
  if (!chosen || chosen.length === 0) return undefined;
  const other = chosen.find(({ scheme }) => scheme !== 'file');
  if (other) throw new Error(`${basename(other.path)} is not on disk. Choose data that is.`);
  const paths = chosen.map(({ fsPath }) => fsPath);
  return { kind: 'files', paths, media: await mediaOf(paths) };
}

/** What preprocessing is for: images or recordings among the files, or in the folders. */
export async function mediaOf(paths: readonly string[]): Promise<'images' | 'audio' | undefined> {
  for (const path of paths) {
    const kinds = await kindsAt(path);
    if (kinds.some((kind) => kind === 'png' || kind === 'jpg')) return 'images';
    if (kinds.includes('wav')) return 'audio';
  }
  return undefined;
}

async function kindsAt(path: string): Promise<readonly (CalibrationFileKind | undefined)[]> {
  const own = calibrationFileKind(path);
  if (own !== undefined) return [own];
  try {
    const entries = await vscode.workspace.fs.readDirectory(vscode.Uri.file(path));
    return entries.map(([name]) => calibrationFileKind(name));
  } catch {
    // What is wrong with the path is said when it is read.
    return [];
  }
}
