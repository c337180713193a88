import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import { ask, pageText } from './bridge-client';
import { acceptUntil, activeModelTab, eventually, exists, inWorkspace, setTarget } from './editor';

/** Clicks in the page, as soon as what is to be clicked is there. */
async function click(selector: string): Promise<void> {
  await ask({ do: 'page-click', selector });
}

describe('the Quantize view in the editor', () => {
  const sample = inWorkspace('digits-resnet8.onnx');
  const output = inWorkspace('digits-resnet8.planned.onnx');

  before(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await setTarget('stm32l432kc');
  });

  after(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    if (await exists(output)) await vscode.workspace.fs.delete(output);
  });

  it('is where "Quantize for target…" leads once a chip is chosen', async () => {
    let ended = false;
    void vscode.commands.executeCommand('thimble.quantizeForTarget', sample).then(() => {
      ended = true;
    });
    await acceptUntil('the end of the command', async () => (ended ? true : undefined));
    await eventually('the model tab', () => activeModelTab(sample));
    assert.equal(await pageText('[role=tab][aria-selected=true]'), 'Quantize');
    assert.match(await pageText('.quantize .dropdown'), /STM32L432KC/);
  });

  it('estimates every scheme, and follows a choice in header and meters', async () => {
    await eventually('sizes', async () =>
      /KiB|no kernel/.test(await pageText('[data-key="scheme-row-fixed-point"]')) ? true : undefined,
    );
    await click('[data-key="scheme-row-int8"]');
    await eventually('the plan in the header', async () =>
      (await pageText('#precision option:checked')) === 'plan: int8 per channel' ? true : undefined,
    );
    assert.match(await pageText('.quantize-foot'), /needs calibration data/);
  });

  it('writes the plan as shown, to the byte, opens it beside, and leaves the source as it was', async () => {
    const before = await vscode.workspace.fs.readFile(sample);
    await click('[data-key="use-random"]');
    await eventually('the warning', async () =>
      (await pageText('.quantize-view')).includes('Random inputs.') ? true : undefined,
    );
    const size = await eventually('the size', async () => {
      const text = await pageText('[data-key="write"]:enabled').catch(() => '');
      return /Write ([\d,]+) bytes/.exec(text)?.[1];
    });
    await eventually('the measured error', async () =>
      /\d dB/.test(await pageText('.quantize-foot')) ? true : undefined,
    );
    await ask({ do: 'screenshot', name: 'quantize-view' });
    const { showSaveDialog } = vscode.window;
    Object.assign(vscode.window, { showSaveDialog: async () => output });
    try {
      await click('[data-key="write"]');
      await eventually('the written model in front', () => activeModelTab(output), 40_000);
    } finally {
      Object.assign(vscode.window, { showSaveDialog });
    }
    const written = await vscode.workspace.fs.readFile(output);
    assert.equal(written.length.toLocaleString('en-US'), size);
    assert.deepEqual(await vscode.workspace.fs.readFile(sample), before);
    assert.equal(vscode.window.tabGroups.all.length, 2);
    // The page that is looked at is the first that can be seen.
    await vscode.commands.executeCommand('workbench.action.closeEditorsInOtherGroups');
    const compared = await eventually('the comparison with the source', async () => {
      const text = await pageText('.compare-lead').catch(() => '');
      return text.includes('dB') ? text : undefined;
    });
    assert.match(compared, /KiB less flash .*for an output at \d+\.\d dB .*on random inputs/);
    await ask({ do: 'screenshot', name: 'quantize-written' });
  });
});
