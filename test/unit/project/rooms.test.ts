import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** The way of the data: a room imports only rooms before it. */
const rooms = [
  'model',
  'onnx',
  'ops',
  'shapes',
  'budget',
  'runtimes',
  'targets',
  'inference',
  'quantize',
  'worker',
  'cli',
  'editor',
];

/** Files that the page may take types from: what crosses to it as plain data. */
const typesForThePage = [
  'worker/accelerator-fit',
  'worker/analysis',
  'worker/comparison',
  'worker/recipe-calls',
  'quantize/recipe',
  'quantize/options',
  'quantize/layer-schemes',
  'quantize/what-if-scheme',
  'quantize/calibration-data/preprocessing',
  'worker/latency',
  'targets/accelerators',
  'targets/latency',
  'targets/fit-figures',
  'targets/verdict',
  'targets/target',
  'budget/footprint',
  'runtimes/improvement',
  'runtimes/measure',
  'runtimes/runtime',
  'model/diagnostic',
];

interface Import {
  readonly file: string;
  readonly from: string;
  readonly typesOnly: boolean;
}

function importsBelow(folder: string): Import[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.name.endsWith('.ts'),
  );
  return files.flatMap((entry) => {
    const file = join(entry.parentPath, entry.name);
    const text = readFileSync(file, 'utf8');
    const statements = text.matchAll(/^(?:import|export)\s+(type\s+)?[^;]*?from\s+'([^']+)'|import\('([^']+)'\)/gm);
    return Array.from(statements, ([, typesOnly, named, dynamic]) => ({
      file: relative('.', file),
      from: named ?? dynamic ?? '',
      typesOnly: typesOnly !== undefined,
    }));
  });
}

/** The room and file that a relative import leads to, such as `onnx/wire`; undefined for packages. */
function target({ file, from }: Import, root: string): string | undefined {
  if (!from.startsWith('.')) return undefined;
  return relative(root, resolve(dirname(file), from));
}

describe('the rooms of the project', () => {
  const extension = importsBelow('extension');
  const page = importsBelow('webview');

  it('are found at all', () => {
    assert.ok(extension.length > 300 && page.length > 30, `${extension.length} and ${page.length} imports`);
  });

  it('import only rooms before them', () => {
    const wrong = extension.filter((entry) => {
      const own = rooms.indexOf(relative('extension', entry.file).split('/')[0] ?? '');
      const other = target(entry, 'extension')?.split('/')[0] ?? '';
      return own >= 0 && rooms.includes(other) && rooms.indexOf(other) > own;
    });
    assert.deepEqual(wrong, []);
  });

  it('know of the editor only in its own room', () => {
    const wrong = extension.filter(
      ({ file, from }) => from === 'vscode' && !file.startsWith('extension/editor/') && file !== 'extension/main.ts',
    );
    assert.deepEqual(wrong, []);
  });

  it("keep Node's files out of the core", () => {
    const allowed = /^extension\/(editor|cli|worker)\/|node-[a-z-]+\.ts$|^extension\/main\.ts$/;
    const wrong = extension.filter(({ file, from }) => /^node:|^worker_threads$/.test(from) && !allowed.test(file));
    assert.deepEqual(wrong, []);
  });

  it('give the page nothing but types', () => {
    const wrong = page.filter((entry) => {
      const other = target(entry, 'extension');
      return (
        other !== undefined && !other.startsWith('../webview') && !(entry.typesOnly && typesForThePage.includes(other))
      );
    });
    assert.deepEqual(wrong, []);
  });

  it('have no barrels and no default exports', () => {
    const files = [...new Set([...extension, ...page].map(({ file }) => file))];
    const wrong = files.filter((file) => /^export (\*|default|\{[^}]*\} from)/m.test(readFileSync(file, 'utf8')));
    assert.deepEqual(wrong, []);
  });

  it('take their turns: no file imports itself through others', () => {
    const edges = new Map<string, string[]>();
    for (const entry of extension) {
      // Types vanish when built and cannot make a circle at run time.
      const other = entry.typesOnly ? undefined : target(entry, '.');
      if (other) edges.set(entry.file, [...(edges.get(entry.file) ?? []), `${other}.ts`]);
    }
    assert.deepEqual(findCircle(edges), undefined);
  });
});

function findCircle(edges: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const next of edges.get(file) ?? []) {
      const circle = visit(next);
      if (circle) return circle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of edges.keys()) {
    const circle = visit(file);
    if (circle) return circle;
  }
  return undefined;
}
