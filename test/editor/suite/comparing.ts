import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import { ask, pageText } from './bridge-client';
import { activeModelTab, eventually, inWorkspace, setTarget } from './editor';

async function click(selector: string): Promise<void> {
  await ask({ do: 'page-click', selector });
}

function pinned(): readonly string[] {
  return vscode.workspace.getConfiguration('thimble').get<readonly string[]>('pinnedTargets', []);
}

async function pin(names: readonly string[] | undefined): Promise<void> {
  await vscode.workspace
    .getConfiguration('thimble')
    .update('pinnedTargets', names, vscode.ConfigurationTarget.Workspace);
}

describe('comparing chips in the editor', () => {
  const sample = inWorkspace('digits-resnet8.onnx');

  before(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await setTarget('stm32l432kc');
    await pin(['nrf52840', 'esp32s3']);
  });

  after(async () => {
    await pin(undefined);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('judges every scheme on the target and on each pinned chip', async () => {
    await vscode.commands.executeCommand('vscode.open', sample);
    await eventually('the model tab', () => activeModelTab(sample));
    const table = await eventually('the last row', async () => {
      const text = await pageText('table.what-if');
      return /binary.*(fits|short|no kernel|both|RAM|flash)/s.test(text) ? text : undefined;
    });
    assert.match(table, /L432KC.*nRF52840.*ESP32-S3/s);
    await eventually('the measured error', async () =>
      /int8 per channel\D+[\d.]+ KiB\D+[\d.]+ KiB\s+\d+\.\d/.test(await pageText('table.what-if')) ? true : undefined,
    );
    await ask({ do: 'screenshot', name: 'what-if' });
  });

  it('shows the numbers of a cell', async () => {
    await click('[data-key="cell-int8-nrf52840"]');
    assert.match(await pageText('.popover'), /int8 per channel on nRF52840.*Flash.*of 1 MiB/s);
    await ask({ do: 'page-press', key: 'Escape' });
  });

  it('shows a scheme everywhere when its name is pressed', async () => {
    await click('[data-key="scheme-int8-per-tensor"]');
    await eventually('the precision', async () =>
      (await pageText('#precision option:checked')) === 'int8 per tensor' ? true : undefined,
    );
    assert.match(await pageText('.verdict'), /What-if: the file itself is float32/);
  });

  it('keeps the order and the removal of a chip in the settings', async () => {
    await click('[data-key="chip-esp32s3"]');
    await ask({ do: 'page-press', key: 'Escape' });
    await ask({ do: 'page-press', key: 'Alt+ArrowLeft' });
    await eventually('the other order', () => (pinned()[0] === 'esp32s3' ? true : undefined));
    await eventually('the moved column', async () =>
      /ESP32-S3.*nRF52840/s.test(await pageText('table.what-if thead')) ? true : undefined,
    );
    await ask({ do: 'page-press', key: 'Delete' });
    await eventually('the removal', () => (pinned().join() === 'nrf52840' ? true : undefined));
  });
});
