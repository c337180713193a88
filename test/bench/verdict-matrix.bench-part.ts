import { MemoryByteSource } from '../../extension/onnx/byte-source';
import { usualSchemes, type WhatIfSchemeId } from '../../extension/quantize/what-if-scheme';
import { measureOnRuntime } from '../../extension/runtimes/measure';
import { findRuntime } from '../../extension/runtimes/runtimes';
import { allTargets } from '../../extension/targets/catalogue';
import { type FitFigures, fitFigures } from '../../extension/targets/fit-figures';
import { comparedRuntime } from '../../extension/targets/target-runtimes';
import { type MatrixColumn, type MatrixRow, verdictMatrix } from '../../extension/targets/verdict-matrix';
import type { AnalysedModel } from '../../extension/worker/analyse';
import { planned, startSession } from '../../extension/worker/model-sessions';
import { buildModel, type GraphSpec, type NodeSpec, type TensorSpec } from '../fixtures/model-builder';
import { leastTime, printPart } from './report';

const layerCount = 1000;
const chipCount = 100;
const reserves = { flash: 64 * 1024, ram: 16 * 1024, stack: 4096 };

/** Every scheme on every chip, from the planned files on; what planning the files takes is its own line. */
export async function benchVerdictMatrix(): Promise<void> {
  const bytes = buildModel({ opset: 17, graph: convolutions(layerCount) });
  const opened = { fileName: 'bench.onnx', source: new MemoryByteSource(bytes), close: async () => {} };
  // The reviewed catalogue is a little shorter: its first chips stand there twice.
  const columns = [...allTargets(), ...allTargets()].slice(0, chipCount).map(
    (target): MatrixColumn => ({
      target,
      runtime: comparedRuntime('', target)?.id,
      reserves,
      externalRam: false,
    }),
  );
  const runtimes = [...new Set(columns.flatMap(({ runtime }) => runtime ?? []))];
  const session = await startSession(opened, []);
  const planning = await leastTime(1, async () => {
    for (const scheme of usualSchemes) await planned(session, scheme);
  });
  const models: AnalysedModel[] = [session.analysed];
  for (const scheme of usualSchemes) models.push((await planned(session, scheme)).analysed);
  const rows: MatrixRow[] = [];
  const lowering = await leastTime(5, () => {
    rows.length = 0;
    for (const [index, model] of models.entries()) rows.push(rowOf(model, usualSchemes[index - 1], runtimes));
  });
  const judging = await leastTime(5, () => verdictMatrix(rows, columns));
  const size = `${columns.length} chips x ${rows.length} schemes`;
  printPart(`${size}, ${layerCount.toLocaleString('en-US')} layers, ${runtimes.length} runtimes`, [
    { name: 'verdicts, from the figures of each scheme on each runtime', value: judging, unit: 'ms', goal: 100 },
    { name: `lowering and memory planning, ${rows.length * runtimes.length} times`, value: lowering, unit: 'ms' },
    { name: 'one of them', value: lowering / (rows.length * runtimes.length), unit: 'ms' },
    { name: `planning and reading back ${usualSchemes.length} files`, value: planning, unit: 'ms' },
  ]);
}

function rowOf(
  { model, shapes, footprint }: AnalysedModel,
  scheme: WhatIfSchemeId | undefined,
  runtimes: readonly string[],
): MatrixRow {
  const options = scheme?.startsWith('int8') || scheme === 'int16x8' ? { floatInputsAndOutputs: false } : {};
  const figures = runtimes.flatMap((id): [string, FitFigures][] => {
    const runtime = findRuntime(id);
    return runtime ? [[id, fitFigures(measureOnRuntime(model, shapes, runtime, 'as-in-file', options))]] : [];
  });
  return { data: footprint, onRuntimes: new Map(figures) };
}

/** A chain of convolutions with a Relu and a residual sum here and there, of known sizes: `count` nodes. */
function convolutions(count: number): GraphSpec {
  const nodes: NodeSpec[] = [];
  const initializers: TensorSpec[] = [];
  const values = Array.from({ length: 8 * 8 * 9 }, (_, index) => ((index % 17) - 8) / 8);
  let value = 'x';
  let residual = 'x';
  for (let step = 0; step < count; step++) {
    const output = step === count - 1 ? 'y' : `v${step}`;
    if (step % 10 === 9) {
      nodes.push({ op: 'Add', inputs: [value, residual], outputs: [output] });
      residual = output;
    } else if (step % 2 === 1) nodes.push({ op: 'Relu', inputs: [value], outputs: [output] });
    else {
      initializers.push({ name: `w${step}`, type: 'FLOAT', dims: [8, 8, 3, 3], values });
      const attributes = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
      nodes.push({ op: 'Conv', inputs: [value, `w${step}`], outputs: [output], attributes });
    }
    value = output;
  }
  return {
    inputs: [{ name: 'x', dims: [1, 8, 16, 16] }],
    outputs: [{ name: 'y', dims: [1, 8, 16, 16] }],
    nodes,
    initializers,
  };
}
