import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decibelRange, flashRange, frontOf, measuredPoints, walkOf } from '../../webview/quantize/frontier-scale';
import { sensitivityRows, shortLayerName } from '../../webview/quantize/sensitivity-rows';
import { parseSize } from '../../webview/quantize/size-text';
import { agreementInWords, dataInWords, layersInWords } from '../../webview/quantize/words';
import { frontierPoints, planMeasurement, plannedLayers, sensitivityOf } from './sample-quantize';
import { mobileNet } from './sample-state';

describe('the scales of the frontier', () => {
  it('keep the plans that no other beats in both bytes and error', () => {
    const point = fc.record({ flashBytes: fc.nat(1000), decibels: fc.nat(60) });
    fc.assert(
      fc.property(fc.array(point), (list) => {
        const points = list.map((one, index) => ({ ...one, index }));
        const front = frontOf(points);
        for (const { flashBytes, decibels } of front) {
          assert.ok(!points.some((other) => other.flashBytes <= flashBytes && other.decibels > decibels));
        }
        for (const { flashBytes, decibels } of points) {
          assert.ok(front.some((other) => other.flashBytes <= flashBytes && other.decibels >= decibels));
        }
      }),
    );
  });

  it('hold all plans, and the budget where it is near', () => {
    const points = frontierPoints();
    const near = flashRange(points, 400 * 1024);
    assert.ok(near.from < 281.9 * 1024 && near.to > 400 * 1024);
    assert.ok(flashRange(points, 4096 * 1024).to < 400 * 1024);
    assert.deepEqual(decibelRange(measuredPoints(points)).ticks, [12, 18, 24, 30, 36]);
    assert.ok(flashRange(points.slice(0, 1), undefined).to > flashRange(points.slice(0, 1), undefined).from);
  });

  it('let the ring walk over all plans until two are measured, then over the best', () => {
    const few = frontierPoints(1);
    assert.equal(walkOf(few, 0).length, few.length);
    const all = frontierPoints();
    const way = walkOf(all, undefined);
    assert.ok(way.length < all.length);
    assert.equal(way[0], 25);
    const beaten = all.findIndex((_, index) => !way.includes(index));
    assert.ok(walkOf(all, beaten).includes(beaten));
  });

  it('give a plan that changes nothing the place of the best', () => {
    const [first, second] = frontierPoints();
    assert.ok(first && second);
    const value = { sqnrDb: undefined, samples: 1, synthetic: false };
    const points = measuredPoints([{ ...first, measurement: { kind: 'ready', value } }, second]);
    assert.deepEqual(
      points.map(({ decibels }) => decibels),
      [31, 31],
    );
  });
});

describe('words of the Quantize view', () => {
  it('read sizes as people type them', () => {
    assert.equal(parseSize('352 KiB'), 352 * 1024);
    assert.equal(parseSize('352'), 352 * 1024);
    assert.equal(parseSize('1,016.8 KiB'), Math.round(1016.8 * 1024));
    assert.equal(parseSize('1.5MB'), 1.5 * 1024 * 1024);
    assert.equal(parseSize('0,5 MiB'), 512 * 1024);
    assert.equal(parseSize('4096 b'), 4096);
    for (const text of ['', 'much', '-3', '3 GiB', '1..2']) assert.equal(parseSize(text), undefined, text);
  });

  it('name the data that was found', () => {
    const inputs = [{ name: 'x', shape: [1, 3, 96, 96], dataType: 'FLOAT' }];
    assert.equal(dataInWords({ samples: 64, inputs }), '64 inputs of 3×96×96, float32');
    assert.equal(
      dataInWords({ samples: 1, inputs: [...inputs, { name: 'ids', shape: ['batch', 8], dataType: 'INT64' }] }),
      '1 input of x 3×96×96 float32; ids 8 int64',
    );
  });

  it('count layers by scheme', () => {
    const layers = plannedLayers(mobileNet(), (position) => position < 10);
    assert.equal(layersInWords(layers), '10 layers at int4, 18 at int8');
    assert.equal(layersInWords(layers.slice(10)), 'all 18 layers at int8');
  });

  it('say how often the first class agrees', () => {
    assert.equal(agreementInWords(planMeasurement), 'top-1 agrees on 64 of 64');
    assert.equal(agreementInWords({ ...planMeasurement, outputs: [] }), undefined);
  });

  it('shorten names so that layers stay apart', () => {
    const short = (name: string) => shortLayerName({ name, opType: 'Conv' });
    assert.equal(short('/layer1/conv1/conv1.0/Conv'), 'layer1/conv1');
    assert.equal(short('/features/block_1/depthwise/Conv_2'), 'block_1/depthwise');
    assert.equal(short('Conv'), 'Conv');
    assert.equal(short('/'), '/');
  });
});

describe('rows of the sensitivity list', () => {
  const layers = plannedLayers(mobileNet());

  it('stand by harm, those not measured last, by what they save', () => {
    const measured = sensitivityOf(layers.slice(0, 2));
    const rows = sensitivityRows({ layers, edited: [], sensitivity: { kind: 'ready', value: measured } });
    assert.deepEqual(
      rows.slice(0, 2).map(({ layer }) => layer.name),
      layers.slice(0, 2).map(({ name }) => name),
    );
    const rest = rows.slice(2).map(({ savedBytes }) => savedBytes);
    assert.deepEqual(
      rest,
      [...rest].sort((a, b) => b - a),
    );
  });

  it('put a layer that changes nothing after those that do', () => {
    const [one, two] = layers;
    assert.ok(one && two);
    const value = {
      layers: [
        { name: one.name, scheme: 'int8', sqnrDb: undefined, noise: 0 },
        { name: two.name, scheme: 'int8', sqnrDb: 50, noise: 1 },
      ],
      samples: 1,
      synthetic: false,
    } as const;
    const rows = sensitivityRows({ layers: [one, two], edited: [one.name], sensitivity: { kind: 'ready', value } });
    assert.deepEqual(
      rows.map(({ layer, isHarmless, isEdited }) => [layer.name, isHarmless, isEdited]),
      [
        [two.name, false, false],
        [one.name, true, true],
      ],
    );
  });
});
