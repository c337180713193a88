import assert from 'node:assert/strict';
import { type FolderEntry, listPaths } from '../../../extension/editor/workspace-paths';

function tree(paths: readonly string[]) {
  return async (folder: string): Promise<readonly FolderEntry[]> => {
    const prefix = folder === '' ? '' : `${folder}/`;
    const inside = paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
    if (inside.length === 0) throw new Error('no such folder');
    const names = new Map(inside.map((path) => [path.split('/')[0] ?? '', path.includes('/')]));
    return [...names].map(([name, isFolder]) => ({ name, isFolder }));
  };
}

describe('paths of a workspace', () => {
  it('come nearest first, without folders of other people', async () => {
    const paths = [
      'firmware/src/main.c',
      'platformio.ini',
      '.pio/libdeps/x/a.ld',
      'node_modules/y/z.ioc',
      '.cargo/config',
    ];
    assert.deepEqual(await listPaths(tree(paths)), ['platformio.ini', '.cargo/config', 'firmware/src/main.c']);
  });

  it('are none where the folder cannot be listed', async () => {
    assert.deepEqual(await listPaths(tree([])), []);
  });

  it('end within bounds in a tree without end', async () => {
    let listed = 0;
    const endless = async () => {
      listed++;
      return [
        { name: 'a', isFolder: true },
        { name: 'b', isFolder: true },
        { name: 'c', isFolder: true },
        { name: 'd', isFolder: true },
        { name: 'file', isFolder: false },
      ];
    };
    const paths = await listPaths(endless);
    assert.equal(paths.length, listed);
    assert.ok(listed <= 2000, `${listed}`);
  });
});
