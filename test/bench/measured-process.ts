import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ProcessFigures {
  readonly milliseconds: number;
  /** Maximum resident memory, in megabytes of 10^6 bytes. */
  readonly residentMegabytes: number;
  readonly standardOutput: string;
}

/**
 * Tells the most resident memory (KiB) on file descriptor 3 when the process ends. On Linux getrusage's figure begins at what the
 * parent held when it forked; the high-water mark in /proc begins with the program.
 */
const probe = `
const { readFileSync, writeSync } = require('node:fs');
process.on('exit', () => {
  let kibibytes;
  try {
    kibibytes = /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  } catch {}
  writeSync(3, String(kibibytes ?? process.resourceUsage().maxRSS));
});
`;

/** Runs `node SCRIPT ARGUMENTS` to its end and measures it from outside. Rejects when it fails. `folder` takes a small script. */
export async function runMeasured(
  folder: string,
  script: string,
  argv: readonly string[],
  nodeOptions: readonly string[] = [],
): Promise<ProcessFigures> {
  const probePath = join(folder, 'probe.cjs');
  writeFileSync(probePath, probe);
  const start = performance.now();
  const child = spawn(process.execPath, [...nodeOptions, '--require', probePath, script, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const [, output, errors, resident] = child.stdio;
  const texts = Promise.all([textOf(output), textOf(errors), textOf(resident)]);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', resolve);
  });
  const milliseconds = performance.now() - start;
  const [standardOutput, standardError, kibibytes] = await texts;
  if (exitCode !== 0)
    throw new Error(`${script} ${argv.join(' ')} ended with ${exitCode}: ${standardError.slice(-2000)}`);
  return { milliseconds, residentMegabytes: (Number(kibibytes) * 1024) / 1e6, standardOutput };
}

async function textOf(stream: unknown): Promise<string> {
  if (!isReadable(stream)) return '';
  let text = '';
  for await (const piece of stream) text += String(piece);
  return text;
}

function isReadable(stream: unknown): stream is AsyncIterable<unknown> {
  return typeof stream === 'object' && stream !== null && Symbol.asyncIterator in stream;
}
