import type { Node } from '../model/model';
import type { GraphShapes } from '../shapes/model-shapes';

/**
 * Nodes of a graph that stay float32 though their operator admits float16, by index:
 * - what computes between DequantizeLinear and QuantizeLinear. Runtimes know integer kernels by that pattern, and a Cast in it would
 *   hide them;
 * - what turns the 32-bit sums of MatMulInteger and ConvInteger into numbers again: such sums pass 65,504;
 * - a Transpose that moves the first axis to the end or next to it, before a MatMul: onnxruntime 1.24 to 1.30 crash on x86-64 while they
 *   load such a pair in float16 (github.com/microsoft/onnxruntime/issues/28392).
 */
export function keptFloat32Nodes(shapes: GraphShapes): ReadonlySet<number> {
  const { nodes } = shapes.graph;
  const consumers = new Map<string, Node[]>();
  const dequantized = new Set<string>();
  for (const node of nodes) {
    for (const name of node.inputs) {
      const known = consumers.get(name);
      if (known) known.push(node);
      else consumers.set(name, [node]);
    }
    // A dequantized weight is known before the run; a Cast behind it costs nothing.
    if (isOf(node, 'DequantizeLinear')) {
      for (const name of node.outputs) if (!shapes.values.get(name)?.constant) dequantized.add(name);
    }
  }
  const kept = rescalingNodes(shapes);
  for (const node of nodes) {
    const isQuantized =
      node.inputs.some((name) => dequantized.has(name)) ||
      node.outputs.some((name) => consumers.get(name)?.some((user) => isOf(user, 'QuantizeLinear', name)));
    if (isQuantized || (movesFirstAxis(node) && reachesMatMul(node, consumers))) kept.add(node.index);
  }
  return kept;
}

/** The Cast after an integer product, and the Mul that applies scales to it or to each other. */
function rescalingNodes({ graph, order }: GraphShapes): Set<number> {
  const sums = new Set<string>();
  const scales = new Set<string>();
  const kept = new Set<number>();
  for (const index of order) {
    const node = graph.nodes[index];
    const [output] = node?.outputs ?? [];
    if (!node || output === undefined) continue;
    if (isOf(node, 'MatMulInteger') || isOf(node, 'ConvInteger')) sums.add(output);
    const takesSum = node.inputs.some((name) => sums.has(name));
    const takesScale = node.inputs.some((name) => scales.has(name));
    if (isOf(node, 'DynamicQuantizeLinear')) scales.add(node.outputs[1] ?? '');
    else if (isOf(node, 'Cast') && takesSum) {
      kept.add(index);
      sums.add(output);
    } else if (isOf(node, 'Mul') && (takesSum || takesScale)) {
      kept.add(index);
      if (!takesSum) scales.add(output);
    } else if (isOf(node, 'Unsqueeze') || isOf(node, 'Reshape')) {
      if (takesScale) scales.add(output);
    }
  }
  return kept;
}

/** With `first`: a node that takes this value as its first operand. */
function isOf(node: Node, opType: string, first?: string): boolean {
  const fits = first === undefined || node.inputs[0] === first;
  return fits && node.opType === opType && (node.domain === 'ai.onnx' || node.domain === 'com.microsoft');
}

/** Permutations such as [1, 0, 2], [1, 2, 0], [1, 2, 0, 3] and [1, 2, 3, 0]. */
function movesFirstAxis(node: Node): boolean {
  const perm = node.attributes.get('perm');
  if (!isOf(node, 'Transpose') || perm?.kind !== 'ints' || perm.value.length < 3) return false;
  const axes = perm.value.map(Number);
  const rank = axes.length;
  return axes.slice(0, rank - 2).every((axis, position) => axis === position + 1) && axes.slice(rank - 2).includes(0);
}

function reachesMatMul(node: Node, consumers: ReadonlyMap<string, readonly Node[]>): boolean {
  const [output = ''] = node.outputs;
  const waiting = [output];
  const seen = new Set(waiting);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    for (const user of consumers.get(name) ?? []) {
      if (isOf(user, 'MatMul')) return true;
      // Runtimes drop these before they look for pairs.
      const [next] = user.outputs;
      if (!(isOf(user, 'Identity') || isOf(user, 'Dropout')) || next === undefined || seen.has(next)) continue;
      seen.add(next);
      waiting.push(next);
    }
  }
  return false;
}
