import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import { acceptUntil, activeModelTab, eventually, exists, inWorkspace, leaveUntilEnded, setTarget } from './editor';

describe('quantize for target', () => {
  const sample = inWorkspace('digits-resnet8.onnx');
  const output = inWorkspace('digits-resnet8.float16.onnx');

  it('leads through chip, scheme and review to a file, and opens it', async () => {
    await setTarget('stm32l432kc');
    const before = await vscode.workspace.fs.readFile(sample);
    const flow = vscode.commands.executeCommand('thimble.quantizeForTarget', sample, 'float16');
    await acceptUntil('the quantized file', async () => ((await exists(output)) ? true : undefined));
    await flow;
    await eventually('the new model in front', () => activeModelTab(output));
    const written = await vscode.workspace.fs.readFile(output);
    assert.ok(written.length < before.length * 0.6, `${written.length} of ${before.length} bytes`);
    assert.deepEqual(await vscode.workspace.fs.readFile(sample), before);
    const left = (await vscode.workspace.fs.readDirectory(inWorkspace('.'))).map(([name]) => name);
    assert.deepEqual(left.filter((name) => name.endsWith('.onnx')).sort(), [
      'digits-resnet8.float16.onnx',
      'digits-resnet8.onnx',
    ]);
  });

  it('writes nothing when the person leaves', async () => {
    const other = inWorkspace('digits-resnet8.int8-weights.onnx');
    const flow = vscode.commands.executeCommand('thimble.quantizeForTarget', sample, 'int8-weights');
    await leaveUntilEnded('the end of the flow', flow);
    assert.equal(await exists(other), false);
  });

  it('says so when a model cannot be quantized, and writes nothing', async () => {
    const faulty = inWorkspace('faulty.onnx');
    await vscode.workspace.fs.writeFile(faulty, Buffer.from('this is no model'));
    // The command shows its error; it must end, and not reject.
    const flow = vscode.commands.executeCommand('thimble.quantizeForTarget', faulty, 'float16');
    let ended = false;
    void flow.then(() => {
      ended = true;
    });
    await acceptUntil('the end of the flow', async () => (ended ? true : undefined));
    const left = (await vscode.workspace.fs.readDirectory(inWorkspace('.'))).map(([name]) => name);
    assert.deepEqual(
      left.filter((name) => name.startsWith('faulty')),
      ['faulty.onnx'],
    );
    await vscode.workspace.fs.delete(faulty);
  });
});

describe('the sample', () => {
  it('is opened as a copy outside the extension', async () => {
    await vscode.commands.executeCommand('thimble.openSample');
    const tab = await eventually('the sample', () => {
      const { input } = vscode.window.tabGroups.activeTabGroup.activeTab ?? {};
      return input instanceof vscode.TabInputCustom && input.uri.path.includes('/globalStorage/') ? input : undefined;
    });
    assert.equal(tab.uri.path.split('/').at(-1), 'digits-resnet8.onnx');
    assert.equal((await vscode.workspace.fs.readFile(tab.uri)).length, 313_552);
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  });
});
