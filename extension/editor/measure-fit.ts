import type * as vscode from 'vscode';
import type { Verdict } from '../targets/verdict';
import type { EditorServices } from './model-editor';
import { originOf } from './model-origin';
import { type FitChoices, fitVerdict } from './page-state';
import { measureFor } from './wanted-figures';

/** Reads a model file, as it is, and holds it against a target; undefined without one. Rejects when it cannot be read. */
export async function measureFit(
  uri: vscode.Uri,
  { worker, bindings }: Pick<EditorServices, 'worker' | 'bindings'>,
  choices: FitChoices,
): Promise<Verdict | undefined> {
  const { session, analysis } = await worker.call('open', {
    origin: await originOf(uri),
    bindings: bindings.get(uri),
  });
  try {
    const footprint = await measureFor(worker, session, choices, 'as-in-file');
    return fitVerdict(analysis, footprint, choices);
  } finally {
    await worker.call('close', { session });
  }
}
