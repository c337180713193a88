import { attentionOperators } from './attention';
import { axesChangingOperators } from './axes-changing';
import { castingOperators } from './casting';
import { comparisonOperators } from './comparison';
import { constantOperators } from './constants';
import { controlFlowOperators } from './control-flow';
import { convolutionOperators } from './convolution';
import type { OpDefinition } from './definition';
import { einsumOperators } from './einsum';
import { elementwiseOperators } from './elementwise';
import { gatheringOperators } from './gathering';
import { generatorOperators } from './generators';
import { imageOperators } from './image';
import { joiningOperators } from './joining';
import { lossOperators } from './loss';
import { machineLearningOperators } from './machine-learning';
import { matrixOperators } from './matrix';
import { microsoftAttentionOperators } from './microsoft-attention';
import { microsoftFusedOperators } from './microsoft-fused';
import { microsoftQuantizedOperators } from './microsoft-quantized';
import { normalizationOperators } from './normalization';
import { optionalOperators } from './optionals';
import { poolingOperators } from './pooling';
import { qonnxOperators } from './qonnx';
import { quantizedOperators } from './quantized';
import { recurrentOperators } from './recurrent';
import { reductionOperators } from './reduction';
import { reshapeOperators } from './reshape';
import { resizingOperators } from './resizing';
import { selectionOperators } from './selection';
import { sequenceOperators } from './sequences';
import { shapeOfOperators } from './shape-of';
import { signalOperators } from './signal';
import { slicingOperators } from './slicing';
import { textOperators } from './text';
import { trainingOperators } from './training';

const families: readonly (readonly OpDefinition[])[] = [
  attentionOperators,
  axesChangingOperators,
  castingOperators,
  comparisonOperators,
  constantOperators,
  controlFlowOperators,
  convolutionOperators,
  einsumOperators,
  elementwiseOperators,
  gatheringOperators,
  generatorOperators,
  imageOperators,
  joiningOperators,
  lossOperators,
  machineLearningOperators,
  matrixOperators,
  microsoftAttentionOperators,
  microsoftFusedOperators,
  microsoftQuantizedOperators,
  normalizationOperators,
  optionalOperators,
  poolingOperators,
  qonnxOperators,
  quantizedOperators,
  recurrentOperators,
  reductionOperators,
  reshapeOperators,
  resizingOperators,
  selectionOperators,
  sequenceOperators,
  shapeOfOperators,
  signalOperators,
  slicingOperators,
  textOperators,
  trainingOperators,
];

const byDomain = new Map<string, Map<string, OpDefinition>>();
for (const definition of families.flat()) {
  const operators = byDomain.get(definition.domain) ?? new Map<string, OpDefinition>();
  byDomain.set(definition.domain, operators);
  operators.set(definition.type, definition);
}

/** What is known of an operator; undefined for one that is not. The domain of ONNX itself is `ai.onnx`. */
export function findOperator(domain: string, type: string): OpDefinition | undefined {
  return byDomain.get(domain)?.get(type);
}

/** All known operators. */
export function allOperators(): readonly OpDefinition[] {
  return families.flat();
}
