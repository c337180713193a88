import { type DataType, dataTypeKind, storedBytes } from '../model/data-type';

/** What a constant is for. Data are the parameters; quantization are scales and zero points; attribute are shapes, axes, limits. */
export type Role = 'data' | 'quantization' | 'attribute';

/**
 * The sorts of operand positions that use a constant, as a set of bits: together with the constant's type they decide its role.
 * A set is needed because a function's input is used wherever the body uses it.
 */
export const noUse = 0;
const dataUse = 1;
/** A data position that takes 32- and 64-bit integers too: a bias. */
const biasUse = 2;
const quantizationUse = 4;
const attributeUse = 8;

type Operands = ReadonlyMap<string, readonly number[]>;

function operands(rows: readonly (readonly [opTypes: string, positions: readonly number[]])[]): Operands {
  return new Map(rows.flatMap(([opTypes, positions]) => opTypes.split(' ').map((opType) => [opType, positions])));
}

const quantizationOperands = operands([
  ['QuantizeLinear DequantizeLinear', [1, 2]],
  ['QLinearConv QLinearMatMul QLinearAdd QLinearMul', [1, 2, 4, 5, 6, 7]],
  ['QGemm', [1, 2, 4, 5, 7, 8]],
  ['ConvInteger MatMulInteger DynamicQuantizeMatMul MatMulNBits GatherBlockQuantized', [2, 3]],
  ['QLinearSigmoid QLinearLeakyRelu QLinearAveragePool QLinearGlobalAveragePool QLinearSoftmax', [1, 2, 3, 4]],
  ['MatMulIntegerToFloat', [2, 3, 4, 5]],
  ['QAttention', [3, 4, 6, 7]],
]);

const attributeOperands = operands([
  ['Reshape Expand Gather GatherElements GatherND ScatterElements Scatter ScatterND Squeeze Unsqueeze', [1]],
  ['Upsample TopK Split SplitToSequence CumSum Trilu CenterCropPad AffineGrid MaxUnpool Compress SequenceAt', [1]],
  ['SequenceErase', [1]],
  ['Tile Clip Dropout OneHot Col2Im DFT', [1, 2]],
  ['Slice', [1, 2, 3, 4]],
  ['Pad Resize', [1, 2, 3]],
  ['STFT', [1, 3]],
  ['NonMaxSuppression', [2, 3, 4]],
  ['RoiAlign SequenceInsert', [2]],
  ['LSTM GRU RNN', [4]],
  ['If', [0]],
  ['Loop', [0, 1]],
]);

const attributeOnly = new Set(
  'Range ConstantOfShape EyeLike Shape Size HannWindow HammingWindow BlackmanWindow MelWeightMatrix'.split(' '),
);

const biasOperands = operands([
  ['DequantizeLinear', [0]],
  ['QLinearConv', [8]],
  ['QGemm', [6]],
  ['Conv ConvTranspose Gemm MatMul ConvInteger MatMulInteger FusedConv', [1, 2]],
]);

/** How an operator uses operand `position` (from 0), as a set of bits for roleFor. The domain does not matter. */
export function operandUse(opType: string, position: number): number {
  if (quantizationOperands.get(opType)?.includes(position)) return quantizationUse;
  if (attributeOnly.has(opType) || attributeOperands.get(opType)?.includes(position)) return attributeUse;
  if (position === 1 && opType.startsWith('Reduce')) return attributeUse;
  return biasOperands.get(opType)?.includes(position) ? dataUse | biasUse : dataUse;
}

/** The role of a constant of this type with all its `uses` (an `|` of operandUse): data before quantization before attribute. */
export function roleFor(uses: number, dataType: DataType | undefined): Role | undefined {
  if (dataType !== undefined && isData(uses, dataType)) return 'data';
  if (uses & quantizationUse) return 'quantization';
  return uses === noUse ? undefined : 'attribute';
}

function isData(uses: number, dataType: DataType): boolean {
  switch (dataTypeKind(dataType)) {
    case 'float':
    case 'complex':
      return (uses & dataUse) !== 0;
    case 'signed':
    case 'unsigned':
      if (storedBytes(dataType, 1) <= 2) return (uses & dataUse) !== 0;
      return (dataType === 'INT32' || dataType === 'INT64') && (uses & biasUse) !== 0;
    default:
      return false;
  }
}
