// Compiles published latencies into latency.generated.json: `node extension/targets/compile-latency.mjs LATENCY_JSON`, where
// LATENCY_JSON is a list of rows { board, core, accelerator, clock_mhz, runtime, model, precision, ms, macs, source, kind }.
//
// Every row is kept, also those that no estimate can use: a model whose layers are not known has no `work`, a row without a clock has
// clockMhz 0. What is added here: one name per board and runtime family, and the multiply-accumulates of each model by kind of
// operator, computed from its architecture and checked against the row's own total where it has one.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [path] = process.argv.slice(2);
if (!path) {
  console.error('usage: node extension/targets/compile-latency.mjs LATENCY_JSON');
  process.exit(2);
}
const rows = JSON.parse(readFileSync(path, 'utf8'));

// Rates (multiply-accumulates per cycle, rounded) of published results that the list of rows does not hold: evidence for cores and
// accelerators that would have none. Where the board is not known it is the likeliest one, so that leaving that board out leaves
// these out too. The rates of MCUNet's models (STM32F746) stand for a MobileNetV2 of its size.
const mlperfTiny = [
  'MLPerf AD (FC autoencoder)',
  'MLPerf IC (ResNet-8)',
  'MLPerf KWS (DS-CNN)',
  'MLPerf VWW (MobileNetV1-0.25 96)',
];
const person = ['TFLM person_detect'];
const mcuNet = ['MobileNetV2 0.35 128 (1000 cls)'];
const rates = [
  {
    board: 'B-U585I-IOT02A',
    core: 'Cortex-M33',
    runtime: 'X-CUBE-AI 10.0',
    models: mlperfTiny,
    rates: [0.51, 0.71, 0.57, 0.79],
  },
  {
    board: 'a board with a Cortex-M85',
    core: 'Cortex-M85',
    runtime: 'tflite-micro',
    models: mlperfTiny,
    rates: [1.04, 3.07, 1.6, 1.17],
  },
  {
    board: 'GAP9',
    core: 'n/a',
    accelerator: 'NE16',
    runtime: 'GAPflow',
    models: mlperfTiny,
    rates: [4.1, 54.9, 15.1, 18],
  },
  { board: 'ESP32-C3', core: 'RV32IMC', runtime: 'TFLM + ESP-NN', models: person, rates: [0.105] },
  { board: 'ESP32-P4', core: 'RV32IMAFC+PIE', runtime: 'TFLM + ESP-NN', models: person, rates: [0.27] },
  { board: 'DISCO-F746NG', core: 'Cortex-M7', runtime: 'TFLM reference kernels', models: mcuNet, rates: [0.02] },
  { board: 'DISCO-F746NG', core: 'Cortex-M7', runtime: 'tflite-micro', models: mcuNet, rates: [0.24] },
  { board: 'DISCO-F746NG', core: 'Cortex-M7', runtime: 'X-CUBE-AI 7.3', models: mcuNet, rates: [0.41] },
  { board: 'DISCO-F746NG', core: 'Cortex-M7', runtime: 'TinyEngine', models: mcuNet, rates: [0.5] },
];

// Targets of the catalogue that are on these boards.
const targetsOnBoards = {
  'NUCLEO-L4R5ZI': 'stm32l4r5zi',
  'NUCLEO-H7A3ZI-Q': 'stm32h7a3zi',
  'DISCO-F746NG': 'stm32f746zg',
  'CY8CPROTO-062-4343W': 'psoc62',
  'EK-RA6M4': 'ra6m4',
  'xG24-DK2601B': 'efr32mg24',
  NDP9120: 'ndp120',
  'nRF5340-DK': 'nrf5340',
  'B-U585I-IOT02A': 'stm32u585ai',
  'NUCLEO-G0B1RE': 'stm32g0b1re',
  'ESP32-S3': 'esp32s3',
  ESP32: 'esp32',
  'ESP32-C3': 'esp32c3',
  'ESP32-P4': 'esp32p4',
  'STM32N6570-DK': 'stm32n657x0',
  'STM32H747I-DISCO': 'stm32h747xi',
  GAP9: 'gap9',
};

