import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const fileName = 'ort-wasm-simd-threaded.wasm';

/**
 * The engine's WebAssembly: beside the running bundle where it is shipped, else in the nearest node_modules (tests).
 * Throws Error (a sentence) where neither has it.
 */
export async function loadWasmFromDisk(): Promise<Uint8Array> {
  for (const candidate of candidates(__dirname)) {
    if (await exists(candidate)) return readFile(candidate);
  }
  throw new Error(`${fileName} is missing beside ${__dirname}; build or install Thimble again.`);
}

function* candidates(start: string): Generator<string> {
  yield join(start, fileName);
  for (let folder = start; ; folder = dirname(folder)) {
    yield join(folder, 'node_modules', 'onnxruntime-web', 'dist', fileName);
    if (dirname(folder) === folder) return;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
