// Builds every bundle: the extension host, its worker, the webview page, the command line, and (with --tests) the test files.
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, context } from 'esbuild';

const watch = process.argv.includes('--watch');
const tests = process.argv.some((word) => word === '--tests' || word.startsWith('--tests='));
/** `--tests=test/unit/onnx` builds one folder; `--out=DIR` keeps parallel runs apart. */
const option = (name, otherwise) =>
  process.argv.find((word) => word.startsWith(`--${name}=`))?.split('=')[1] ?? otherwise;
const testFolder = option('tests', 'test');
const outFolder = option('out', 'out');

const node = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  sourcemap: true,
  logLevel: 'warning',
};

const page = {
  bundle: true,
  platform: 'browser',
  format: 'iife',
  target: 'es2022',
  sourcemap: true,
  minify: true,
  logLevel: 'warning',
};

const product = [
  { ...node, entryPoints: ['extension/main.ts'], outfile: 'dist/extension.cjs', external: ['vscode'], minify: true },
  { ...node, entryPoints: ['extension/worker/worker.ts'], outfile: 'dist/worker.cjs', minify: true },
  // Threads that work on tensors, started by the worker and by the command line.
  {
    ...node,
    entryPoints: ['extension/quantize/node-tensor-thread.ts'],
    outfile: 'dist/tensor-thread.cjs',
    minify: true,
  },
  {
    ...node,
    entryPoints: ['extension/cli/main.ts'],
    outfile: 'dist/thimble.cjs',
    minify: true,
    banner: { js: '#!/usr/bin/env node' },
  },
  { ...page, entryPoints: ['webview/main.ts'], outfile: 'dist/webview.js' },
  // The table of "Check fit" for a folder.
  { ...page, entryPoints: ['webview/fit-table/main.ts'], outfile: 'dist/fit-table.js' },
  {
    bundle: true,
    minify: true,
    logLevel: 'warning',
    entryPoints: ['media/styles/index.css'],
    outfile: 'dist/webview.css',
  },
];

/** The inference engine's WebAssembly and the long list of devices stand beside the bundles that load them. */
function copyBesideBundles() {
  mkdirSync('dist', { recursive: true });
  copyFileSync('node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm', 'dist/ort-wasm-simd-threaded.wasm');
  copyFileSync('extension/targets/long-tail.generated.json', 'dist/long-tail.generated.json');
}

function testFiles(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(test|bench|main)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

// Test files run from out/test/..., three or more folders below the project; they find fixtures through process.cwd().
const testBundle = {
  ...node,
  entryPoints: testFiles(testFolder),
  outbase: '.',
  outdir: outFolder,
  outExtension: { '.js': '.cjs' },
  external: [
    'vscode',
    'mocha',
    'esbuild',
    'playwright-core',
    '@sparticuz/chromium',
    '@vscode/test-electron',
    'fast-check',
  ],
};

if (tests) {
  rmSync(outFolder, { recursive: true, force: true });
  await build(testBundle);
} else if (watch) {
  copyBesideBundles();
  for (const options of product) await (await context(options)).watch();
} else {
  copyBesideBundles();
  for (const options of product) await build(options);
}