// The same board in two spellings is one board: leaving one out must not leave its twin in.
const boardNames = [
  [/^nucleo-l4r5zi(-p)?$/i, 'NUCLEO-L4R5ZI'],
  [/^nucleo-h7a3zi(-q)?$/i, 'NUCLEO-H7A3ZI-Q'],
  [/^b[_-]u585i[_-]iot02a$/i, 'B-U585I-IOT02A'],
  [/^k1_board/i, 'SpacemiT K1'],
];

// [text of the row, family: versions that perform alike, line: families of one maker or kernel library]
const runtimeFamilies = [
  [/reference kernels/, 'TFLM reference kernels', 'plain C'],
  [/ESP-NN ANSI C/, 'ESP-NN plain C, single kernels', 'plain C'],
  [/ESP-DL ANSI C/, 'ESP-DL plain C, single kernels', 'plain C'],
  [/ESP-NN optimized/, 'ESP-NN, single kernels', 'ESP-NN'],
  [/ESP-NN/, 'TFLM + ESP-NN', 'ESP-NN'],
  [/ESP-DL SIMD/, 'ESP-DL, single kernels', 'ESP-DL'],
  [/ESP-DL dual core/, 'ESP-DL on two cores', 'ESP-DL'],
  [/ESP-DL/, 'ESP-DL', 'ESP-DL'],
  [/TFLM\+Vela|^Vela$/, 'Vela on silicon', 'Vela'],
  [/Vela/, 'Vela', 'Vela'],
  [/TensorFlow Lite for Microcontrollers v2\.3/, 'TFLM 2.3', 'TFLM + CMSIS-NN'],
  [/tflite-micro|TensorFlow Lite for Micro/i, 'TFLM + optimized kernels', 'TFLM + CMSIS-NN'],
  [/microtvm.cmsis/i, 'microTVM + CMSIS-NN', 'TFLM + CMSIS-NN'],
  [/microtvm/i, 'microTVM', 'microTVM'],
  [/X-CUBE-AI v?(7|8\.0)/, 'X-CUBE-AI 7', 'ST Edge AI'],
  [/X-CUBE-AI v?8\.1/, 'X-CUBE-AI 8.1', 'ST Edge AI'],
  [/X-CUBE-AI|ST Edge AI/, 'X-CUBE-AI 9 and later', 'ST Edge AI'],
  [/Plumerai.*2023/, 'Plumerai 2023', 'Plumerai'],
  [/Plumerai/, 'Plumerai', 'Plumerai'],
  [/HALE/, 'HALE', 'HALE'],
];

/** Multiply-accumulates by kind, and operations on elements of layers that have none. */
class Layers {
  work = { conv: 0, depthwise: 0, pointwise: 0, dense: 0, other: 0 };
  constructor(height, width, channels) {
    Object.assign(this, { height, width, channels });
  }
  conv(filters, kernel, stride = 1, padding = 'same') {
    this.slide(kernel, stride, padding);
    const kind = kernel[0] * kernel[1] === 1 ? 'pointwise' : 'conv';
    this.work[kind] += this.height * this.width * filters * kernel[0] * kernel[1] * this.channels;
    this.channels = filters;
    return this;
  }
  depthwise(kernel, stride = 1, padding = 'same') {
    this.slide(kernel, stride, padding);
    this.work.depthwise += this.height * this.width * this.channels * kernel[0] * kernel[1];
    return this;
  }
  pointwise(filters) {
    return this.conv(filters, [1, 1]);
  }
  add() {
    this.work.other += this.height * this.width * this.channels;
    return this;
  }
  globalPool() {
    this.add();
    this.height = this.width = 1;
    return this;
  }
  dense(units) {
    this.work.dense += this.height * this.width * this.channels * units;
    Object.assign(this, { height: 1, width: 1, channels: units });
    return this;
  }
  slide([height, width], stride, padding) {
    const cut = padding === 'valid' ? [height - 1, width - 1] : [0, 0];
    this.height = Math.ceil((this.height - cut[0]) / stride);
    this.width = Math.ceil((this.width - cut[1]) / stride);
  }
}

