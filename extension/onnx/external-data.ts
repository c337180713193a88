import type { onnx } from 'onnx-proto';
import type { ExternalFile } from '../model/model';
import { type ByteSource, ExternalDataRefused, type ExternalFiles } from './byte-source';
import { inlineLimit } from './scan';
import type { TensorDraft } from './tensor-draft';

/** A tensor whose data is to be found in another file. */
export interface ExternalReference {
  readonly tensor: TensorDraft;
  readonly location: string;
  readonly offset: string | undefined;
  readonly length: string | undefined;
  readonly report: (code: string, message: string) => void;
}

/**
 * Why the rules forbid a location text, as a clause; undefined when it may be looked up.
 * Source: onnx 1.23, `resolve_external_data_location` in onnx/checker.cc; both separators count on every system.
 */
export function forbiddenLocation(location: string): string | undefined {
  if (location === '') return 'it is empty';
  if (location.includes('\0')) return 'it contains a zero byte';
  if (/^[/\\]/.test(location) || /^[A-Za-z]:/.test(location)) return 'it is an absolute path';
  const parts = location.split(/[/\\]/);
  if (parts.includes('..')) return 'it leads out of the folder of the model';
  if (location.includes('_ORT_MEM_ADDR_')) return 'it is an address in memory, not a file';
  return undefined;
}

/**
 * Finds the data of tensors in other files: sets their `location`, and `inline` for small ones. Each file is opened once.
 * Faults become diagnostics. Returns the files that were named.
 */
export async function resolveExternalData(
  references: readonly ExternalReference[],
  files: ExternalFiles | undefined,
): Promise<ExternalFile[]> {
  const opened = new Map<string, Opened>();
  for (const reference of references) {
    let file = opened.get(reference.location);
    if (!file) {
      file = await open(reference.location, files);
      opened.set(reference.location, file);
    }
    await resolve(reference, file);
  }
  return [...opened].map(([path, file]) => ({ path, byteLength: file.source?.size }));
}

/** Key and value pairs of `external_data`; the last of a repeated key counts. */
export function externalEntries(entries: readonly onnx.IStringStringEntryProto[]): ReadonlyMap<string, string> {
  return new Map(entries.map((entry) => [entry.key ?? '', entry.value ?? '']));
}

type Opened =
  | { readonly source: ByteSource }
  | { readonly source: undefined; readonly code: string; readonly reason: string };

async function open(location: string, files: ExternalFiles | undefined): Promise<Opened> {
  const forbidden = forbiddenLocation(location);
  if (forbidden) {
    const reason = `the data file ${JSON.stringify(location)} was refused: ${forbidden}`;
    return { source: undefined, code: 'external-data-refused', reason };
  }
  if (!files) {
    const reason = `the data file ${JSON.stringify(location)} cannot be opened here: only the model file is at hand`;
    return { source: undefined, code: 'external-data-missing', reason };
  }
  try {
    return { source: await files.open(location) };
  } catch (error) {
    if (!(error instanceof ExternalDataRefused)) throw error;
    return { source: undefined, code: `external-data-${error.why}`, reason: error.message };
  }
}

async function resolve(reference: ExternalReference, file: Opened): Promise<void> {
  const { tensor, location, report } = reference;
  const fail = (code: string, reason: string) => {
    tensor.location = { kind: 'missing', reason: sentence(reason) };
    report(code, sentence(`tensor ${JSON.stringify(tensor.name)}: ${reason}`));
  };
  if (!file.source) return fail(file.code, file.reason);
  const offset = decimal(reference.offset ?? '0');
  const length = reference.length === undefined ? tensor.byteLength : decimal(reference.length);
  if (offset === undefined || length === undefined) {
    const wrong =
      offset === undefined
        ? `offset ${JSON.stringify(reference.offset)}`
        : `length ${JSON.stringify(reference.length)}`;
    return fail('external-data-refused', `its ${wrong} is not a whole number of bytes`);
  }
  if (length !== tensor.byteLength) {
    const reason = `it names ${length} bytes of ${location} where type and dimensions call for ${tensor.byteLength}`;
    return fail('tensor-size-mismatch', reason);
  }
  if (offset + length > file.source.size) {
    const reason = `${location} has ${file.source.size} bytes, the data would end at byte ${offset + length}`;
    return fail('external-data-too-short', `${reason}; get the data file that belongs to this model`);
  }
  tensor.location = { kind: 'external', path: location, offset, length };
  if (length <= inlineLimit) tensor.inline = (await file.source.read(offset, length)).slice();
}

/** A non-negative decimal number written with digits only; undefined for anything else and above 2^53. */
function decimal(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
