import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import { activeModelTab, eventually, inWorkspace } from './editor';

describe('opening a model', () => {
  const sample = inWorkspace('digits-resnet8.onnx');

  it('shows .onnx files in the footprint editor', async () => {
    await vscode.commands.executeCommand('vscode.open', sample);
    const tab = await eventually('the model tab', () => activeModelTab(sample));
    assert.ok(tab.input instanceof vscode.TabInputCustom);
    assert.equal(tab.input.viewType, 'thimble.model');
    assert.equal(tab.isDirty, false);
  });

  it('registers its commands', async () => {
    const commands = await vscode.commands.getCommands(true);
    for (const name of ['chooseTarget', 'checkFit', 'quantizeForTarget', 'openSample']) {
      assert.ok(commands.includes(`thimble.${name}`), name);
    }
  });

  it('leaves the source as it was', async () => {
    const bytes = await vscode.workspace.fs.readFile(sample);
    assert.equal(bytes.length, 313_552);
  });
});