const three = [3, 3];
// A channel count rounded to a multiple of 8, never below 90 % of what was asked for (the MobileNet papers' reference code).
function toEight(value) {
  const rounded = Math.max(8, Math.floor((value + 4) / 8) * 8);
  return rounded < 0.9 * value ? rounded + 8 : rounded;
}

function mobileNetV1(alpha, size, colours, classes) {
  const layers = new Layers(size, size, colours).conv(32 * alpha, three, 2);
  const blocks = [
    [64, 1],
    [128, 2],
    [128, 1],
    [256, 2],
    [256, 1],
    [512, 2],
    ...Array(5).fill([512, 1]),
    [1024, 2],
    [1024, 1],
  ];
  for (const [filters, stride] of blocks) layers.depthwise(three, stride).pointwise(filters * alpha);
  return layers.globalPool().dense(classes).work;
}

function mobileNetV2(alpha, size, classes) {
  const layers = new Layers(size, size, 3).conv(toEight(32 * alpha), three, 2);
  const stages = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ];
  for (const [expansion, filters, count, first] of stages) {
    for (let block = 0; block < count; block++) {
      const input = layers.channels;
      if (expansion > 1) layers.pointwise(input * expansion);
      layers.depthwise(three, block === 0 ? first : 1).pointwise(toEight(filters * alpha));
      if (block > 0) layers.add();
    }
  }
  return layers
    .pointwise(alpha > 1 ? toEight(1280 * alpha) : 1280)
    .globalPool()
    .dense(classes).work;
}

function autoencoder() {
  const layers = new Layers(1, 1, 640);
  for (const units of [128, 128, 128, 128, 8, 128, 128, 128, 128, 640]) layers.dense(units);
  return layers.work;
}

function resNet8() {
  const layers = new Layers(32, 32, 3).conv(16, three).conv(16, three).conv(16, three).add();
  for (const filters of [32, 64]) {
    const shortcut = new Layers(layers.height, layers.width, layers.channels).conv(filters, [1, 1], 2);
    layers.conv(filters, three, 2).conv(filters, three).add();
    layers.work.pointwise += shortcut.work.pointwise;
  }
  return layers.globalPool().dense(10).work;
}

function dsCnn() {
  const layers = new Layers(49, 10, 1).conv(64, [10, 4], 2);
  for (let block = 0; block < 4; block++) layers.depthwise(three).pointwise(64);
  return layers.globalPool().dense(12).work;
}

function streamingDsCnn() {
  const layers = new Layers(30, 1, 40);
  for (const [kernel, filters] of [
    [3, 128],
    [5, 128],
    [10, 128],
    [15, 32],
  ]) {
    layers.depthwise([kernel, 1], 1, 'valid').pointwise(filters);
  }
  return layers.dense(3).work;
}

// YAMNet as ST cuts it: the blocks of MobileNetV1 up to 256 channels, pooled, and one dense layer (stm32ai-modelzoo-services,
// yamnet_256_64x96).
function yamNet256(classes) {
  const layers = new Layers(96, 64, 1).conv(32, three, 2);
  for (const [filters, stride] of [
    [64, 1],
    [128, 2],
    [128, 1],
    [256, 2],
    [256, 1],
  ]) {
    layers.depthwise(three, stride).pointwise(filters);
  }
  return layers.globalPool().dense(classes).work;
}

/** A single kernel by its name: "dwconv 3x3 18x18x16", "conv 1x1 10x10x64->64", "fc 271->3". */
function singleKernel(name, macs) {
  const work = { conv: 0, depthwise: 0, pointwise: 0, dense: 0, other: 0 };
  const kind = name.startsWith('fc')
    ? 'dense'
    : name.startsWith('dw')
      ? 'depthwise'
      : / 1x1 /.test(name)
        ? 'pointwise'
        : 'conv';
  work[kind] = macs;
  return work;
}

