import assert from 'node:assert/strict';
import { findTarget } from '../../../../extension/targets/catalogue';
import { detectWorkspace } from '../../../../extension/targets/workspace/detect-workspace';
import { guessForPath, projectsOf } from '../../../../extension/targets/workspace/nearest-project';
import { memoryFiles } from '../../../fixtures/workspace-files';

const board = (name: string) => `[env:main]\nboard = ${name}\n`;
const idf = (target: string) => `CONFIG_IDF_TARGET="${target}"\nCONFIG_PARTITION_TABLE_SINGLE_APP=y\n`;
const script = (ram: string) =>
  `MEMORY { FLASH (rx) : ORIGIN = 0, LENGTH = 512K\n RAM (rwx) : ORIGIN = 0x20000000, LENGTH = ${ram} }`;
const launch = (device: string) => `{"configurations": [{"type": "cortex-debug", "device": "${device}"}]}`;

/** What files at these paths are held against: chip and RAM budget. */
async function held(texts: Readonly<Record<string, string>>, ...paths: readonly string[]) {
  const { guesses, chosen } = await detectWorkspace(memoryFiles(texts), { findTarget });
  const projects = projectsOf(guesses);
  return paths.map((path) => {
    const guess = guessForPath(path, projects, chosen);
    return guess?.ramBudget ? `${guess.target?.id} ${guess.ramBudget.bytes / 1024}K` : guess?.target?.id;
  });
}

describe('the project that a model lies in', () => {
  const several = {
    'a/platformio.ini': board('nucleo_f746zg'),
    'a/linker/app.ld': script('96K'),
    'b/sdkconfig': idf('esp32s3'),
  };

  it('says the chip and the budgets, each project for its own models', async () => {
    assert.deepEqual(await held(several, 'a/models/x.onnx', 'a/x.onnx', 'a/linker/x.onnx', 'b/main/models/x.onnx'), [
      'stm32f746zg 96K',
      'stm32f746zg 96K',
      'stm32f746zg 96K',
      'esp32s3',
    ]);
  });

  it('says nothing of models outside of all projects, unless all are for one chip', async () => {
    assert.deepEqual(await held(several, 'models/x.onnx', 'ab/x.onnx'), [undefined, undefined]);
    const same = { 'a/sdkconfig': idf('esp32s3'), 'b/sdkconfig': idf('esp32s3') };
    assert.deepEqual(await held(same, 'models/x.onnx'), ['esp32s3']);
    assert.deepEqual(await held({ 'firmware/sdkconfig': idf('esp32c3') }, 'models/x.onnx'), ['esp32c3']);
  });

  it('is the innermost', async () => {
    const nested = { 'platformio.ini': board('nucleo_f746zg'), 'tools/probe/platformio.ini': board('pico') };
    assert.deepEqual(await held(nested, 'models/x.onnx', 'tools/probe/data/x.onnx', 'tools/x.onnx'), [
      'stm32f746zg',
      'rp2040',
      'stm32f746zg',
    ]);
  });

  it('leaves out linker scripts of projects inside it', async () => {
    const nested = {
      'platformio.ini': board('nucleo_f746zg'),
      'ld/app.ld': script('96K'),
      'boot/platformio.ini': board('nucleo_f746zg'),
      'boot/ld/app.ld': script('16K'),
    };
    assert.deepEqual(await held(nested, 'x.onnx', 'boot/x.onnx'), ['stm32f746zg 96K', 'stm32f746zg 16K']);
  });

  it('does not lend its models the chip of a project around it when its own is not known', async () => {
    const nested = { sdkconfig: idf('esp32s3'), 'co/platformio.ini': board('no_such_board') };
    assert.deepEqual(await held(nested, 'co/x.onnx', 'main/x.onnx'), [undefined, 'esp32s3']);
    const two = {
      'p/platformio.ini': '[env:a]\nboard = pico\n[env:b]\nboard = nucleo_f746zg\n',
      'q/sdkconfig': idf('esp32'),
    };
    assert.deepEqual(await held(two, 'p/x.onnx', 'q/x.onnx'), [undefined, 'esp32']);
  });

  it('is not made by a debug configuration alone that the projects below contradict', async () => {
    const texts = { '.vscode/launch.json': launch('STM32F429ZI'), 'b/sdkconfig': idf('esp32s3') };
    assert.deepEqual(await held(texts, 'models/x.onnx', 'b/x.onnx'), [undefined, 'esp32s3']);
    assert.deepEqual(await held({ '.vscode/launch.json': launch('STM32F429ZI') }, 'models/x.onnx'), ['stm32f429zi']);
  });
});
