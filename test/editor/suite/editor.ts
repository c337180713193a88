import * as vscode from 'vscode';

/** The folder that the suite works in. */
export function workspaceFolder(): vscode.Uri {
  const folder = vscode.workspace.workspaceFolders?.[0];
  if (!folder) throw new Error('the suite needs a folder');
  return folder.uri;
}

export function inWorkspace(name: string): vscode.Uri {
  return vscode.Uri.joinPath(workspaceFolder(), name);
}

/** Waits until `ready` gives something; rejects after `patience` milliseconds with `what`. */
export async function eventually<Result>(
  what: string,
  ready: () => Promise<Result | undefined> | Result | undefined,
  patience = 20_000,
): Promise<Result> {
  const until = Date.now() + patience;
  for (;;) {
    const result = await ready();
    if (result !== undefined && result !== false) return result;
    if (Date.now() > until) throw new Error(`not in time: ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** The tab of a custom editor that shows `uri`, when it is the active one. */
export function activeModelTab(uri: vscode.Uri): vscode.Tab | undefined {
  const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
  const shows = tab?.input instanceof vscode.TabInputCustom && tab.input.uri.toString() === uri.toString();
  return shows ? tab : undefined;
}

export async function setTarget(name: string): Promise<void> {
  await vscode.workspace.getConfiguration('thimble').update('target', name, vscode.ConfigurationTarget.Workspace);
}

export async function exists(uri: vscode.Uri): Promise<boolean> {
  return vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}

/** Accepts the open quick pick until `done` holds: the flow's steps come up one after the other. */
export async function acceptUntil<Result>(what: string, done: () => Promise<Result | undefined>): Promise<Result> {
  return eventually(
    what,
    async () => {
      const result = await done();
      if (result !== undefined) return result;
      await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
      await new Promise((wait) => setTimeout(wait, 400));
      return undefined;
    },
    40_000,
  );
}

/** Closes whatever picker opens until `work` has ended: it may open its picker late. */
export async function leaveUntilEnded(what: string, work: Thenable<unknown>): Promise<void> {
  let ended = false;
  const end = () => {
    ended = true;
  };
  work.then(end, end);
  await eventually(what, async () => {
    if (ended) return true;
    await vscode.commands.executeCommand('workbench.action.closeQuickOpen');
    return undefined;
  });
  await work;
}
