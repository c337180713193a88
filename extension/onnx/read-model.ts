import type { Diagnostic } from '../model/diagnostic';
import type { Model } from '../model/model';
import { type ByteSource, type ExternalFiles, UnreadableModel } from './byte-source';
import { checkModel } from './check-model';
import { type DecodeContext, decoded } from './decode-context';
import { decodeFunction, decodeGraph, opsetVersions } from './decode-graph';
import { DiagnosticList } from './diagnostic-list';
import { resolveExternalData } from './external-data';
import { decoders, toSafeInteger } from './protobuf';
import { recogniseFile } from './recognise-file';
import { scanModel } from './scan';
import { fillSmallSparseTensors } from './sparse-data';
import { TensorHeaders } from './tensor-headers';
import { resolveTypedData } from './typed-tensors';
import { WireReader } from './wire';

const headBytes = 512;
/** From this IR version on a model must import operator sets. Source: onnx.proto, ModelProto.opset_import. */
const firstIrWithOpsets = 3;

/**
 * Reads the structure of an ONNX model; payloads stay where they are.
 * Throws UnreadableModel for what is no readable model; everything else that is wrong is in `diagnostics`.
 */
export async function readModel(
  source: ByteSource,
  options: { readonly fileName: string; readonly externalFiles?: ExternalFiles },
): Promise<Model> {
  const { fileName, externalFiles } = options;
  if (source.size === 0) throw new UnreadableModel(fileName, 'the file is empty; get it again');
  try {
    return await read(source, fileName, externalFiles);
  } catch (error) {
    if (!(error instanceof UnreadableModel)) throw error;
    const other = recogniseFile(await source.read(0, Math.min(headBytes, source.size)));
    throw other === undefined ? error : new UnreadableModel(fileName, other);
  }
}

async function read(source: ByteSource, fileName: string, externalFiles: ExternalFiles | undefined): Promise<Model> {
  const scan = await scanModel(new WireReader(source, fileName), fileName);
  const graphCount = scan.root.childNumbers().filter((number) => number === 7).length;
  const graphRecord = scan.root.lastChildOf(7);
  if (!graphRecord) {
    throw new UnreadableModel(fileName, 'there is no graph in this file; it is not an ONNX model, or it is damaged');
  }
  const context: DecodeContext = {
    fileName,
    pool: scan.pool,
    headers: new TensorHeaders(),
    diagnostics: new DiagnosticList(),
    external: [],
    typed: [],
    sparse: [],
  };
  const proto = decoded(context, scan.root, decoders.model);
  const { diagnostics } = context;
  if (graphCount > 1) {
    const message = `The file has ${graphCount} graphs where one is allowed; the last one is shown.`;
    diagnostics.push({
      severity: 'error',
      code: 'duplicate-graph',
      message,
      place: { offset: graphRecord.range.start },
    });
  }
  for (const text of scan.unreadTexts) {
    const message = `A text of ${(text.end - text.start).toLocaleString('en-US')} bytes is left unread because of its size.`;
    diagnostics.push({ severity: 'note', code: 'text-not-read', message, place: { offset: text.start } });
  }
  const graph = decodeGraph(context, graphRecord, []);
  const functions = scan.root.mapChildren(25, (record) => decodeFunction(context, record));
  await resolveTypedData(context.typed, source);
  const files = await resolveExternalData(context.external, externalFiles);
  fillSmallSparseTensors(context.sparse);

  const irVersion = Object.hasOwn(proto, 'irVersion') ? toSafeInteger(proto.irVersion) : undefined;
  const opsets = opsetVersions(proto.opsetImport ?? []);
  for (const fault of versionFaults(irVersion, opsets)) diagnostics.push(fault);
  if (!opsets.has('ai.onnx')) opsets.set('ai.onnx', 1);
  const model = { irVersion, opsets, graph, functions };
  checkModel(model, fileName, diagnostics);
  return {
    ...model,
    producerName: proto.producerName ?? '',
    producerVersion: proto.producerVersion ?? '',
    metadata: new Map((proto.metadataProps ?? []).map((entry) => [entry.key ?? '', entry.value ?? ''])),
    source: { fileName, byteLength: source.size, externalFiles: files },
    diagnostics: diagnostics.all(),
  };
}

function versionFaults(irVersion: number | undefined, opsets: ReadonlyMap<string, number>): Diagnostic[] {
  const faults: Diagnostic[] = [];
  if (irVersion === undefined) {
    const message =
      'The file does not say which IR version it follows; ONNX tools refuse it, but what it contains is shown.';
    faults.push({ severity: 'error', code: 'no-ir-version', message });
  }
  if (opsets.size === 0) {
    const required = irVersion === undefined || irVersion >= firstIrWithOpsets;
    const message = 'The file imports no operator set; version 1 of ai.onnx is assumed.';
    faults.push({ severity: required ? 'error' : 'note', code: 'no-opset', message });
  }
  return faults;
}
