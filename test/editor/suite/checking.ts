import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import { ask, pageText } from './bridge-client';
import { activeModelTab, eventually, inWorkspace, setTarget } from './editor';

async function set(name: string, value: unknown): Promise<void> {
  await vscode.workspace.getConfiguration('thimble').update(name, value, vscode.ConfigurationTarget.Workspace);
}

async function workbenchText(selector: string): Promise<string> {
  return String(await ask({ do: 'workbench-text', selector }));
}

describe('checking a folder in the editor', () => {
  const sample = inWorkspace('digits-resnet8.onnx');
  const folder = inWorkspace('checked');
  const nested = vscode.Uri.joinPath(folder, 'nested', 'copy.onnx');

  before(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await setTarget('stm32l432kc');
    await set('pinnedTargets', ['nrf52840']);
    await vscode.workspace.fs.copy(sample, nested);
    await vscode.workspace.fs.writeFile(vscode.Uri.joinPath(folder, 'broken.onnx'), Buffer.from('not a model'));
  });

  after(async () => {
    await set('pinnedTargets', undefined);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await vscode.workspace.fs.delete(folder, { recursive: true });
  });

  it('shows its models on the target and on the pinned chips, and what cannot be read', async () => {
    await vscode.commands.executeCommand('thimble.checkFit', folder);
    const table = await eventually('both rows', async () => {
      const text = await pageText('table.fit');
      return text.includes('77,418') && text.includes('Cannot be read') ? text : undefined;
    });
    assert.match(table, /L432KC.*nRF52840.*broken\.onnx.*nested\/copy\.onnx\s+77,418/s);
    await ask({ do: 'screenshot', name: 'fit-table' });
  });

  it('follows new files and other chips', async () => {
    await vscode.workspace.fs.copy(sample, vscode.Uri.joinPath(folder, 'later.onnx'));
    await eventually('the row of the new file', async () =>
      (await pageText('table.fit')).match(/77,418/g)?.length === 2 ? true : undefined,
    );
    await set('pinnedTargets', ['nrf52840', 'esp32s3']);
    await eventually('the new column', async () =>
      (await pageText('table.fit thead')).includes('ESP32-S3') ? true : undefined,
    );
  });

  it('marks models in the explorer, as long as that is wanted', async () => {
    await vscode.commands.executeCommand('revealInExplorer', nested);
    const says = (text: string) => `:is([aria-label*="${text}"], [title*="${text}"])`;
    const label = `.explorer-folders-view .monaco-icon-label${says('copy.onnx')}`;
    // Each waits until the workbench shows it.
    await workbenchText(`${label}${says('Does not fit STM32L432KC')}`);
    await setTarget('stm32f746zg');
    await workbenchText(`${label}${says('STM32F746ZG')}`);
    await set('badges', false);
    await workbenchText(`${label}:not(${says('STM32F746ZG')})`);
    await set('badges', undefined);
    await workbenchText(`${label}${says('STM32F746ZG')}`);
  });

  it('opens the model of a cell that is pressed', async () => {
    await vscode.commands.executeCommand('thimble.checkFit', folder);
    await ask({ do: 'page-click', selector: '[data-key="row-4-nested/copy.onnx"]' });
    await eventually('the model', () => activeModelTab(nested));
  });
});
