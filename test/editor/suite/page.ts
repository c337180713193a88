import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import { ask, pageText } from './bridge-client';
import { activeModelTab, eventually, exists, inWorkspace, setTarget } from './editor';

const themes = {
  dark: 'Default Dark Modern',
  light: 'Default Light Modern',
  'high-contrast': 'Default High Contrast',
} as const;

async function open(uri: vscode.Uri): Promise<void> {
  await vscode.commands.executeCommand('vscode.open', uri);
  await eventually('the model tab', () => activeModelTab(uri));
}

async function pageShows(text: string): Promise<void> {
  await eventually(`"${text}" on the page`, async () => ((await pageText('body')).includes(text) ? true : undefined));
}

async function useTheme(name: keyof typeof themes): Promise<void> {
  await vscode.workspace
    .getConfiguration('workbench')
    .update('colorTheme', themes[name], vscode.ConfigurationTarget.Workspace);
}

describe('the page in the editor', () => {
  const sample = inWorkspace('digits-resnet8.onnx');

  before(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await vscode.commands.executeCommand('notifications.clearAll');
    await useTheme('dark');
    await setTarget('stm32l432kc');
    await open(sample);
  });

  after(() => useTheme('dark'));

  it('shows the numbers of the open file', async () => {
    await pageShows('digits-resnet8.onnx');
    // Figures of samples.json, measured apart from this project.
    await pageShows('77,418');
    await pageShows('Does not fit STM32L432KC');
  });

  it('follows a change of target', async () => {
    await setTarget('stm32f746zg');
    await pageShows('STM32F746ZG');
    await eventually('the new verdict', async () =>
      (await pageText('body')).includes('Does not fit') ? undefined : true,
    );
    await setTarget('stm32l432kc');
    await pageShows('Does not fit STM32L432KC');
  });

  it('shows the usual runtime of the chip, and another when that is set', async () => {
    const runtime = () => pageText('#runtime option:checked');
    const settings = vscode.workspace.getConfiguration('thimble');
    await eventually('the usual runtime', async () => ((await runtime()).includes('CMSIS-NN') ? true : undefined));
    await settings.update('runtime', 'onnx2c', vscode.ConfigurationTarget.Workspace);
    await eventually('the other runtime', async () => ((await runtime()).includes('onnx2c') ? true : undefined));
    await settings.update('runtime', undefined, vscode.ConfigurationTarget.Workspace);
    await eventually('the usual runtime', async () => ((await runtime()).includes('CMSIS-NN') ? true : undefined));
  });

  it('reloads when the file changes on disk, and keeps tab and selection', async () => {
    const copy = inWorkspace('changing.onnx');
    await vscode.workspace.fs.copy(sample, copy, { overwrite: true });
    await open(copy);
    await pageShows('77,418');
    await ask({ do: 'page-click', selector: '[role=tab]:has-text("Layers")' });
    const layer = '/layer2/down/Conv';
    await ask({ do: 'page-click', selector: `[role=row]:has-text("${layer}")` });
    await eventually('the selection', async () =>
      (await pageText('[role=row][aria-selected=true]')).includes(layer) ? true : undefined,
    );
    const smaller = inWorkspace('digits-resnet8.float16.onnx');
    assert.ok(await exists(smaller));
    await vscode.workspace.fs.writeFile(copy, await vscode.workspace.fs.readFile(smaller));
    await pageShows('float16');
    assert.equal(await pageText('[role=tab][aria-selected=true]'), 'Layers');
    assert.ok((await pageText('[role=row][aria-selected=true]')).includes(layer));
  });

  it('says what is wrong with a file that is no model', async () => {
    const broken = inWorkspace('broken.onnx');
    await vscode.workspace.fs.writeFile(broken, Buffer.from('version https://git-lfs.github.com/spec/v1\n'));
    await open(broken);
    await pageShows('cannot be read');
    await pageShows('broken.onnx');
    await ask({ do: 'screenshot', name: 'unreadable-dark' });
  });

  for (const name of ['dark', 'light', 'high-contrast'] as const) {
    it(`shows every view in ${name}`, async () => {
      await useTheme(name);
      await open(sample);
      for (const view of ['Summary', 'Layers', 'Memory']) {
        await ask({ do: 'page-click', selector: `[role=tab]:has-text("${view}")` });
        await eventually('the tab', async () =>
          (await pageText('[role=tab][aria-selected=true]')) === view ? true : undefined,
        );
        await new Promise((settle) => setTimeout(settle, 400));
        const path = await ask({ do: 'screenshot', name: `${view.toLowerCase()}-${name}` });
        assert.ok(await exists(vscode.Uri.file(String(path))));
      }
    });
  }
});
