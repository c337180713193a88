import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { formatBytes } from '../model/format';
import { defaultOutputName, type SchemeId, schemeIds, schemeLabel } from '../quantize/scheme';
import type { RuntimeFootprint } from '../runtimes/measure';
import { neededMemory } from '../targets/runtime-verdict';
import type { Analysis } from '../worker/analysis';
import type { PlannedScheme, QuantizationOutcome, WeightError } from '../worker/calls';
import { WorkerClient } from '../worker/worker-client';
import { type EditorServices, fitChoicesOn, type ModelEditorProvider } from './model-editor';
import { type FitChoices, fitVerdict } from './page-state';
import { exactBytes } from './quantization-report';
import { type ReadyPlan, type ReviewedOutput, reviewOutput } from './quantize-review';
import { showWhenSlow } from './slow-work';
import { measureFor } from './wanted-figures';

const title = 'Quantize for target';
const steps = 3;

/**
 * The flow in three steps: chip, scheme (each with its predicted size and fit), and a review of what will be written. Nothing is
 * written before the review is confirmed.
 */
export async function quantizeForTarget(
  uri: vscode.Uri,
  services: EditorServices,
  editor: Pick<ModelEditorProvider, 'openCompared'>,
  wanted?: SchemeId,
): Promise<void> {
  if (uri.scheme !== 'file') {
    throw new Error(`${basename(uri.path)} is not a file on disk. Save it first, then quantize it.`);
  }
  const { worker, targets, bindings } = services;
  const target = await targets.pick({ title, step: 1, totalSteps: steps }, uri);
  if (!target) return;
  const origin = { kind: 'file', path: uri.fsPath } as const;
  const controller = new AbortController();
  const opening = worker.call('open', { origin, bindings: bindings.get(uri) }, { signal: controller.signal });
  showWhenSlow(`Opening ${basename(uri.path)}`, opening, controller);
  const { session, analysis } = await opening;
  try {
    const choices = fitChoicesOn(services, target);
    const footprint = await measureFor(worker, session, choices, 'as-in-file');
    const chosen = await chooseScheme({ analysis, footprint, choices, wanted }, async (scheme) => {
      const plan = await worker.call('plan', { session, scheme });
      return {
        plan,
        footprint: plan.kind === 'ready' ? await measureFor(worker, session, choices, scheme) : undefined,
      };
    });
    if (!chosen) return;
    const { scheme, plan } = chosen;
    const error = await measureWeights(worker, session, scheme);
    const output = await reviewOutput({
      title: `${title} (${steps}/${steps}): ${schemeLabel(scheme)}`,
      source: analysis.file,
      plan,
      error,
      proposed: vscode.Uri.file(join(dirname(uri.fsPath), defaultOutputName(basename(uri.fsPath), scheme))),
      planAs: (outputName) => worker.call('plan', { session, scheme, outputName }),
    });
    if (!output) return;
    await showOutcome(uri, scheme, await write(services, uri, scheme, output), editor);
  } finally {
    await worker.call('close', { session });
  }
}

interface ChosenScheme {
  readonly scheme: SchemeId;
  readonly plan: ReadyPlan;
}

/** A plan, and what its file would need on the runtime. */
interface MeasuredScheme {
  readonly plan: PlannedScheme;
  readonly footprint: RuntimeFootprint | undefined;
}

interface SchemeItem extends vscode.QuickPickItem {
  readonly chosen?: ChosenScheme;
}

async function chooseScheme(
  context: {
    readonly analysis: Analysis;
    readonly footprint: RuntimeFootprint | undefined;
    readonly choices: FitChoices;
    readonly wanted: SchemeId | undefined;
  },
  planOf: (scheme: SchemeId) => Promise<MeasuredScheme>,
): Promise<ChosenScheme | undefined> {
  const { analysis, footprint, choices, wanted } = context;
  const picker = vscode.window.createQuickPick<SchemeItem>();
  picker.title = title;
  picker.step = 2;
  picker.totalSteps = steps;
  picker.placeholder = `${analysis.file.name} on ${choices.target?.name}: choose a scheme`;
  picker.busy = true;
  picker.ignoreFocusOut = true;
  const fileItem: SchemeItem = {
    label: `${analysis.precision} (the file as it is)`,
    description: sizeText(analysis, footprint, analysis.file.bytes, analysis.file.externalBytes),
    detail: fitText(analysis, footprint, choices),
  };
  const items: SchemeItem[] = [];
  const show = () => {
    picker.items = [...items, { label: 'now', kind: vscode.QuickPickItemKind.Separator }, fileItem];
    const active = items.find((item) => item.chosen && (item.chosen.scheme === wanted || wanted === undefined));
    if (active) picker.activeItems = [active];
  };
  show();
  picker.show();
  const planning = (async () => {
    for (const scheme of schemeIds) {
      items.push(schemeItem(scheme, await planOf(scheme), choices));
      show();
    }
    picker.busy = false;
  })();
  const chosen = new Promise<ChosenScheme | undefined>((resolve, reject) => {
    planning.catch((error: unknown) => {
      reject(error);
      picker.hide();
    });
    picker.onDidAccept(() => {
      const item = picker.activeItems[0];
      // The file as it is and refused schemes are there to be read, not to be chosen.
      if (!item?.chosen) return;
      resolve(item.chosen);
      picker.hide();
    });
    picker.onDidHide(() => {
      resolve(undefined);
      picker.dispose();
    });
  });
  return chosen;
}

