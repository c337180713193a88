import * as vscode from 'vscode';
import { patternExpression } from '../targets/workspace/files';
import { type CheckTaskDefinition, checkTaskWords, modelPatterns, taskType } from './check-task-words';
import type { TargetChoice } from './target-choice';
import { listFolder } from './workspace-files';
import { listPaths } from './workspace-paths';

/** More models than anybody checks at once; their names must fit on a command line. */
const mostModels = 500;

/** Tasks of type `thimble`: the built command, run by the editor's own Node. */
export function provideCheckTasks(extensionUri: vscode.Uri, targets: Pick<TargetChoice, 'target'>): vscode.Disposable {
  const script = vscode.Uri.joinPath(extensionUri, 'dist', 'thimble.cjs').fsPath;
  const taskFor = async (folder: vscode.WorkspaceFolder, definition: CheckTaskDefinition): Promise<vscode.Task> => {
    const files = await modelFiles(folder, definition);
    const words = checkTaskWords(definition, files, targets.target?.id);
    const execution = new vscode.ProcessExecution(process.execPath, [script, ...words], {
      cwd: folder.uri.fsPath,
      // In a desktop editor this program is the editor itself, which then behaves as Node.
      env: { ELECTRON_RUN_AS_NODE: '1' },
    });
    const task = new vscode.Task(definition, folder, 'check models', 'Thimble', execution, '$thimble');
    task.group = vscode.TaskGroup.Test;
    return task;
  };
  return vscode.tasks.registerTaskProvider(taskType, {
    provideTasks: async () => {
      const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
      const tasks = folders.map((folder) => taskFor(folder, { type: taskType }).catch(() => undefined));
      // Where there is no model, or nothing to hold it against, there is no task to offer.
      return (await Promise.all(tasks)).filter((task) => task !== undefined);
    },
    resolveTask: ({ definition, scope }) => {
      const folder = typeof scope === 'object' ? scope : vscode.workspace.workspaceFolders?.[0];
      return folder && taskFor(folder, { ...definition, type: taskType });
    },
  });
}

async function modelFiles(folder: vscode.WorkspaceFolder, definition: CheckTaskDefinition): Promise<readonly string[]> {
  const paths = await listPaths((path) => listFolder(vscode.Uri.joinPath(folder.uri, path)));
  const expressions = modelPatterns(definition).map(patternExpression);
  return paths
    .filter((path) => expressions.some((expression) => expression.test(path)))
    .slice(0, mostModels)
    .sort();
}
