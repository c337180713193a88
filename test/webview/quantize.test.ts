import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import type { QuantizeState } from '../../webview/quantize-protocol';
import { launchChromium } from './chromium';
import { type OpenedPage, type OpenOptions, openPage } from './open-page';
import { frontierPoints, plannedLayers, plannedState, quantizeOf, sensitivityOf, withoutData } from './sample-quantize';
import { longNet, stateOf } from './sample-state';

const hostile = '<img src=x onerror="document.title=1">';

describe('the Quantize view', function () {
  this.timeout(60_000);
  let browser: Browser;
  let opened: OpenedPage;
  let page: Page;

  before(async () => {
    browser = await launchChromium();
  });
  after(() => browser?.close());

  async function open(state?: QuantizeState, options?: OpenOptions): Promise<void> {
    opened = await openPage(browser, options);
    page = opened.page;
    page.setDefaultTimeout(10_000);
    await opened.send({ type: 'state', state: plannedState() });
    await page.getByRole('tab', { name: 'Quantize' }).click();
    if (state) await show(state);
  }

  async function show(state: QuantizeState): Promise<void> {
    await opened.send({ type: 'quantize', state });
    await page.getByRole('radiogroup', { name: 'Scheme' }).waitFor();
  }

  /** The last message of a kind that the page sent. */
  async function last(type: 'quantize-change' | 'quantize-do') {
    await page.waitForFunction((kind) => window.hostSide.sent.some((message) => message.type === kind), type);
    return (await opened.sent()).filter((message) => message.type === type).at(-1);
  }

  const chosenScheme = () => page.locator('[role=radio][aria-checked=true]');
  const foot = () => page.locator('.quantize-foot');
  const ring = () => page.getByRole('slider');

  afterEach(async () => {
    assert.deepEqual(opened.faults, []);
    await page.close();
  });

  it('is the fourth tab, asks for its state when it is shown, and says that it waits', async () => {
    await open();
    await page.getByText('Estimating the schemes…').waitFor();
    assert.ok((await opened.sent()).some(({ type }) => type === 'quantize-shown'));
    await page.keyboard.press('Control+1');
    await page.keyboard.press('Control+4');
    assert.equal(await page.getByRole('tab', { name: 'Quantize' }).getAttribute('aria-selected'), 'true');
    await opened.send({ type: 'quantize', state: withoutData() });
    await page.getByText('Estimating the schemes…').waitFor({ state: 'hidden' });
  });

  it('is opened by the header, and by the host', async () => {
    await open(quantizeOf());
    await page.getByRole('tab', { name: 'Summary' }).click();
    await page.getByRole('button', { name: 'Quantize for target…' }).click();
    await foot().waitFor();
    await page.getByRole('tab', { name: 'Summary' }).click();
    await opened.send({ type: 'select-tab', tab: 'quantize' });
    await foot().waitFor();
  });

  it('shows the plan in the header as a what-if, and offers it there', async () => {
    await open(quantizeOf());
    assert.equal(await page.locator('#precision option:checked').textContent(), 'plan: int8 / int4');
    await page.getByText('What-if: the file itself is float32.').waitFor();
    await page.locator('#precision').selectOption('as-in-file');
    await page.locator('#precision').selectOption('plan');
    const sent = (await opened.sent()).filter(({ type }) => type === 'set-precision');
    assert.deepEqual(sent, [
      { type: 'set-precision', precision: 'as-in-file' },
      { type: 'set-precision', precision: 'plan' },
    ]);
  });

  it('sends budgets as they are typed, in any unit, and marks what is none', async () => {
    await open(quantizeOf());
    const flash = page.getByLabel('Flash budget');
    assert.equal(await flash.inputValue(), '352 KiB');
    await flash.fill('0.5 MiB');
    await flash.press('Enter');
    await flash.blur();
    assert.deepEqual(await last('quantize-change'), {
      type: 'quantize-change',
      change: { kind: 'budget', memory: 'flash', bytes: 512 * 1024 },
    });
    await page.getByLabel('RAM budget').fill('');
    await page.getByLabel('RAM budget').blur();
    assert.deepEqual(await last('quantize-change'), {
      type: 'quantize-change',
      change: { kind: 'budget', memory: 'ram', bytes: undefined },
    });
    const before = (await opened.sent()).length;
    await flash.fill('much');
    await flash.blur();
    assert.equal(await flash.getAttribute('aria-invalid'), 'true');
    assert.equal((await opened.sent()).length, before);
  });

  it('keeps what is being typed while measurements come in', async () => {
    await open(quantizeOf({ frontier: { points: frontierPoints(3), shown: 1, running: true } }));
    const flash = page.getByLabel('Flash budget');
    await flash.fill('4');
    await show(quantizeOf({ frontier: { points: frontierPoints(4), shown: 1, running: true } }));
    await page.getByText('4 of 26 measured').waitFor();
    assert.equal(await flash.inputValue(), '4');
    assert.equal(await flash.evaluate((field) => field === document.activeElement), true);
  });

  it('lists the schemes with what each would take, and which need data', async () => {
    await open(withoutData());
    await page.getByRole('radio', { name: /int8 per channel needs calibration data estimated377.5 KiB/ }).waitFor();
    await page.getByRole('radio', { name: /Fit to budget, mixed needs data/ }).waitFor();
    await page.getByRole('radio', { name: /float16 no kernel/ }).waitFor();
    assert.equal(await page.getByRole('radio', { name: /Ternary/ }).count(), 0);
    await page.getByRole('button', { name: '3 more schemes' }).click();
    await page.getByRole('radio', { name: /Ternary not possible/ }).hover();
    await page.getByRole('tooltip').getByText('more than one value').waitFor();
  });

  it('chooses a scheme by mouse and by arrow keys', async () => {
    await open(withoutData());
    await page.getByRole('radio', { name: /int4 weights/ }).click();
    assert.deepEqual(await last('quantize-change'), {
      type: 'quantize-change',
      change: { kind: 'scheme', id: 'int4-weights' },
    });
    await chosenScheme().focus();
    await page.keyboard.press('ArrowDown');
    assert.deepEqual(await last('quantize-change'), {
      type: 'quantize-change',
      change: { kind: 'scheme', id: 'int8-per-tensor' },
    });
    await show(withoutData({ chosen: 'int8-per-tensor' }));
    assert.match((await chosenScheme().textContent()) ?? '', /int8 per tensor/);
    assert.equal(await chosenScheme().evaluate((row) => row === document.activeElement), true);
  });

  it('offers the options that the scheme has, and no others', async () => {
    await open(withoutData({ chosen: 'int4-weights', options: { blockSize: 32, blockOperator: 'DequantizeLinear' } }));
    await page.getByLabel('Block size').selectOption('128');
    assert.deepEqual(await last('quantize-change'), {
      type: 'quantize-change',
      change: { kind: 'option', option: { blockSize: 128 } },
    });
    assert.equal(await page.getByLabel('Activations').count(), 0);
    await show(withoutData({ chosen: 'codebook', options: { codebookBits: 4 } }));
    await page.getByLabel('Codebook').selectOption('6');
    assert.deepEqual(await last('quantize-change'), {
      type: 'quantize-change',
      change: { kind: 'option', option: { codebookBits: 6 } },
    });
    await show(withoutData({ options: { granularity: 'per-channel', activations: 'asymmetric' } }));
    await page.getByLabel('Scales').selectOption('per-tensor');
    await page.getByLabel('Activations').selectOption('symmetric');
    assert.deepEqual(await last('quantize-change'), {
      type: 'quantize-change',
      change: { kind: 'option', option: { activations: 'symmetric' } },
    });
  });

  it('chooses weight ranges and ways to recover accuracy', async () => {
    await open(quantizeOf());
    await page.getByLabel('Weight ranges').selectOption('minmax');
    assert.deepEqual(await last('quantize-change'), {
      type: 'quantize-change',
      change: { kind: 'recovery', recovery: 'none' },
    });
    await page.getByLabel('Recovery', { exact: true }).selectOption('chosen');
    assert.deepEqual(await last('quantize-change'), {
      type: 'quantize-change',
      change: { kind: 'recovery', recovery: 'mse-clip,cle' },
    });
    await show(quantizeOf({ recovery: 'mse-clip,cle' }));
    await page.getByLabel('Bias absorption').check();
    assert.deepEqual(await last('quantize-change'), {
      type: 'quantize-change',
      change: { kind: 'recovery', recovery: 'mse-clip,cle,bias-absorption' },
    });
    assert.equal(await page.getByLabel('HQQ').isDisabled(), true);
  });

  it('chooses data through the host, and says what was found', async () => {
    await open(withoutData());
    for (const [name, action] of [
      ['File…', 'choose-data-file'],
      ['Folder…', 'choose-data-folder'],
      ['Random', 'use-random'],
    ] as const) {
      await page.getByRole('button', { name, exact: true }).click();
      assert.deepEqual(await last('quantize-do'), { type: 'quantize-do', action });
    }
    await show(quantizeOf());
    await page.getByText('64 inputs of 3×96×96, float32').waitFor();
    await page.getByText('calibrated and measured').waitFor();
  });

  it('says under the step what is wrong with the data, with both shapes', async () => {
    const { data } = quantizeOf();
    const problem = `${hostile} has the shape 1×28×28, but input_1 takes 3×96×96; give data of that shape.`;
    await open(withoutData({ data: { ...data, found: undefined, problem } }));
    await page.locator('.data-found').getByText(problem).waitFor();
    assert.equal(await page.locator('img').count(), 0);
  });

  it('offers preprocessing where images are chosen, and sends it whole', async () => {
    const { data } = quantizeOf();
    await open(quantizeOf({ data: { ...data, media: 'images' } }));
    await page.getByLabel('Resize').selectOption('bilinear');
    const sent = await last('quantize-change');
    assert.ok(sent?.type === 'quantize-change' && sent.change.kind === 'preprocessing');
    assert.deepEqual(sent.change.preprocessing, { ...data.preprocessing, resize: 'bilinear' });
    await page.getByLabel('Mean').fill('0.485, 0.456 0.406');
    await page.getByLabel('Mean').blur();
    const mean = await last('quantize-change');
    assert.ok(mean?.type === 'quantize-change' && mean.change.kind === 'preprocessing');
    assert.deepEqual(mean.change.preprocessing.mean, [0.485, 0.456, 0.406]);
    await page.getByLabel('Deviation').fill('0');
    await page.getByLabel('Deviation').blur();
    assert.equal(await page.getByLabel('Deviation').getAttribute('aria-invalid'), 'true');
    await show(quantizeOf({ data: { ...data, media: 'audio' } }));
    await page.getByLabel('Length').waitFor();
    assert.equal(await page.getByLabel('Resize').count(), 0);
  });

  it('warns of random inputs so that nobody misses it', async () => {
    const { data } = quantizeOf();
    await open(quantizeOf({ data: { ...data, source: 'random', found: undefined } }));
    const bar = page.getByRole('alert').filter({ hasText: 'Random inputs' });
    const box = await bar.boundingBox();
    assert.ok(box && box.width > 1100, 'as wide as the view');
  });

  it('compares file and plan in parts, in words as well', async () => {
    await open(quantizeOf());
    await page.getByRole('img', { name: /^Flash of the file: ~952.8 KiB; weights/ }).waitFor();
    await page.getByRole('img', { name: /^Flash of the plan: ~324.8 KiB; .*quantization data ~64.5 KiB/ }).waitFor();
    await page.getByRole('img', { name: /^RAM of the plan: 98.4 KiB; arena 72.0 KiB, persistent 26.4 KiB/ }).waitFor();
  });

  it('moves along the plans with the arrow keys', async () => {
    await open(quantizeOf());
    await ring().focus();
    assert.match((await ring().getAttribute('aria-valuetext')) ?? '', /~324.8 KiB, 27.6 dB/);
    await page.keyboard.press('ArrowRight');
    assert.deepEqual(await last('quantize-change'), { type: 'quantize-change', change: { kind: 'plan', index: 7 } });
    assert.match((await ring().getAttribute('aria-valuetext')) ?? '', /356.8 KiB, 30.1 dB/);
    assert.equal(await ring().evaluate((chart) => chart === document.activeElement), true);
    await page.keyboard.press('Home');
    assert.deepEqual(await last('quantize-change'), { type: 'quantize-change', change: { kind: 'plan', index: 25 } });
  });

  it('drags the ring and the budget line', async () => {
    await open(quantizeOf());
    const chart = await page.locator('.frontier-chart').boundingBox();
    const line = await page.locator('.frontier-handle').boundingBox();
    assert.ok(chart && line);
    const middle = line.y + line.height / 2;
    await page.mouse.move(line.x + 6, middle);
    await page.mouse.down();
    await page.mouse.move(line.x - 40, middle, { steps: 4 });
    await page.mouse.up();
    const budget = await last('quantize-change');
    assert.ok(budget?.type === 'quantize-change' && budget.change.kind === 'budget');
    assert.ok((budget.change.bytes ?? 0) < 352 * 1024 && (budget.change.bytes ?? 0) > 320 * 1024);
    const point = await page.locator('.frontier-ring').boundingBox();
    assert.ok(point);
    await page.mouse.move(point.x + 7, point.y + 7);
    await page.mouse.down();
    await page.mouse.move(chart.x + 45, point.y + 7, { steps: 6 });
    await page.mouse.up();
    assert.deepEqual(await last('quantize-change'), { type: 'quantize-change', change: { kind: 'plan', index: 25 } });
  });

  it('shows plans as they are measured, and can stop', async () => {
    await open(quantizeOf({ frontier: { points: frontierPoints(12), shown: 0, running: true } }));
    await page.getByText('12 of 26 measured').waitFor();
    assert.equal(await page.locator('.frontier-point').count(), 12);
    await page.getByRole('button', { name: 'Cancel' }).click();
    assert.deepEqual(await last('quantize-do'), { type: 'quantize-do', action: 'cancel' });
    await show(quantizeOf({ frontier: { points: frontierPoints(12), shown: 0, running: false }, paused: true }));
    await page.getByText('12 of 26 measured, stopped').waitFor();
    await page.getByRole('button', { name: 'Go on' }).click();
    assert.deepEqual(await last('quantize-do'), { type: 'quantize-do', action: 'measure' });
  });

  it('has the plans as a table too, and remembers that', async () => {
    await open(quantizeOf());
    await page.getByRole('button', { name: 'Show as table' }).click();
    const rows = page.getByRole('group', { name: 'Plans by flash' }).getByRole('row');
    assert.equal(await rows.count(), 27);
    await rows.nth(1).getByRole('button').click();
    assert.deepEqual(await last('quantize-change'), { type: 'quantize-change', change: { kind: 'plan', index: 25 } });
    await page.waitForFunction(() => JSON.stringify(window.hostSide.state).includes('"frontierAsTable":true'));
  });

  it('ranks layers by harm, and sets the precision of one', async () => {
    await open(quantizeOf());
    const rows = page.locator('.sensitivity-body [role=row]');
    assert.match((await rows.first().textContent()) ?? '', /stem\/conv.*632 B.*17\.8/);
    await page.getByLabel('Precision of /stem/conv/Conv').selectOption('int16x8');
    assert.deepEqual(await last('quantize-change'), {
      type: 'quantize-change',
      change: { kind: 'layer', name: '/stem/conv/Conv', scheme: 'int16x8' },
    });
    await show(quantizeOf({ edited: ['/stem/conv/Conv'] }));
    assert.equal(await page.locator('.sensitivity-row.edited').count(), 1);
    await page.getByLabel('Precision of /stem/conv/Conv, edited').selectOption('');
    const reset = await last('quantize-change');
    assert.ok(reset?.type === 'quantize-change' && reset.change.kind === 'layer' && reset.change.scheme === undefined);
    await page.getByRole('button', { name: 'Reset 1' }).click();
    assert.deepEqual(await last('quantize-change'), { type: 'quantize-change', change: { kind: 'reset-layers' } });
  });

  it('selects a layer for all views, and goes through the list by keys', async () => {
    await open(quantizeOf());
    await page.locator('.sensitivity-body [role=row]').nth(1).click();
    await page.getByText('Selected: /features/block_1/depthwise/Conv').waitFor();
    await page.locator('.sensitivity-list').focus();
    await page.keyboard.press('ArrowDown');
    await page.getByText('Selected: /features/block_1/pointwise/Conv').waitFor();
    await page.keyboard.press('Enter');
    assert.equal(
      await page.evaluate(() => document.activeElement?.getAttribute('aria-label')),
      'Precision of /features/block_1/pointwise/Conv',
    );
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement?.className), 'sensitivity-list');
  });

  it('draws only what is seen of ten thousand layers', async () => {
    const plans = longNet(10_000);
    const layers = plannedLayers(plans);
    await open();
    await opened.send({ type: 'state', state: stateOf(plans, { revision: 2 }) });
    await show(quantizeOf({ layers, sensitivity: { kind: 'ready', value: sensitivityOf(layers) } }));
    const rows = page.locator('.sensitivity-body [role=row]');
    assert.ok((await rows.count()) < 100);
    await page.locator('.sensitivity-list').focus();
    await page.keyboard.press('End');
    await rows.filter({ hasText: '45.4' }).last().waitFor();
    assert.ok((await rows.count()) < 100);
  });

  it('ends in a sentence: recommended, chosen, or over budget', async () => {
    await open(quantizeOf());
    const said = foot().locator('[aria-live=polite]');
    assert.match(
      (await said.textContent()) ?? '',
      /^Recommended: 9 layers at int4, 19 at int8\. ~324\.8 KiB of flash is within 352 KiB, output 27\.6 dB, 1\.8 dB below plain int8, top-1 agrees on 64 of 64\.$/,
    );
    await show(quantizeOf({ flashBudget: { bytes: 320 * 1024, room: 960 * 1024 } }));
    assert.match((await said.textContent()) ?? '', /^Over budget: .* exceeds 320 KiB by 4\.8 KiB/);
    assert.equal(await page.getByRole('button', { name: /^Write/ }).isEnabled(), true);
    await show(
      quantizeOf({ recommended: { id: 'int8', label: 'int8 per channel', reason: 'the least change that fits' } }),
    );
    assert.match((await said.textContent()) ?? '', /^Chosen: .*Recommended: int8 per channel, the least change/);
    await foot().getByRole('button', { name: 'int8 per channel' }).click();
    assert.deepEqual(await last('quantize-change'), {
      type: 'quantize-change',
      change: { kind: 'scheme', id: 'int8' },
    });
    await show(quantizeOf({ measurement: { kind: 'failed', reason: 'onnxruntime-web cannot run Foo.' } }));
    assert.match(
      (await said.textContent()) ?? '',
      /its error could not be measured: onnxruntime-web cannot run Foo\.$/,
    );
    await show(quantizeOf({ refused: `${hostile} has no weights.`, plan: undefined }));
    assert.match((await said.textContent()) ?? '', /^Not possible: <img/);
  });

  it('writes a file of a size that the button says, once nothing is in the way', async () => {
    await open(withoutData());
    const write = page.getByRole('button', { name: 'Write 268,595 bytes…' });
    assert.equal(await write.isDisabled(), true);
    await foot().getByText('int8 per channel needs calibration data: choose it in step 3.').waitFor();
    await show(quantizeOf());
    await write.click();
    assert.deepEqual(await last('quantize-do'), { type: 'quantize-do', action: 'write' });
    await page.getByRole('button', { name: 'Save recipe' }).click();
    assert.deepEqual(await last('quantize-do'), { type: 'quantize-do', action: 'save-recipe' });
  });

  it('reports what was written, and that the source is intact where it was not', async () => {
    const { write } = quantizeOf();
    await open(quantizeOf({ write: { ...write, outcome: { kind: 'failed', reason: 'The disk is full.' } } }));
    await page.getByRole('alert').getByText('The disk is full. The source is intact.').waitFor();
    const report = {
      modelPath: '/tmp/vww.int8.onnx',
      dataPath: undefined,
      predictedFileBytes: 268_595,
      writtenFileBytes: 268_595,
      writtenExternalBytes: undefined,
      passes: [{ pass: 'Fold batch norms', changes: ['27 folded into their convolutions'] }],
      left: [{ name: hostile, reason: 'it has no weights' }],
      comparison: undefined,
      skippedPasses: [],
      measurement: {
        outputs: [{ name: 'output', sqnrDb: 27.6, cosine: 0.99, maxAbsoluteError: 0.1, elements: 128, notFinite: 0 }],
        layers: [],
        samples: 64,
        synthetic: false,
        warnings: [],
      },
    };
    const outcome = { kind: 'written', fileName: 'vww.int8.onnx', report } as const;
    await show(quantizeOf({ write: { ...write, outcome } }));
    await page.getByText('vww.int8.onnx is written: 268,595 bytes, as predicted.').waitFor();
    await page.getByText('What was changed, 2 lines').click();
    await page.getByText('Fold batch norms: 27 folded into their convolutions').waitFor();
  });

  it('is usable at every width', async () => {
    for (const width of [1400, 1180, 1080, 860, 640, 480]) {
      await open(quantizeOf(), { width, height: 900 });
      const overflow = await page.locator('.quantize-scroll').evaluate((view) => view.scrollWidth - view.clientWidth);
      assert.ok(overflow <= 0, `${overflow} px too wide at ${width}`);
      const chart = await page.locator('.frontier-chart').boundingBox();
      assert.ok(chart && chart.width >= 280, `the chart is ${chart?.width} px wide at ${width}`);
      assert.deepEqual(opened.faults, []);
      if (width !== 480) await page.close();
    }
  });

  it('makes each chart one stop for the tab key', async () => {
    await open(quantizeOf());
    for (const selector of ['.frontier-chart', '.sensitivity-list']) {
      const stops = await page
        .locator(selector)
        .evaluate(
          (chart) =>
            [chart, ...chart.querySelectorAll('*')].filter(
              (part) => (part instanceof HTMLElement || part instanceof SVGElement) && part.tabIndex >= 0,
            ).length,
        );
      assert.equal(stops, 1, selector);
    }
  });
});