function schemeItem(scheme: SchemeId, { plan, footprint }: MeasuredScheme, choices: FitChoices): SchemeItem {
  const label = schemeLabel(scheme);
  if (plan.kind === 'refused')
    return { label: `$(circle-slash) ${label}`, description: 'not possible', detail: plan.reason };
  return {
    label,
    description: sizeText(plan.analysis, footprint, plan.fileBytes, plan.externalBytes ?? 0),
    detail: fitText(plan.analysis, footprint, choices),
    chosen: { scheme, plan },
  };
}

function sizeText(
  analysis: Analysis,
  footprint: RuntimeFootprint | undefined,
  fileBytes: number,
  externalBytes: number,
): string {
  const data = externalBytes > 0 ? ` + ${formatBytes(externalBytes)} data` : '';
  const needed = footprint && neededMemory(footprint);
  const flash = needed
    ? `flash ${needed.flash.kind === 'exact' ? '' : '~'}${formatBytes(needed.flash.bytes)}`
    : `flash at least ${formatBytes(analysis.totals.constantBytes)}`;
  return `${flash} · file ${formatBytes(fileBytes)}${data}`;
}

function fitText(analysis: Analysis, footprint: RuntimeFootprint | undefined, choices: FitChoices): string {
  const verdict = fitVerdict(analysis, footprint, choices);
  if (!verdict) return '';
  const icons = {
    fits: '$(pass)',
    'model-data-fits': '$(pass)',
    tight: '$(warning)',
    'does-not-fit': '$(error)',
    'cannot-run': '$(circle-slash)',
    unknown: '$(question)',
  } as const;
  return `${icons[verdict.outcome]} ${verdict.lead} ${verdict.detail}`;
}

function measureWeights(worker: WorkerClient, session: number, scheme: SchemeId): Thenable<WeightError> {
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: 'Measuring the weight error', cancellable: true },
    (progress, token) => {
      const controller = new AbortController();
      token.onCancellationRequested(() => controller.abort());
      return worker.call(
        'weightError',
        { session, scheme },
        { signal: controller.signal, onProgress: percentReporter(progress) },
      );
    },
  );
}

/** Writes in a worker of its own, so that open models stay responsive. */
async function write(
  services: EditorServices,
  source: vscode.Uri,
  scheme: SchemeId,
  { uri, plan, overwrite }: ReviewedOutput,
): Promise<QuantizationOutcome> {
  const reviewed = { fileBytes: plan.fileBytes, externalBytes: plan.externalBytes };
  const worker = new WorkerClient(vscode.Uri.joinPath(services.extensionUri, 'dist', 'worker.cjs').fsPath);
  try {
    return await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: `Writing ${basename(uri.path)}`,
        cancellable: true,
      },
      (progress, token) => {
        const controller = new AbortController();
        token.onCancellationRequested(() => controller.abort());
        return worker.call(
          'quantize',
          { path: source.fsPath, scheme, outputPath: uri.fsPath, overwrite, reviewed },
          { signal: controller.signal, onProgress: percentReporter(progress) },
        );
      },
    );
  } finally {
    worker.dispose();
  }
}

function percentReporter(progress: vscode.Progress<{ increment: number }>): (done: number, total: number) => void {
  let shown = 0;
  return (done, total) => {
    const percent = total > 0 ? (100 * done) / total : 100;
    progress.report({ increment: percent - shown });
    shown = percent;
  };
}

async function showOutcome(
  source: vscode.Uri,
  scheme: SchemeId,
  outcome: QuantizationOutcome,
  editor: Pick<ModelEditorProvider, 'openCompared'>,
): Promise<void> {
  await editor.openCompared({ before: source, after: vscode.Uri.file(outcome.modelPath) });
  const data =
    outcome.writtenExternalBytes === undefined ? '' : ` and ${exactBytes(outcome.writtenExternalBytes)} of data`;
  const compared = outcome.comparison ? ` ${outcome.comparison}` : '';
  void vscode.window.showInformationMessage(
    `${basename(source.path)} as ${schemeLabel(scheme)}: ${exactBytes(outcome.writtenFileBytes)}${data} written, as predicted.${compared}`,
  );
}
