import type { DataType } from '../model/data-type';
import type { Dim } from '../model/dimension';
import { elementCount } from '../model/dimension';
import type { ValueType } from '../model/model';
import type { OpContext, OpDefinition, ValueFact } from './definition';
import { sequenceFact, tensorFact } from './facts';
import { shapeKeeping } from './normalization';

// Where the specification leaves a shape open, it is what onnxruntime gives.

/** Examples in the data: its first axis, or one where the data is a single example without a batch axis. */
function exampleCount(context: OpContext): Dim {
  const shape = context.shape(0);
  return shape?.length === 1 ? 1 : (shape?.[0] ?? null);
}

/** The labels of a classifier, and the type they give to its first output. */
function classLabels(context: OpContext, integers: string): { readonly count: number; readonly dataType: DataType } {
  const strings = context.attributes.strings('classlabels_strings');
  if (strings !== undefined && strings.length > 0) return { count: strings.length, dataType: 'STRING' };
  return { count: context.attributes.ints(integers)?.length ?? 0, dataType: 'INT64' };
}

/** The class of each example, and a score for each class. */
function classifierFacts(context: OpContext, dataType: DataType, scores: Dim): readonly ValueFact[] {
  const examples = exampleCount(context);
  return [tensorFact(dataType, [examples]), tensorFact('FLOAT', [examples, scores])];
}

/** A single intercept decides between two labels; otherwise there is one intercept a class. */
function inferLinearClassifier(context: OpContext): readonly ValueFact[] {
  const labels = classLabels(context, 'classlabels_ints');
  const intercepts = context.attributes.floats('intercepts')?.length ?? 0;
  const agrees = intercepts === 0 || intercepts === labels.count || (intercepts === 1 && labels.count === 2);
  return classifierFacts(context, labels.dataType, agrees && labels.count > 0 ? labels.count : null);
}

/**
 * Scores: one a class, except that a machine with support vectors and without probabilities gives one for each pair of classes
 * (two for two classes).
 */
function inferVectorClassifier(context: OpContext): readonly ValueFact[] {
  const labels = classLabels(context, 'classlabels_ints');
  const probabilities = (context.attributes.floats('prob_a')?.length ?? 0) > 0;
  const classes = context.attributes.ints('vectors_per_class')?.length ?? 0;
  const hasVectors = (context.attributes.floats('support_vectors')?.length ?? 0) > 0;
  const pairwise = hasVectors && !probabilities;
  const count = hasVectors && classes > 0 ? classes : labels.count;
  const scores = pairwise ? (count > 2 ? (count * (count - 1)) / 2 : 2) : count;
  return classifierFacts(context, labels.dataType, scores > 0 ? scores : null);
}

function inferTreeClassifier(context: OpContext): readonly ValueFact[] {
  const labels = classLabels(context, 'classlabels_int64s');
  return classifierFacts(context, labels.dataType, labels.count > 0 ? labels.count : null);
}

function regression(targets: string): OpDefinition['infer'] {
  return (context) => [tensorFact('FLOAT', [exampleCount(context), context.attributes.int(targets, 1)])];
}

/** Replaces the last axis by the features chosen; a single example gains a batch axis. */
function inferFeatureExtractor(context: OpContext): readonly ValueFact[] {
  const data = context.shape(0);
  const indices = context.shape(1);
  const chosen = indices === undefined ? null : elementCount(indices);
  const before = data?.length === 1 ? [1] : data?.slice(0, -1);
  return [tensorFact(context.dataType(0), before && [...before, chosen])];
}

function inferFeatureVectorizer(context: OpContext): readonly ValueFact[] {
  const widths = context.attributes.ints('inputdimensions');
  const width = widths === undefined ? null : widths.reduce((sum, each) => sum + each, 0);
  return [tensorFact('FLOAT', [exampleCount(context), width])];
}

function inferOneHotEncoder(context: OpContext): readonly ValueFact[] {
  const { attributes } = context;
  const categories = (attributes.ints('cats_int64s') ?? attributes.strings('cats_strings'))?.length;
  const shape = context.shape(0);
  return [tensorFact('FLOAT', shape && [...shape, categories ?? null])];
}

