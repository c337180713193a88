import type { Constant } from '../budget/constants';
import { type Footprint, footprintOf } from '../budget/footprint';
import { operandUse, roleFor } from '../budget/roles';
import type { DataType } from '../model/data-type';
import { formatDataType } from '../model/format';
import type { Graph, Model, Node } from '../model/model';
import type { ByteSource, ExternalFiles } from '../onnx/byte-source';
import { forbiddenLocation } from '../onnx/external-data';
import { readModel } from '../onnx/read-model';
import { inferShapes } from '../shapes/infer-shapes';
import type { ModelShapes } from '../shapes/model-shapes';
import type { Analysis, LayerSummary, PeakSummary } from './analysis';
import { layerFormulas } from './formulas';
import { operatorText } from './operator-text';
import { shapeAsData, summarizeValue } from './value-summary';

/** A model to be measured: its bytes and the name to call it by. */
export interface ModelInput {
  readonly fileName: string;
  readonly source: ByteSource;
  readonly externalFiles?: ExternalFiles;
}

export interface AnalysedModel {
  readonly analysis: Analysis;
  readonly model: Model;
  readonly shapes: ModelShapes;
  readonly footprint: Footprint;
}

/**
 * Reads and measures a model; reads no weights. `bindings`: sizes of symbolic dimensions by key. Throws UnreadableModel for what
 * is no model, UnknownBinding for a key the model does not have, and the signal's reason between its steps.
 */
export async function analyseModel(
  input: ModelInput,
  bindings: ReadonlyMap<string, number> = new Map(),
  signal?: AbortSignal,
): Promise<AnalysedModel> {
  const { fileName, source, externalFiles } = input;
  const model = await readModel(source, { fileName, ...(externalFiles && { externalFiles }) });
  await heed(signal);
  const shapes = inferShapes(model, bindings);
  await heed(signal);
  const footprint = footprintOf(model, shapes);
  await heed(signal);
  let analysis: Analysis | undefined;
  return {
    // A plan is often wanted for its sizes alone.
    get analysis() {
      analysis ??= describe(model, shapes, footprint);
      return analysis;
    },
    model,
    shapes,
    footprint,
  };
}

/** Lets a cancel that waits in the event loop arrive, and throws its reason. */
async function heed(signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return;
  await new Promise((resolve) => setTimeout(resolve));
  signal.throwIfAborted();
}

function describe(model: Model, shapes: ModelShapes, footprint: Footprint): Analysis {
  const { graph, source } = model;
  const { values } = shapes.graph;
  const summarize = (name: string) => summarizeValue(name, values.get(name), shapes.sizeInTotals);
  const { totals, lifetimes, constants } = footprint;
  return {
    file: {
      name: source.fileName,
      bytes: source.byteLength,
      externalBytes: source.externalFiles.reduce((sum, { byteLength = 0 }) => sum + byteLength, 0),
      externalFiles: source.externalFiles.flatMap(({ path }) => (forbiddenLocation(path) === undefined ? [path] : [])),
    },
    model: {
      graphName: graph.name,
      producer: [model.producerName, model.producerVersion].filter((word) => word !== '').join(' '),
      irVersion: model.irVersion,
      opsets: [...model.opsets].map(([domain, version]) => ({ domain, version })),
      nodeCount: graph.nodes.length,
      inputs: graph.inputs.filter(({ name }) => !graph.constants.has(name)).map(({ name }) => summarize(name)),
      outputs: graph.outputs.map(({ name }) => summarize(name)),
      metadata: [...model.metadata].map(([key, value]) => ({ key, value })),
    },
    precision: precisionOf(constants),
    totals,
    layers: layersOf(shapes, footprint),
    peak: peakOf(shapes, footprint),
    lifetimes,
    bindables: shapes.bindables,
    operators: countOperators(graph),
    constants: byDataType(constants),
    diagnostics: [...model.diagnostics, ...shapes.diagnostics, ...footprint.diagnostics],
  };
}

function layersOf(shapes: ModelShapes, footprint: Footprint): readonly LayerSummary[] {
  const { layers, constants } = footprint;
  const formulas = layerFormulas(shapes, footprint);
  const { graph, values } = shapes.graph;
  const charged = new Map<number, Constant>();
  for (const constant of constants) {
    if (constant.step === undefined || constant.role !== 'data') continue;
    if (constant.bytes > (charged.get(constant.step)?.bytes ?? -1)) charged.set(constant.step, constant);
  }
  return layers.flatMap((layer) => {
    const node = graph.nodes[layer.index];
    if (!node) return [];
    const output = values.get(node.outputs.find((name) => name !== '') ?? '')?.type;
    const outputType = output?.kind === 'tensor' ? output.dataType : undefined;
    const type = weightType(node, graph) ?? charged.get(layer.step)?.dataType ?? outputType;
    return [
      {
        ...layer,
        outputShape: shapeAsData(output),
        operator: operatorText(node, values),
        precision: type ? formatDataType(type) : '',
        ...(formulas[layer.step] && { formulas: formulas[layer.step] }),
      },
    ];
  });
}

/** Element type of the largest initializer that the node uses as data. */
function weightType(node: Node, graph: Graph): DataType | undefined {
  let largest = -1;
  let found: DataType | undefined;
  node.inputs.forEach((name, position) => {
    const tensor = graph.constants.get(name);
    if (!tensor || roleFor(operandUse(node.opType, position), tensor.dataType) !== 'data') return;
    if (tensor.byteLength <= largest) return;
    largest = tensor.byteLength;
    found = tensor.dataType;
  });
  return found;
}

function peakOf(shapes: ModelShapes, { peak }: Footprint): PeakSummary | undefined {
  return (
    peak && {
      ...peak,
      tensors: peak.tensors.map((tensor) => ({
        ...tensor,
        shape: shapeAsData(shapes.graph.values.get(tensor.name)?.type),
      })),
    }
  );
}

/** The types of the parameters, most bytes first: "float32", "int8 + float32"; "no weights" where there are none. */
function precisionOf(constants: readonly Constant[]): string {
  const rows = byDataType(constants.filter(({ role }) => role === 'data'));
  return (
    rows.map(({ dataType }) => (dataType === 'unknown' ? dataType : formatDataType(dataType))).join(' + ') ||
    'no weights'
  );
}

function byDataType(constants: readonly Constant[]) {
  const rows = new Map<DataType | 'unknown', { elements: number; bytes: number }>();
  for (const { dataType = 'unknown', elements, bytes } of constants) {
    const row = rows.get(dataType) ?? { elements: 0, bytes: 0 };
    rows.set(dataType, { elements: row.elements + elements, bytes: row.bytes + bytes });
  }
  return [...rows].map(([dataType, row]) => ({ dataType, ...row })).sort((a, b) => b.bytes - a.bytes);
}

function countOperators(graph: Graph): readonly { readonly name: string; readonly count: number }[] {
  const counts = new Map<string, number>();
  for (const { opType } of graph.nodes) counts.set(opType, (counts.get(opType) ?? 0) + 1);
  return [...counts].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count);
}
