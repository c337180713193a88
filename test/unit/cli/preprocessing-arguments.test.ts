import { deepEqual, throws } from 'node:assert/strict';
import { UsageError } from '../../../extension/cli/io';
import { quantizeArguments, recipeOf } from '../../../extension/cli/quantize-arguments';
import { defaultPreprocessing } from '../../../extension/quantize/calibration-data/preprocessing';

function preprocessing(words: readonly string[], inFile?: typeof defaultPreprocessing) {
  const given = quantizeArguments(['net.onnx', '--scheme', 'int8', '--calibration', 'data', ...words]);
  return recipeOf(given, { preprocessing: inFile }).preprocessing;
}

describe('preprocessing on the command line', () => {
  it('is that of recipes', () => {
    deepEqual(preprocessing([]), undefined);
    const words = ['--layout', 'NHWC', '--resize', 'bilinear', '--colour-order', 'BGR', '--audio-length', 'fit'];
    const numbers = ['--scale', '0.5', '--mean=-1,2e-1, 3', '--std', '2'];
    deepEqual(preprocessing([...words, ...numbers]), {
      layout: 'NHWC',
      resize: 'bilinear',
      colourOrder: 'BGR',
      scale: 0.5,
      mean: [-1, 0.2, 3],
      std: [2],
      audioLength: 'fit',
    });
  });

  it('comes before the fields of a recipe, one by one', () => {
    const inFile = { ...defaultPreprocessing, scale: 4, mean: [7] };
    deepEqual(preprocessing([], inFile), inFile);
    deepEqual(preprocessing(['--mean', '1'], inFile), { ...inFile, mean: [1] });
  });

  it('says which option is wrong', () => {
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [['--layout', 'CHW'], /--layout: layout is "CHW"; it can be auto, NCHW, NHWC/],
      [['--resize', 'cubic'], /--resize: resize is "cubic"; it can be none, bilinear, nearest/],
      [['--colour-order', 'rgb'], /--colour-order: colourOrder is "rgb"/],
      [['--mean', '1,,2'], /--mean "1,,2" is no number/],
      [['--std', '0'], /--std: std is \[0\]; give numbers other than 0/],
      [['--std', ''], /--std "" is no number/],
      [['--scale', '1,2'], /--scale is one number/],
      [['--scale', 'big'], /--scale "big" is no number/],
    ];
    for (const [words, message] of wrong) {
      throws(
        () => preprocessing(words),
        (error) => error instanceof UsageError && message.test(error.message),
        words.join(' '),
      );
    }
  });
});
