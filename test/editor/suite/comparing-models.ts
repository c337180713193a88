import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import { ask, pageText } from './bridge-client';
import { acceptUntil, activeModelTab, eventually, exists, inWorkspace, leaveUntilEnded, setTarget } from './editor';

describe('comparing two models in the editor', () => {
  const sample = inWorkspace('digits-resnet8.onnx');
  const output = inWorkspace('digits-resnet8.int8-weights.onnx');
  const lead = async (text: RegExp) => {
    const shown = await pageText('.compare-lead').catch(() => '');
    return text.test(shown) ? shown : undefined;
  };

  before(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await setTarget('stm32l432kc');
  });

  after(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    if (await exists(output)) await vscode.workspace.fs.delete(output);
  });

  it('follows a quantization: what was written beside what it was written from', async () => {
    let ended = false;
    void vscode.commands.executeCommand('thimble.quantizeForTarget', sample, 'int8-weights').then(() => {
      ended = true;
    });
    await acceptUntil('the end of the flow', async () => (ended ? true : undefined));
    await eventually('the new model in front', () => activeModelTab(output));
    await eventually('the comparison', () => lead(/KiB less flash.*every weight changes type/));
    assert.equal(await pageText('[role=tab][aria-selected=true]'), 'Compare');
    assert.match(await pageText('.compare-head'), /digits-resnet8\.onnx.*this file/s);
    assert.match(await pageText('.compare-grid'), /float32 → int8/);
    assert.match(await pageText('.compare-chips'), /STM32L432KC/);
    await ask({ do: 'screenshot', name: 'compare' });
  });

  it('follows both files on disk', async () => {
    await vscode.workspace.fs.writeFile(output, await vscode.workspace.fs.readFile(sample));
    await eventually('the same on both sides', () => lead(/^The same flash and RAM/));
  });

  it('compares two models that are selected in the explorer', async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await vscode.commands.executeCommand('thimble.compareWith', sample, [sample, output]);
    await eventually('the other model in front', () => activeModelTab(output));
    await eventually('the comparison', () => lead(/^The same flash and RAM/));
  });

  it('asks for the other model of one, and leaves all as it was without an answer', async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    const asking = vscode.commands.executeCommand('thimble.compareWith', sample);
    await eventually('the model', () => activeModelTab(sample));
    await leaveUntilEnded('the end of the question', asking);
    assert.notEqual(await pageText('[role=tab][aria-selected=true]'), 'Compare');
  });

  it('compares with a plan that is not written', async () => {
    const { showQuickPick } = vscode.window;
    let labels: readonly string[] = [];
    Object.assign(vscode.window, {
      showQuickPick: async (given: Promise<readonly vscode.QuickPickItem[]>) => {
        const items = await given;
        labels = items.map(({ label }) => label);
        return items.find(({ label }) => label.endsWith('int8 per channel'));
      },
    });
    try {
      await ask({ do: 'page-click', selector: 'header .button.secondary' });
      await eventually('the comparison', () => lead(/KiB less flash/));
    } finally {
      Object.assign(vscode.window, { showQuickPick });
    }
    assert.ok(labels.some((label) => label.endsWith('digits-resnet8.int8-weights.onnx')));
    assert.match(await pageText('.compare-head'), /int8 per channel \(not written\)/);
    await ask({ do: 'screenshot', name: 'compare-plan' });
  });
});
