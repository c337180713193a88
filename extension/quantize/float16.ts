import { storedBytes } from '../model/data-type';
import { findFunction, type Graph, type Tensor } from '../model/model';
import type { FunctionEdits, GraphEdits, ModelEdits, TensorData } from '../onnx/edit';
import { readTensorChunks } from '../onnx/tensor-data';
import type { BodyShapes } from '../shapes/model-shapes';
import { functionsByCalls } from './float16-functions';
import { type ConversionContext, GraphConversion } from './float16-graph';
import { Float16Tensor } from './float16-tensor';
import { irReport } from './ir-report';
import type { ConvertedTensor, PassReport, QuantizationSource } from './plan';
import { UniqueNames } from './unique-names';

/** From this IR version on, an initializer needs no graph input, and one that has it can be overridden by the caller. */
const overridableIr = 4;

/** The float16 scheme as edits: weights and compute in float16, inputs and outputs of the model as they are. */
export async function planFloat16(source: QuantizationSource): Promise<{
  readonly edits: ModelEdits;
  readonly converted: readonly ConvertedTensor[];
  readonly left: readonly { readonly name: string; readonly reason: string }[];
  readonly passes: readonly PassReport[];
}> {
  const { model, shapes } = source;
  const names = new UniqueNames(model);
  const converted = new Map<Tensor, ConvertedTensor>();
  const left = new Map<Tensor, { readonly name: string; readonly reason: string }>();
  const sorted: Graph[] = [];
  const { convertible, blocked } = functionsByCalls(model, shapes);
  const functions = new Map<number, GraphConversion>();
  const opset = model.opsets.get('ai.onnx') ?? 1;
  let casts = 0;

  const contextFor = (version: number): ConversionContext => ({
    names,
    opset: version,
    convert(tensor, name) {
      const half = new Float16Tensor(tensor, source.bytes);
      const byteLength = storedBytes('FLOAT16', tensor.elementCount);
      converted.set(tensor, {
        name: tensor.name === '' ? name : tensor.name,
        elements: tensor.elementCount,
        bytesBefore: tensor.byteLength,
        bytesAfter: byteLength,
        measure: (signal) => half.measure(signal),
      });
      return { name, dataType: 'FLOAT16', dims: tensor.dims, byteLength, produce: () => half.produce() };
    },
    copy: (tensor, name): TensorData => ({
      name,
      dataType: 'FLOAT',
      dims: tensor.dims,
      byteLength: tensor.byteLength,
      produce: () => readTensorChunks(tensor, source.bytes),
    }),
    isConvertedCall({ node, bodies }) {
      const call = bodies.find(({ kind }) => kind === 'function');
      const definition = call && findFunction(model, node);
      if (!definition || !convertible.has(definition)) return false;
      enterFunction(model.functions.indexOf(definition), definition.opsets.get('ai.onnx') ?? opset, call);
      return true;
    },
    noteCast() {
      casts++;
    },
    noteLeft: (tensor, name, reason) => left.set(tensor, { name, reason }),
    noteSorted: (graph) => sorted.push(graph),
  });

  /** A function's body is converted once, for all calls. */
  function enterFunction(index: number, version: number, { shapes: body }: BodyShapes): void {
    if (functions.has(index)) return;
    functions.set(index, new GraphConversion(body, contextFor(version), { boundary: 'float16', isFunction: true }));
  }

  const overridable = overridableInitializers(source);
  const main = new GraphConversion(shapes.graph, contextFor(opset), { boundary: 'float32', overridable });
  const graph = main.edits();
  const functionEdits = new Map<number, FunctionEdits>();
  for (const [index, conversion] of functions) functionEdits.set(index, { graph: conversion.edits() });
  if (converted.size === 0 && sorted.length === 0) {
    const changes = ['Nothing is changed: the model has no float32 constant that can become float16.'];
    return { edits: {}, converted: [], left: [...left.values()], passes: [{ pass: 'float16', changes }] };
  }
  const raisesIr = (model.irVersion ?? overridableIr) < overridableIr;
  return {
    edits: { graph, functions: functionEdits, ...(raisesIr && { irVersion: overridableIr }) },
    converted: [...converted.values()],
    left: [...left.values()],
    passes: reports({
      tensors: converted.size,
      casts,
      ir: raisesIr ? irReport(model.irVersion, overridableIr, removedInputs(graph)) : undefined,
      sorted,
      blocked: blocked.map(({ name }) => name),
    }),
  };
}

function reports(done: {
  readonly tensors: number;
  readonly casts: number;
  readonly ir: PassReport | undefined;
  readonly sorted: readonly Graph[];
  readonly blocked: readonly string[];
}): PassReport[] {
  const passes: PassReport[] = [];
  if (done.sorted.length > 0) {
    const changes = done.sorted.map(({ name }) => `The nodes of graph "${name}" were put in topological order.`);
    passes.push({ pass: 'topological order', changes });
  }
  const changes = [`${done.tensors} float32 constants are stored as float16.`];
  if (done.casts > 0) changes.push(`${done.casts} Cast nodes were added where float16 meets float32.`);
  for (const name of done.blocked) {
    changes.push(
      `The function ${name} stays float32: its calls differ in element types, or come from where nothing is converted.`,
    );
  }
  if (done.tensors > 0 || done.casts > 0) {
    changes.push(
      'Intermediate values above 65,504 become infinite in float16; only a run shows whether there are any.',
    );
  }
  passes.push({ pass: 'float16', changes });
  if (done.ir) passes.push(done.ir);
  return passes;
}

/** Names of the constants that are no graph inputs any more. */
function removedInputs({ inputs }: GraphEdits): readonly string[] {
  return [...(inputs ?? [])].flatMap(([name, edit]) => (edit === null ? [name] : []));
}

/** Float initializers that are also inputs, from IR 4 on, are defaults that a caller may replace. */
function overridableInitializers({ model }: QuantizationSource): ReadonlySet<string> {
  if ((model.irVersion ?? 0) < overridableIr) return new Set();
  const inputs = model.graph.inputs.filter(({ name }) => model.graph.constants.get(name)?.dataType === 'FLOAT');
  return new Set(inputs.map(({ name }) => name));
}
