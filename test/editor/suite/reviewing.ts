import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import { buildModel } from '../../fixtures/model-builder';
import { ask, pageText } from './bridge-client';
import { activeModelTab, eventually, exists, inWorkspace, setTarget } from './editor';

async function workbenchText(selector: string): Promise<string> {
  return String(await ask({ do: 'workbench-text', selector }));
}

/** A closed picker keeps its title until the next one opens. */
const visibleTitle = '.quick-input-widget:visible .quick-input-title';

/** How long an accepted step may take until it is taken for one that had no choices yet, in milliseconds. */
const patienceWithStep = 3000;

/** Goes through chip and scheme to the review, which stays open: each step is accepted once it is there, by its title. */
async function acceptUntilReview(): Promise<void> {
  let accepted = { title: '', at: 0 };
  await eventually('the review', async () => {
    const title = await workbenchText(visibleTitle);
    if (title.includes('(3/3)')) return true;
    const isNew = title !== accepted.title || Date.now() - accepted.at > patienceWithStep;
    if (title !== '' && isNew) {
      accepted = { title, at: Date.now() };
      await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
    }
    return undefined;
  });
}

/** Answers the warnings that the extension shows meanwhile, and gives their texts: the editor shows no dialogs under test. */
async function answering(
  answer: string | undefined,
  during: (asked: readonly string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  const { showWarningMessage } = vscode.window;
  Object.assign(vscode.window, {
    showWarningMessage: async (text: string) => {
      asked.push(text);
      return answer;
    },
  });
  try {
    await during(asked);
  } finally {
    Object.assign(vscode.window, { showWarningMessage });
  }
}

describe('the review of a quantization', () => {
  const sample = inWorkspace('digits-resnet8.onnx');

  before(() => setTarget('stm32l432kc'));

  it('stays in the review when a line of it is accepted that says what changes', async () => {
    const other = inWorkspace('digits-resnet8.int8-weights.onnx');
    let ended = false;
    const flow = vscode.commands.executeCommand('thimble.quantizeForTarget', sample, 'int8-weights').then(() => {
      ended = true;
    });
    await acceptUntilReview();
    for (let line = 0; line < 2; line++) await ask({ do: 'press', key: 'ArrowDown' });
    await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
    await new Promise((wait) => setTimeout(wait, 500));
    assert.equal(ended, false);
    assert.match(await workbenchText('.quick-input-widget:visible .quick-input-list'), /Write 85,\d{3} bytes to /);
    await ask({ do: 'screenshot', name: 'quantize-review' });
    await vscode.commands.executeCommand('workbench.action.closeQuickOpen');
    await flow;
    assert.equal(await exists(other), false);
  });
});

describe('a model with a data file', () => {
  const folder = inWorkspace('with-data');
  const model = vscode.Uri.joinPath(folder, 'net.onnx');
  const weights = vscode.Uri.joinPath(folder, 'weights', 'net.bin');
  const output = vscode.Uri.joinPath(folder, 'net.float16.onnx');
  const outputData = vscode.Uri.joinPath(folder, 'net.float16.onnx.data');

  before(async () => {
    const graph = {
      inputs: [{ name: 'x', dims: [1, 64] }],
      outputs: [{ name: 'y', dims: [1, 32] }],
      nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
      initializers: [{ name: 'w', type: 'FLOAT' as const, dims: [64, 32], external: { location: 'weights/net.bin' } }],
    };
    await vscode.workspace.fs.writeFile(weights, new Uint8Array(64 * 32 * 4).fill(1));
    await vscode.workspace.fs.writeFile(model, buildModel({ graph }));
  });

  after(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await vscode.workspace.fs.delete(folder, { recursive: true });
  });

  it('asks before its data file is replaced, and goes back to the review', async () => {
    await vscode.workspace.fs.writeFile(outputData, Buffer.from('precious'));
    await answering(undefined, async (asked) => {
      const flow = vscode.commands.executeCommand('thimble.quantizeForTarget', model, 'float16');
      await acceptUntilReview();
      await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
      await eventually('the question', () => asked[0]);
      assert.deepEqual(asked, ['net.float16.onnx.data exists already. Replace it?']);
      await eventually('the review', async () =>
        (await workbenchText(visibleTitle)).includes('(3/3)') ? true : undefined,
      );
      await vscode.commands.executeCommand('workbench.action.closeQuickOpen');
      await flow;
    });
    assert.equal(Buffer.from(await vscode.workspace.fs.readFile(outputData)).toString(), 'precious');
    assert.equal(await exists(output), false);
  });

  it('names both files where both are there, and replaces both', async () => {
    await vscode.workspace.fs.writeFile(output, Buffer.from('old'));
    await answering('Replace', async (asked) => {
      const flow = vscode.commands.executeCommand('thimble.quantizeForTarget', model, 'float16');
      await acceptUntilReview();
      await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
      await flow;
      assert.deepEqual(asked, ['net.float16.onnx and net.float16.onnx.data exist already. Replace both?']);
    });
    await eventually('the new model in front', () => activeModelTab(output));
    assert.equal((await vscode.workspace.fs.readFile(outputData)).length, 64 * 32 * 2);
  });

  it('is planned again for another name', async () => {
    const other = vscode.Uri.joinPath(folder, 'a-name-that-is-longer-than-the-usual-one.onnx');
    const { showSaveDialog } = vscode.window;
    Object.assign(vscode.window, { showSaveDialog: async () => other });
    try {
      const flow = vscode.commands.executeCommand('thimble.quantizeForTarget', model, 'float16');
      await acceptUntilReview();
      const sizeShown = async () =>
        /Write ([\d,]+) bytes to (\S+),/.exec(await workbenchText('.quick-input-widget:visible .quick-input-list'));
      const usual = await sizeShown();
      await ask({ do: 'press', key: 'ArrowDown' });
      await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
      const shown = await eventually('the other name', async () => {
        const found = await sizeShown();
        return found?.[2] === 'a-name-that-is-longer-than-the-usual-one.onnx' ? found : undefined;
      });
      assert.notEqual(shown[1], usual?.[1]);
      await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
      await flow;
      assert.equal((await vscode.workspace.fs.readFile(other)).length.toLocaleString('en-US'), shown[1]);
    } finally {
      Object.assign(vscode.window, { showSaveDialog });
    }
  });

  it('is read again when its data file changes', async () => {
    await vscode.commands.executeCommand('vscode.open', model);
    await eventually('the model tab', () => activeModelTab(model));
    const shows = (text: string) =>
      eventually(`"${text}" on the page`, async () => ((await pageText('body')).includes(text) ? true : undefined));
    await shows('2,048');
    await vscode.workspace.fs.writeFile(weights, new Uint8Array(16));
    await shows('weights/net.bin');
  });
});
