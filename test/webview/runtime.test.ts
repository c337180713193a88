import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import type { FromPage, PageState } from '../../webview/protocol';
import { launchChromium } from './chromium';
import { type OpenedPage, type OpenOptions, openPage } from './open-page';
import { activatedNet, onnx2c, runtimeStateOf, tflm } from './sample-runtime';
import { f746, mobileNet, stateOf } from './sample-state';

const hostile = '<img src=x onerror="document.title=1">';

describe('the page with a runtime', function () {
  this.timeout(60_000);
  let browser: Browser;
  let opened: OpenedPage;
  let page: Page;

  before(async () => {
    browser = await launchChromium();
  });
  after(() => browser?.close());

  async function open(state: PageState, options?: OpenOptions): Promise<void> {
    opened = await openPage(browser, options);
    page = opened.page;
    page.setDefaultTimeout(10_000);
    await opened.send({ type: 'state', state });
  }

  afterEach(async () => {
    assert.deepEqual(opened.faults, []);
    await page.close();
  });

  const tab = (name: string) => page.getByRole('tab', { name });
  const last = async (type: FromPage['type']) =>
    (await opened.sent()).filter((message) => message.type === type).at(-1);
  const meterText = (name: string) =>
    page
      .locator('.meter')
      .filter({ has: page.getByRole('group', { name: new RegExp(`^${name}`) }) })
      .innerText();

  it('offers the runtimes beside the model data alone', async () => {
    await open({ ...stateOf(mobileNet(), { target: f746 }), runtimes: [tflm, onnx2c] });
    const picker = page.getByLabel('Runtime', { exact: true });
    assert.deepEqual(await picker.locator('option').allTextContents(), [
      'model data only',
      'TFLM + CMSIS-NN',
      'Generated C (onnx2c)',
    ]);
    assert.equal(await picker.inputValue(), '');
    await picker.selectOption(onnx2c.id);
    assert.deepEqual(await last('set-runtime'), { type: 'set-runtime', runtime: 'onnx2c' });
    await opened.send({ type: 'state', state: runtimeStateOf({ target: f746, revision: 2 }) });
    await page.getByText('Peak RAM, arena').waitFor();
    assert.equal(await picker.inputValue(), tflm.id);
    await picker.selectOption('');
    const sent = await last('set-runtime');
    assert.ok(sent?.type === 'set-runtime');
    assert.equal(sent.runtime, undefined);
  });

  it('shows no runtime picker where the host offers none', async () => {
    await open(stateOf(mobileNet(), { target: f746 }));
    await page.getByText('Where the weights are').waitFor();
    assert.equal(await page.getByLabel('Runtime', { exact: true }).count(), 1);
    assert.equal(await page.getByLabel('Runtime', { exact: true }).isVisible(), false);
  });

  it('draws flash and RAM in parts, each with its kind, and explains a part', async () => {
    await open(runtimeStateOf({ target: f746, precision: 'int8' }));
    const flash = (await meterText('Flash')).replace(/\s+/g, ' ');
    assert.match(
      flash,
      /weights 203\.2 KiB biases 10\.7 KiB quantization ~64\.5 KiB graph ~47\.0 KiB runtime 52\.1 KiB† reserve 64\.0 KiB free/,
    );
    const ram = (await meterText('RAM')).replace(/\s+/g, ' ');
    assert.match(ram, /arena 72\.0 KiB persistent 26\.4 KiB scratch in arena reserve 48\.0 KiB free 173\.6 KiB/);
    await page.getByRole('button', { name: /^Flash, runtime 52\.1 KiB, published/ }).click();
    await page.getByRole('dialog').getByText('Published. 53,300 bytes.').waitFor();
    await page.getByRole('dialog').getByText('Linked for Cortex-M4F').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: /^RAM, arena 72\.0 KiB/ }).press('Enter');
    await page
      .getByRole('dialog')
      .getByText(/planned by TensorFlow Lite Micro greedy.*Scratch of up to 4\.5 KiB/)
      .waitFor();
  });

  it('keeps the height of the header when precision changes', async () => {
    for (const width of [1400, 1200, 1000, 720]) {
      await open(runtimeStateOf({ target: f746 }), { width });
      await page.getByText('Peak RAM, arena').waitFor();
      const height = () => page.locator('header').evaluate((header) => header.clientHeight);
      const before = await height();
      await opened.send({ type: 'state', state: runtimeStateOf({ target: f746, precision: 'int8', revision: 2 }) });
      await page.getByText('What-if: the file itself is float32.').waitFor();
      assert.equal(await height(), before, `at ${width}`);
      if (width !== 720) await page.close();
    }
  });

  it('shows the model data alone while the runtime is measured', async () => {
    const { runtimeFootprint: _, ...measuring } = runtimeStateOf({ target: f746 });
    await open(measuring);
    await tab('Memory').click();
    await page.getByText('Measuring on TFLM + CMSIS-NN…').waitFor();
    assert.match(await page.getByRole('group', { name: /^RAM: at least/ }).innerText(), /^$/);
    await page.locator('.timeline canvas').waitFor();
  });

  it('ranks the operators that run by their live bytes', async () => {
    await open(runtimeStateOf({ target: f746 }));
    const ram = page.locator('.thirds section').filter({ has: page.getByRole('heading', { name: /^RAM/ }) });
    assert.match(await ram.getByRole('button').first().innerText(), /block_1\/pointwise\/Conv\s+216\.0 KiB\s+step 3/);
  });

  it('says what the marks mean that occur, and no other', async () => {
    await open(runtimeStateOf({ target: f746 }));
    const legend = page.locator('footer.kinds');
    await legend.getByText('† published').waitFor();
    assert.equal(await legend.getByText('at least').count(), 0);
    await opened.send({ type: 'state', state: stateOf(mobileNet(), { revision: 2 }) });
    await legend.getByText('lower bound, the runtime is not counted').waitFor();
    assert.equal(await legend.getByText('† published').count(), 0);
    assert.equal(await legend.getByText('~ estimated').count(), 0);
  });

  it('says every outcome of a verdict with its own shape', async () => {
    const state = runtimeStateOf({ target: f746 });
    assert.ok(state.verdict);
    await open(state);
    const outcomes = ['fits', 'tight', 'cannot-run', 'does-not-fit'] as const;
    const shapes = new Set<string>();
    for (const [position, outcome] of outcomes.entries()) {
      const verdict = { ...state.verdict, outcome, lead: `Says ${outcome}.` };
      await opened.send({ type: 'state', state: { ...state, verdict, revision: position + 2 } });
      await page.getByText(`Says ${outcome}.`).waitFor();
      shapes.add(await page.locator('.verdict-icon').innerHTML());
    }
    assert.equal(shapes.size, outcomes.length);
  });

  it('puts kinds, missing kernels and a missing file into the what-if table', async () => {
    await open(runtimeStateOf({ target: f746 }));
    const rows = page.locator('table.what-if tbody tr');
    assert.match((await rows.nth(0).innerText()).replace(/\s+/g, ' '), /~1,016\.8 KiB ~292\.9 KiB .* RAM$/);
    const half = rows.nth(1);
    assert.match(await half.innerText(), /no kernel/);
    await half.getByText('no kernel').hover();
    await page.getByRole('tooltip').getByText('no float16 kernel for Conv2D').waitFor();
    assert.match(
      (await rows.nth(2).innerText()).replace(/\s+/g, ' '),
      /int8 per channel ~441\.5 KiB 98\.4 KiB – … fits/,
    );
    assert.match(await page.locator('.cards').innerText(), /Peak RAM, arena\s+~288\.0\s?KiB\s+live 216\.0 KiB at/);
    await rows.nth(2).getByRole('button', { name: 'int8 per channel', exact: true }).click();
    assert.deepEqual(await last('set-precision'), { type: 'set-precision', precision: 'int8' });
  });

  it('explains the peak of the arena in words', async () => {
    await open(runtimeStateOf({ target: f746 }));
    await tab('Memory').click();
    const lead = (await page.locator('.lead').innerText()).replace(/\s+/g, ' ');
    assert.equal(
      lead,
      'The arena needs ~288.0 KiB, though at most 216.0 KiB are ever alive at once, at step 3, /features/block_1/pointwise/Conv: ' +
        'its input 72.0 KiB and its output 144.0 KiB. The other 72.0 KiB are lost to placement: between input_1 and ' +
        '/features/block_1/depthwise/Conv only 36.0 KiB stay free, so the planner (TensorFlow Lite Micro greedy) puts ' +
        '/stem/conv/Conv, 72.0 KiB, on top.',
    );
    await page.locator('.lead').getByRole('button').click();
    await page
      .getByRole('row', { name: /block_1\/pointwise/, selected: true })
      .first()
      .waitFor();
  });

  it('walks through the arena map by keyboard, and selects a layer with Enter', async () => {
    await open(runtimeStateOf({ target: f746 }));
    await tab('Memory').click();
    const map = page.getByRole('slider', {
      name: /Arena map: 30 buffers.*288\.0 KiB planned by.*lower bound 216\.0 KiB/,
    });
    await map.focus();
    const said = () => map.getAttribute('aria-valuetext');
    assert.match((await said()) ?? '', /block_1\/pointwise.*147,456 bytes at offset 0, steps 3 to 4/);
    await page.keyboard.press('ArrowUp');
    assert.match((await said()) ?? '', /block_1\/depthwise.*at offset 147,456, steps 2 to 3/);
    await page.getByRole('tooltip').getByText('73,728 bytes at offset 147,456').waitFor();
    await page.keyboard.press('Home');
    assert.match((await said()) ?? '', /^input_1 1×3×96×96, 110,592 bytes/);
    await page.keyboard.press('ArrowRight');
    assert.match((await said()) ?? '', /stem\/conv/);
    await page.keyboard.press('Enter');
    await page.getByText('Selected: /stem/conv/Conv').waitFor();
    assert.equal(await page.locator('.timeline-selected').isVisible(), true);
    await page.keyboard.press('End');
    assert.equal(await map.getAttribute('aria-valuenow'), '30');
  });

  it('names a buffer on hover and selects its layer on press', async () => {
    await open(runtimeStateOf({ target: f746 }));
    await tab('Memory').click();
    const map = page.locator('.arena-map');
    await map.hover({ position: { x: 100, y: 200 } });
    await page.getByRole('tooltip').getByText('input_1').waitFor();
    assert.equal(await page.locator('.arena-ring').isVisible(), true);
    await map.click({ position: { x: 150, y: 200 } });
    await page.getByText('Selected: /features/block_1/pointwise/Conv').waitFor();
    await page.locator('.timeline').hover({ position: { x: 131, y: 100 } });
    await page
      .getByRole('tooltip')
      .getByText(/Step 3,.*\n?Conv2D with Relu/)
      .waitFor();
    assert.equal(await map.locator('.timeline-band').isVisible(), true);
  });

  it('shows both charts as tables', async () => {
    await open(runtimeStateOf({ target: f746, precision: 'int8' }));
    await tab('Memory').click();
    await page.getByRole('button', { name: 'Show as table: Arena map' }).click();
    const buffers = page.getByRole('group', { name: 'Buffers of the arena' });
    assert.deepEqual(await buffers.getByRole('columnheader').allTextContents(), [
      'Buffer',
      'Bytes',
      'Offset',
      'First step',
      'Last step',
    ]);
    assert.equal(await buffers.locator('tbody tr').count(), 43);
    assert.match(await buffers.locator('tbody tr').nth(0).innerText(), /input_1\s+27,648\s+0\s+0\s+1/);
    await buffers.getByRole('button', { name: '/stem/conv/Relu_output_0' }).click();
    await page.getByText('Selected: /stem/conv/Conv').waitFor();
    await page.getByRole('button', { name: 'Show as table: Live bytes' }).click();
    const steps = page.getByRole('group', { name: 'Live bytes by step' });
    assert.equal(await steps.locator('tbody tr').count(), 30);
    assert.match(
      await steps.locator('.peak-row').innerText(),
      /3\s+\/features\/block_1\/pointwise\/Conv\s+Conv2D with Relu\s+55,296/,
    );
    await page.getByRole('button', { name: 'Show as chart: Arena map' }).click();
    await page.locator('.arena-map canvas').waitFor();
  });

  it('lists what would lower the peak, and switches to it', async () => {
    await open(runtimeStateOf({ target: f746, searching: true }));
    await tab('Memory').click();
    await page.getByText('Searching for a better plan…').waitFor();
    await opened.send({ type: 'state', state: runtimeStateOf({ target: f746, revision: 2 }) });
    const list = page.locator('.improvements li');
    assert.equal(await list.count(), 4);
    assert.match(await list.nth(0).innerText(), /Place tensors better\s+~−72\.0 KiB/);
    assert.match(await list.nth(1).innerText(), /−194\.6 KiB[\s\S]*fits\s+173\.6 KiB to spare/);
    assert.match(await list.nth(2).innerText(), /still 16\.0 KiB short/);
    assert.equal(await list.nth(3).getByRole('button').count(), 0);
    await page.getByRole('button', { name: 'Show: Quantize to int8' }).click();
    assert.deepEqual(await last('set-precision'), { type: 'set-precision', precision: 'int8' });
    await page.getByRole('button', { name: 'Show: Generated C instead' }).press('Enter');
    assert.deepEqual(await last('set-runtime'), { type: 'set-runtime', runtime: 'onnx2c' });
    await opened.send({ type: 'state', state: { ...runtimeStateOf({ revision: 3 }), improvements: [] } });
    await page.getByText('Nothing was found that would lower it.').waitFor();
  });

  it('lists what lives at the peak with its place', async () => {
    await open(runtimeStateOf({ target: f746 }));
    await tab('Memory').click();
    const table = page.locator('.peak-tensors table');
    assert.deepEqual(await table.getByRole('columnheader').allTextContents(), [
      'Tensor',
      'Shape',
      'Role',
      'Bytes',
      'Offset',
    ]);
    assert.match(await table.locator('tbody tr').nth(1).innerText(), /1×48×48×8\s+input\s+73,728\s+147,456/);
    assert.match(await table.locator('.sum-row').innerText(), /221,184/);
  });

  it('names the operators that a runtime cannot run', async () => {
    const reason = 'TFLM has no kernel for Erf.';
    await open(
      runtimeStateOf({
        target: f746,
        cannotRun: [
          { node: 0, opType: 'Erf', reason },
          { node: 2, opType: 'Erf', reason },
          { node: 3, opType: hostile, reason },
        ],
      }),
    );
    await tab('Memory').click();
    await page.getByText('TFLM + CMSIS-NN cannot run 3 operators:').waitFor();
    await page.getByText('Erf (2)').hover();
    await page.getByRole('tooltip').getByText(reason).waitFor();
    assert.equal(await page.locator('img').count(), 0);
  });

  it('shows the operators that run, with the nodes they became from', async () => {
    await open(runtimeStateOf({ target: f746 }));
    await tab('Layers').click();
    await page.getByText('29 operators from 57 nodes').waitFor();
    await page.getByRole('button', { name: 'Lowered' }).click();
    await page.getByText('57 layers', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Lowered' }).click();
    await page.getByText('29 operators from 57 nodes').waitFor();
    const row = page.getByRole('row', { name: /stem\/conv\/Conv Conv2D \+ Relu 1×48×48×8/ });
    await row.click();
    await page.locator('.side').getByText('Lowered from').waitFor();
    assert.match(
      await page.locator('.side').innerText(),
      /On TFLM \+ CMSIS-NN[\s\S]*Conv2D with Relu[\s\S]*Conv \+ Relu/,
    );
    assert.equal(await row.getAttribute('aria-expanded'), 'false');
    await page.getByRole('treegrid').focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await row.getAttribute('aria-expanded'), 'true');
    const node = page.getByRole('row', { name: /stem\/conv\/Relu Relu/ });
    assert.equal(await node.getAttribute('aria-level'), '2');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.getByText('Selected: /stem/conv/Relu').waitFor();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    assert.equal(await node.count(), 0);
    await page.getByRole('button', { name: 'Copy CSV' }).click();
    const copied = await last('copy');
    assert.ok(copied?.type === 'copy');
    assert.equal(copied.text.split('\r\n').length, 31);
  });

  it('goes back to the model data when the runtime is dropped', async () => {
    await open(runtimeStateOf({ target: f746 }), { memory: { tab: 'memory', lowered: true, arenaAsTable: 1 } });
    await page.locator('.arena-map canvas').waitFor();
    await opened.send({ type: 'state', state: stateOf(activatedNet(), { target: f746, revision: 2 }) });
    await page.getByText(/^The peak of activations is [\d.]+ KiB, at step \d+, /).waitFor();
    assert.equal(await page.locator('.arena-map').count(), 0);
    await page.locator('.timeline canvas').waitFor();
    await tab('Layers').click();
    await page.getByText('57 layers', { exact: true }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Lowered' }).isVisible(), false);
  });
});
