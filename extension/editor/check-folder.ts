import * as vscode from 'vscode';
import { formatBytes, formatLimit } from '../model/format';
import type { Target } from '../targets/target';
import type { MemoryVerdict, Verdict } from '../targets/verdict';
import { measureFit } from './measure-fit';
import { type EditorServices, fitChoices, viewType } from './model-editor';
import type { ModelProblems } from './model-problems';
import type { ModelVerdicts } from './model-verdicts';
import { listFolder } from './workspace-files';
import { listPaths } from './workspace-paths';

interface Row extends vscode.QuickPickItem {
  readonly uri: vscode.Uri;
}

/** "Check fit" of a folder: a table of its models against the target. Choosing a row opens the model. */
export async function checkFolder(
  folder: vscode.Uri,
  services: EditorServices,
  verdicts: ModelVerdicts,
  problems: ModelProblems,
): Promise<void> {
  const { targets } = services;
  const target = targets.target ?? (await targets.pick({ title: 'Check fit: choose a chip' }));
  if (!target) return;
  const paths = await listPaths((path) => listFolder(vscode.Uri.joinPath(folder, path)));
  const models = paths.filter((path) => path.endsWith('.onnx')).sort();
  const name = folder.path.split('/').at(-1) ?? '';
  if (models.length === 0) {
    void vscode.window.showInformationMessage(`${name} has no .onnx files.`);
    return;
  }
  const rows = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: `Measuring the models in ${name}`, cancellable: true },
    async (progress, cancelled) => {
      const rows: Row[] = [];
      for (const path of models) {
        if (cancelled.isCancellationRequested) return undefined;
        progress.report({ message: path, increment: 100 / models.length });
        const uri = vscode.Uri.joinPath(folder, path);
        try {
          const verdict = await measureFit(uri, services, fitChoices(services, target));
          if (!verdict) continue;
          verdicts.put(uri, { verdict });
          problems.watch(uri);
          rows.push(verdictRow(uri, path, verdict));
        } catch (error) {
          const detail = error instanceof Error ? error.message : String(error);
          rows.push({ uri, label: `$(warning) ${path}`, description: 'cannot be read', detail });
        }
      }
      return rows;
    },
  );
  const chosen =
    rows &&
    (await vscode.window.showQuickPick(rows, {
      title: `Check fit: ${name} on ${target.name}`,
      placeHolder: summary(rows, target),
      matchOnDescription: true,
      matchOnDetail: true,
    }));
  if (chosen) await vscode.commands.executeCommand('vscode.openWith', chosen.uri, viewType);
}

const words = {
  fits: ['check', 'fits'],
  tight: ['warning', 'fits, but tight'],
  'model-data-fits': ['circle-outline', 'model data fits'],
  'does-not-fit': ['close', 'does not fit'],
  'cannot-run': ['close', 'cannot run'],
  unknown: ['question', 'not known'],
} as const satisfies Record<Verdict['outcome'], readonly [icon: string, word: string]>;

function verdictRow(uri: vscode.Uri, path: string, { outcome, flash, ram, reasons }: Verdict): Row {
  const [icon, word] = words[outcome];
  const figures = [figure('flash', flash), figure('RAM', ram)].filter((text) => text !== '').join(' · ');
  return { uri, label: `$(${icon}) ${path}`, description: `${word} · ${figures}`, detail: reasons.join('; ') };
}

function figure(name: string, { bytes, limit, kind }: MemoryVerdict): string {
  if (limit === undefined) return '';
  const sign = kind === 'exact' || kind === 'measured' ? '' : kind === 'lower bound' ? '≥ ' : '~';
  return `${name} ${sign}${formatBytes(bytes)} of ${formatLimit(limit)}`;
}

function summary(rows: readonly Row[], target: Target): string {
  return `${rows.length} model${rows.length === 1 ? '' : 's'} held against ${target.name}; choose one to open it`;
}