/** Strings become integers and integers strings. */
function inferCategoryMapper(context: OpContext): readonly ValueFact[] {
  return [tensorFact(oppositeLabel(context.dataType(0)), context.shape(0))];
}

function oppositeLabel(dataType: DataType | undefined): DataType | undefined {
  if (dataType === 'STRING') return 'INT64';
  return dataType === 'INT64' ? 'STRING' : undefined;
}

/** The output has the type of the values_* attribute in use; the first version only swaps strings and integers. */
function inferLabelEncoder(context: OpContext): readonly ValueFact[] {
  const shape = context.shape(0);
  if (context.opset < 2) return [tensorFact(oppositeLabel(context.dataType(0)), shape)];
  const { attributes } = context;
  const dataType = attributes.has('values_strings')
    ? 'STRING'
    : attributes.has('values_int64s')
      ? 'INT64'
      : attributes.has('values_floats')
        ? 'FLOAT'
        : attributes.tensor('values_tensor')?.dataType;
  return [tensorFact(dataType, shape)];
}

const castTypes: Readonly<Record<string, DataType>> = { TO_FLOAT: 'FLOAT', TO_STRING: 'STRING', TO_INT64: 'INT64' };

function inferCastMap(context: OpContext): readonly ValueFact[] {
  const { attributes } = context;
  const sparse = attributes.string('map_form', 'DENSE') === 'SPARSE';
  const width = sparse ? attributes.int('max_map', 1) : null;
  return [tensorFact(castTypes[attributes.string('cast_to', 'TO_FLOAT')], [1, width])];
}

function inferDictVectorizer(context: OpContext): readonly ValueFact[] {
  const { attributes } = context;
  const words = (attributes.strings('string_vocabulary') ?? attributes.ints('int64_vocabulary'))?.length;
  const type = context.input(0)?.type;
  const value = type?.kind === 'map' ? type.value : undefined;
  return [tensorFact(value?.kind === 'tensor' ? value.dataType : undefined, [1, words ?? null])];
}

/** A sequence with one map of label to score for each example. */
function inferZipMap(context: OpContext): readonly ValueFact[] {
  const key = (context.attributes.strings('classlabels_strings')?.length ?? 0) > 0 ? 'STRING' : 'INT64';
  const map: ValueType = { kind: 'map', key, value: { kind: 'tensor', dataType: 'FLOAT', shape: [] } };
  return [sequenceFact(map, exampleCount(context))];
}

function learned(type: string, infer: OpDefinition['infer'], since = 1): OpDefinition {
  return { domain: 'ai.onnx.ml', type, since, infer };
}

/** Operators of ai.onnx.ml. What they learned lives in their attributes; their arithmetic is not counted as MACs. */
export const machineLearningOperators: readonly OpDefinition[] = [
  learned('LinearClassifier', inferLinearClassifier),
  learned('LinearRegressor', regression('targets')),
  learned('SVMClassifier', inferVectorClassifier),
  learned('SVMRegressor', (context) => [tensorFact('FLOAT', [exampleCount(context), 1])]),
  learned('TreeEnsembleClassifier', inferTreeClassifier),
  learned('TreeEnsembleRegressor', regression('n_targets')),
  learned(
    'TreeEnsemble',
    (context) => [tensorFact(context.dataType(0), [exampleCount(context), context.attributes.int('n_targets', 1)])],
    5,
  ),
  learned('Scaler', (context) => [tensorFact('FLOAT', context.shape(0))]),
  learned('Normalizer', (context) => [tensorFact('FLOAT', context.shape(0))]),
  shapeKeeping('ai.onnx.ml', 'Imputer', 1),
  shapeKeeping('ai.onnx.ml', 'Binarizer', 1),
  learned('ArrayFeatureExtractor', inferFeatureExtractor),
  learned('FeatureVectorizer', inferFeatureVectorizer),
  learned('OneHotEncoder', inferOneHotEncoder),
  learned('CategoryMapper', inferCategoryMapper),
  learned('LabelEncoder', inferLabelEncoder),
  learned('CastMap', inferCastMap),
  learned('DictVectorizer', inferDictVectorizer),
  learned('ZipMap', inferZipMap),
];
