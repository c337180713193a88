import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';

/** A VS Code server that comes from the npm registry: VS Code 1.100.3. */
const serverPackage = 'code-server@4.100.3';

/** Installs the server into `.vscode-test/` unless it is there; gives the folder of VS Code. */
export async function ensureServer(): Promise<string> {
  const home = resolve('.vscode-test', serverPackage);
  const vscode = join(home, 'node_modules', 'code-server', 'lib', 'vscode');
  if (existsSync(join(vscode, 'node_modules.asar'))) return vscode;
  console.log(`Fetching a VS Code server (${serverPackage}) into .vscode-test, once.`);
  // Built in a folder of its own and renamed, so that an interrupted install is never taken for a whole one.
  const fresh = `${home}.partial`;
  rmSync(fresh, { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  const quiet = ['--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  await npm(['install', '--prefix', '.', '--no-save', ...quiet, serverPackage], fresh);
  const inside = join(fresh, 'node_modules', 'code-server', 'lib', 'vscode');
  await npm(['install', ...quiet], inside);
  symlinkSync('node_modules', join(inside, 'node_modules.asar'), 'junction');
  renameSync(fresh, home);
  return vscode;
}

function npm(words: readonly string[], cwd: string): Promise<void> {
  return new Promise((done, failed) => {
    const child = spawn('npm', [...words], { cwd, stdio: 'inherit', shell: process.platform === 'win32' });
    child.on('error', failed);
    child.on('exit', (code) => (code === 0 ? done() : failed(new Error(`npm ${words[0]} ended with ${code}`))));
  });
}

export interface ServerOptions {
  readonly dataFolder: string;
  /** Absent: no token and no workspace trust, which only a test in an empty temporary folder may do. */
  readonly token?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface RunningServer {
  readonly port: number;
  stop(): void;
}

/** Where a server with this data folder looks for installed extensions. */
export function extensionsFolder(dataFolder: string): string {
  return join(dataFolder, 'extensions');
}

/** Starts the server on loopback at a free port and waits until it listens. */
export async function startServer(vscodeFolder: string, options: ServerOptions): Promise<RunningServer> {
  const port = await freePort();
  const access =
    options.token === undefined
      ? ['--without-connection-token', '--disable-workspace-trust']
      : ['--connection-token', options.token];
  const child = spawn(
    process.execPath,
    [
      join(vscodeFolder, 'out', 'server-main.js'),
      ...['--host', '127.0.0.1', '--port', String(port)],
      ...access,
      '--accept-server-license-terms',
      ...['--server-data-dir', options.dataFolder],
      ...['--extensions-dir', extensionsFolder(options.dataFolder)],
      '--disable-telemetry',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.environment } },
  );
  await listening(child, port);
  return { port, stop: () => child.kill() };
}

function listening(child: ChildProcess, port: number): Promise<void> {
  let output = '';
  return new Promise((done, failed) => {
    const limit = setTimeout(() => failed(new Error(`The VS Code server did not start:\n${output}`)), 60_000);
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      if (!output.includes(`listening on ${port}`) && !output.includes(`:${port}`)) return;
      clearTimeout(limit);
      done();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.on('exit', (code) => {
      clearTimeout(limit);
      failed(new Error(`The VS Code server ended with ${code}:\n${output}`));
    });
  });
}

function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.on('error', failed);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      probe.close(() => done(port));
    });
  });
}

/** The address that opens a folder with the extension under development loaded. */
export function workbenchAddress(
  server: RunningServer,
  options: {
    readonly folder: string;
    readonly extension: string;
    readonly tests?: string;
    readonly token?: string;
  },
): string {
  const remote = (path: string) => `vscode-remote://127.0.0.1:${server.port}${path}`;
  const payload: [string, string][] = [['extensionDevelopmentPath', remote(options.extension)]];
  if (options.tests) payload.push(['extensionTestsPath', remote(options.tests)]);
  payload.push(['skipWelcome', 'true'], ['skipReleaseNotes', 'true']);
  const address = new URL(`http://127.0.0.1:${server.port}/`);
  if (options.token) address.searchParams.set('tkn', options.token);
  address.searchParams.set('folder', options.folder);
  address.searchParams.set('payload', JSON.stringify(payload));
  return address.href;
}
