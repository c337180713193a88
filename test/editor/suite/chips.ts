import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import { activeModelTab, eventually, inWorkspace, setTarget } from './editor';

const sample = inWorkspace('digits-resnet8.onnx');
const project = inWorkspace('platformio.ini');
const ownTargets = inWorkspace('thimble.targets.json');

function write(uri: vscode.Uri, text: string): Thenable<void> {
  return vscode.workspace.fs.writeFile(uri, Buffer.from(text));
}

/** The problem that a model is over budget, when it says `text`. */
function problemWith(text: string): vscode.Diagnostic | undefined {
  const found = vscode.languages.getDiagnostics(sample);
  assert.ok(found.length <= 1, 'one problem for a model');
  return found.find(({ message }) => message.includes(text));
}

function noProblem(): true | undefined {
  return vscode.languages.getDiagnostics(sample).length === 0 ? true : undefined;
}

async function set(name: string, value: unknown): Promise<void> {
  await vscode.workspace.getConfiguration('thimble').update(name, value, vscode.ConfigurationTarget.Workspace);
}

describe('the chip of the workspace', () => {
  before(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await set('target', undefined);
    await vscode.commands.executeCommand('vscode.open', sample);
    await eventually('the model tab', () => activeModelTab(sample));
  });

  after(async () => {
    for (const uri of [project, ownTargets]) await vscode.workspace.fs.delete(uri).then(undefined, () => {});
    await set('target', undefined);
  });

  it('is read from its project files, and models over its budget become problems', async () => {
    await write(project, '[env:main]\nplatform = ststm32\nboard = nucleo_l432kc\n');
    const problem = await eventually('the problem', () => problemWith('Does not fit STM32L432KC'));
    assert.equal(problem.source, 'Thimble');
    assert.match(problem.message, /short/);
  });

  it('says at its line what is wrong with a project file, and keeps the chip', async () => {
    await write(project, '[env:main]\nplatform = ststm32\nboard = no_such_board\n');
    const [fault] = await eventually('the fault', () => {
      const found = vscode.languages.getDiagnostics(project);
      return found.length > 0 ? found : undefined;
    });
    assert.match(fault?.message ?? '', /no_such_board/);
    assert.equal(fault?.range.start.line, 2);
    assert.ok(await eventually('the problem', () => problemWith('Does not fit STM32L432KC')));
  });

  it('gives way to the setting, which may name a chip that nobody reviewed', async () => {
    await setTarget('stm32f100c4');
    await eventually('the problem on the other chip', () => problemWith('STM32F100C4'));
    await set('problems', false);
    await eventually('no problem', noProblem);
    await set('problems', undefined);
    await eventually('the problem again', () => problemWith('STM32F100C4'));
  });

  it('may be defined by the workspace', async () => {
    const text =
      '{ "targets": [{ "id": "our-board", "name": "Our board", "extends": "nrf52840", "minus": { "ram": "255K" } }] }';
    await write(ownTargets, text);
    await setTarget('our-board');
    await eventually('the problem on the own target', () => problemWith('Our board'));
  });

  it('is what all models of a folder are held against, and each over budget becomes a problem', async () => {
    await setTarget('stm32l432kc');
    const folder = inWorkspace('models');
    const copy = vscode.Uri.joinPath(folder, 'nested', 'copy.onnx');
    await vscode.workspace.fs.copy(sample, copy);
    await write(vscode.Uri.joinPath(folder, 'broken.onnx'), 'not a model');
    // Ends when every model is measured.
    await vscode.commands.executeCommand('thimble.checkFit', folder);
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    assert.ok(tabs.some(({ input, label }) => input instanceof vscode.TabInputWebview && label === 'Fit: models'));
    await eventually('the problem of a model that is not open', () =>
      vscode.languages.getDiagnostics(copy).find(({ message }) => message.includes('Does not fit STM32L432KC')),
    );
    assert.deepEqual(vscode.languages.getDiagnostics(vscode.Uri.joinPath(folder, 'broken.onnx')), []);
    await vscode.workspace.fs.delete(folder, { recursive: true });
    await eventually('no problem of a file that is gone', () =>
      vscode.languages.getDiagnostics(copy).length === 0 ? true : undefined,
    );
  });

  it('is that of the project a model lies in', async () => {
    await set('target', undefined);
    const folder = inWorkspace('projects');
    const inA = vscode.Uri.joinPath(folder, 'a', 'models', 'x.onnx');
    const inB = vscode.Uri.joinPath(folder, 'b', 'models', 'x.onnx');
    for (const model of [inA, inB]) await vscode.workspace.fs.copy(sample, model);
    await write(vscode.Uri.joinPath(folder, 'a', 'platformio.ini'), '[env:main]\nboard = nucleo_l432kc\n');
    await write(vscode.Uri.joinPath(folder, 'b', 'sdkconfig'), 'CONFIG_IDF_TARGET="stm32f100c4"\n');
    await vscode.commands.executeCommand('thimble.checkFit', folder);
    const problemOf = (model: vscode.Uri, chip: string) =>
      eventually(`the problem on ${chip}`, () =>
        vscode.languages.getDiagnostics(model).find(({ message }) => message.includes(`Does not fit ${chip}`)),
      );
    await problemOf(inA, 'STM32L432KC');
    await problemOf(inB, 'STM32F100C4');
    await vscode.workspace.fs.delete(folder, { recursive: true });
  });

  it('is what a task checks the models of the folder against', async () => {
    await setTarget('stm32l432kc');
    const [task] = await vscode.tasks.fetchTasks({ type: 'thimble' });
    assert.ok(task?.execution instanceof vscode.ProcessExecution);
    const words = task.execution.args;
    assert.deepEqual(words.slice(1, 5), ['check', '--target', 'stm32l432kc', '--']);
    assert.ok(words.includes('digits-resnet8.onnx'));
    assert.deepEqual(task.problemMatchers, ['$thimble']);
  });

  it('is forgotten with its file', async () => {
    await setTarget('');
    await vscode.workspace.fs.delete(project);
    await eventually('no problem', noProblem);
  });
});