function workOf({ model, macs }) {
  if (/MLPerf AD/.test(model)) return autoencoder();
  if (/MLPerf IC/.test(model)) return resNet8();
  if (/MLPerf KWS/.test(model)) return dsCnn();
  if (/MLPerf VWW/.test(model)) return mobileNetV1(0.25, 96, 3, 2);
  if (/MLPerf SWW/.test(model)) return streamingDsCnn();
  if (/person_detect/.test(model)) return mobileNetV1(0.25, 96, 1, 2);
  if (/YAMNet-256/.test(model)) return yamNet256(10);
  const classes = Number(/\((\d+) cls\)/.exec(model)?.[1] ?? 0);
  const v1 = /^MobileNetV1 ([\d.]+) (\d+)(?:x\d+x(\d))?/.exec(model);
  if (v1) return mobileNetV1(Number(v1[1]), Number(v1[2]), Number(v1[3] ?? 3), classes || 5);
  const v2 = /^mobilenetv2(?: ([\d.]+))?[ -](\d+)/i.exec(model);
  if (v2) return mobileNetV2(Number(v2[1] ?? 1), v2[2] === '12' ? 224 : Number(v2[2]), classes || 1000);
  if (/^(dw)?conv |^fc /.test(model)) return singleKernel(model, macs);
  return undefined;
}

// Vela counts the operations of its own graph, padded channels included; the model is the same.
const countsOtherwise = (row) => row.suite === 'Vela estimate';

class Table {
  entries = [];
  places = new Map();
  at(entry) {
    const key = JSON.stringify(entry);
    if (!this.places.has(key)) this.places.set(key, this.entries.push(entry) - 1);
    return this.places.get(key);
  }
}
const systems = new Table();
const models = new Table();
const sources = new Table();

const computed = rates.flatMap(({ models: names, rates: perCycle, ...system }) =>
  names.map((model, index) => {
    const [conv, depthwise, pointwise, dense] = Object.values(workOf({ model }));
    const ms = Number(((conv + depthwise + pointwise + dense) / perCycle[index] / 1000).toPrecision(4));
    const source = 'rate of published results, rounded to two or three digits';
    return { ...system, model, clock_mhz: 1, precision: 'int8', ms, source, kind: 'measured', rate: true };
  }),
);

const compiled = [...rows, ...computed].map((row) => {
  const work = workOf(row);
  const total = work && work.conv + work.depthwise + work.pointwise + work.dense;
  if (work && row.macs && total !== row.macs && !countsOtherwise(row)) {
    throw new Error(`${row.model}: ${total} multiply-accumulates by architecture, ${row.macs} in the row`);
  }
  const known = runtimeFamilies.find(([pattern]) => pattern.test(row.runtime));
  const [, family, line] = known ?? [undefined, row.runtime, row.runtime];
  const board = boardNames.find(([pattern]) => pattern.test(row.board))?.[1] ?? row.board;
  const target = targetsOnBoards[board];
  const system = {
    board,
    ...(target && { target }),
    core: row.core,
    ...(row.accelerator && { accelerator: row.accelerator.replace(/^ethos/, 'Ethos').replace(/-u(?=\d)/, '-U') }),
    clockMhz: row.clock_mhz ?? 0,
    runtime: row.runtime.replace(/,? ?(=')?https?:\S*?([0-9a-f]{8})?[0-9a-f]*'?$/, '').replace(/,.*commit_id:.*/, ''),
    family,
    line,
    precision: row.precision === 'fp32' ? 'float32' : row.precision,
    ...(row.kind !== 'measured' && { computed: true }),
    ...(row.rate && { rate: true }),
  };
  return [
    systems.at(system),
    models.at({ name: row.model, ...(work && { work: Object.values(work) }) }),
    row.ms,
    sources.at(
      row.source.replace(/\/(performance\/)?results\.txt$/, '').replace(/\/(ad|ic|kws|vww|sww)(\/performance)?$/, ''),
    ),
  ];
});

const lines = (list) => list.map((entry) => JSON.stringify(entry)).join(',\n');
const text = `{"kinds":["conv","depthwise","pointwise","dense","other"],
"systems":[
${lines(systems.entries)}],
"models":[
${lines(models.entries)}],
"sources":[
${lines(sources.entries)}],
"rows":[
${compiled.map((row) => JSON.stringify(row)).join(',')}]}
`;
writeFileSync(fileURLToPath(new URL('latency.generated.json', import.meta.url)), text);
console.log(
  `${compiled.length} rows, ${systems.entries.length} systems, ${models.entries.length} models, ${text.length} bytes`,
);
