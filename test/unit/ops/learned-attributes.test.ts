import { checkNodes } from '../../fixtures/node-cases';

const floats = (count: number) => ({ floats: Array<number>(count).fill(0.5) });

// Expected shapes are those onnxruntime 1.30 produces.
describe('ai.onnx.ml', () => {
  checkNodes({
    'one intercept between two labels': {
      domain: 'ai.onnx.ml',
      op: 'LinearClassifier',
      inputs: [['n', 3]],
      attributes: { coefficients: floats(3), intercepts: floats(1), classlabels_ints: [0, 1] },
      expected: ['INT64 [n]', 'FLOAT [n, 2]'],
    },
    'a single example gains a batch axis': {
      domain: 'ai.onnx.ml',
      op: 'LinearClassifier',
      inputs: [[3]],
      attributes: { coefficients: floats(9), intercepts: floats(3), classlabels_strings: ['a', 'b', 'c'] },
      expected: ['STRING [1]', 'FLOAT [1, 3]'],
    },
    'support vectors score pairs of classes': {
      domain: 'ai.onnx.ml',
      op: 'SVMClassifier',
      inputs: [[2, 3]],
      attributes: {
        support_vectors: floats(24),
        vectors_per_class: [2, 2, 2, 2],
        classlabels_ints: [0, 1, 2, 3],
      },
      expected: ['INT64 [2]', 'FLOAT [2, 6]'],
    },
    'support vectors with probabilities score classes': {
      domain: 'ai.onnx.ml',
      op: 'SVMClassifier',
      inputs: [[2, 3]],
      attributes: {
        support_vectors: floats(24),
        vectors_per_class: [2, 2, 2, 2],
        classlabels_ints: [0, 1, 2, 3],
        prob_a: floats(6),
        prob_b: floats(6),
      },
      expected: ['INT64 [2]', 'FLOAT [2, 4]'],
    },
    'trees that classify': {
      domain: 'ai.onnx.ml',
      op: 'TreeEnsembleClassifier',
      inputs: [['n', 3]],
      attributes: { classlabels_strings: ['a', 'b', 'c'] },
      expected: ['STRING [n]', 'FLOAT [n, 3]'],
    },
    'trees that estimate': {
      domain: 'ai.onnx.ml',
      op: 'TreeEnsembleRegressor',
      inputs: [['n', 3]],
      attributes: { n_targets: 2 },
      expected: ['FLOAT [n, 2]'],
    },
    'trees of version 5': {
      domain: 'ai.onnx.ml',
      op: 'TreeEnsemble',
      domainVersion: 5,
      inputs: [{ type: 'DOUBLE', dims: ['n', 3] }],
      attributes: { n_targets: 2 },
      expected: ['DOUBLE [n, 2]'],
    },
    'labels of another type': {
      domain: 'ai.onnx.ml',
      op: 'LabelEncoder',
      domainVersion: 2,
      inputs: [{ type: 'STRING', dims: [2, 3] }],
      attributes: { keys_strings: ['a'], values_int64s: [1] },
      expected: ['INT64 [2, 3]'],
    },
    'one axis more': {
      domain: 'ai.onnx.ml',
      op: 'OneHotEncoder',
      inputs: [[2, 3]],
      attributes: { cats_int64s: [1, 2, 3, 4] },
      expected: ['FLOAT [2, 3, 4]'],
    },
    'chosen features': {
      domain: 'ai.onnx.ml',
      op: 'ArrayFeatureExtractor',
      inputs: [['n', 3], { type: 'INT64', dims: [1, 2] }],
      expected: ['FLOAT [n, 2]'],
    },
    'features side by side': {
      domain: 'ai.onnx.ml',
      op: 'FeatureVectorizer',
      inputs: [
        ['n', 3],
        ['n', 2],
      ],
      attributes: { inputdimensions: [3, 2] },
      expected: ['FLOAT [n, 5]'],
    },
    'a sequence of maps': {
      domain: 'ai.onnx.ml',
      op: 'ZipMap',
      inputs: [['n', 3]],
      attributes: { classlabels_int64s: [0, 1, 2] },
      expected: ['sequence'],
    },
  });
});

describe('ai.onnx.preview.training', () => {
  checkNodes({
    'Adam gives back tensors and both accumulators': {
      domain: 'ai.onnx.preview.training',
      op: 'Adam',
      inputs: [[], { type: 'INT64', dims: [] }, [1], [2], [1], [2], [1], [2], [1], [2]],
      expected: ['FLOAT [1]', 'FLOAT [2]', 'FLOAT [1]', 'FLOAT [2]', 'FLOAT [1]', 'FLOAT [2]'],
    },
    'Momentum gives back tensors and momenta': {
      domain: 'ai.onnx.preview.training',
      op: 'Momentum',
      inputs: [[], { type: 'INT64', dims: [] }, [3], [3], [3]],
      expected: ['FLOAT [3]', 'FLOAT [3]'],
    },
    'Gradient of each of xs': {
      domain: 'ai.onnx.preview.training',
      op: 'Gradient',
      inputs: [[2, 3], [4]],
      attributes: { xs: ['a'], zs: ['b'], y: 'c' },
      expected: ['FLOAT [2, 3]'],
    },
  });
});
