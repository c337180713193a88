import { choose } from './detect-workspace';
import { isInside } from './files';
import type { GuessKind, WorkspaceGuess } from './guess';

/** A folder whose files name a chip or board, and which one holds there; undefined: several, or one that is not known. */
export interface DetectedProject {
  readonly folder: string;
  readonly chosen: WorkspaceGuess | undefined;
}

/** A file of these kinds often serves all projects below it. */
const shared: ReadonlySet<GuessKind> = new Set<GuessKind>(['launch', 'linker-script']);

/** The projects of a workspace, by what its files say. */
export function projectsOf(guesses: readonly WorkspaceGuess[]): readonly DetectedProject[] {
  const naming = guesses.filter(({ target, named }) => target !== undefined || named !== '');
  const folders = [...new Set(naming.map(({ projectFolder }) => projectFolder))];
  const nameOnTheirOwn = new Set(
    naming.filter(({ kind }) => !shared.has(kind)).map(({ projectFolder }) => projectFolder),
  );
  return folders.map((folder) => {
    const inside = guesses.filter(({ projectFolder }) => isInside(projectFolder, folder));
    // Nothing but a debug configuration: what lies below has to agree with it.
    if (!nameOnTheirOwn.has(folder)) return { folder, chosen: choose(inside) };
    const nested = [...nameOnTheirOwn].filter((other) => other !== folder && isInside(other, folder));
    const isOfProject = ({ projectFolder, kind }: WorkspaceGuess) =>
      projectFolder === folder ||
      // Linker scripts often lie in a folder of their own.
      (kind === 'linker-script' && !nested.some((other) => isInside(projectFolder, other)));
    return { folder, chosen: choose(inside.filter(isOfProject)) };
  });
}

/**
 * What a file of the workspace is for: the project that encloses it most closely says it, also when it says nothing that can be chosen,
 * for the chip of another project would be a wrong guess. `common`: what the workspace as a whole is for, which holds outside of all
 * projects.
 */
export function guessForPath(
  path: string,
  projects: readonly DetectedProject[],
  common: WorkspaceGuess | undefined,
): WorkspaceGuess | undefined {
  let nearest: DetectedProject | undefined;
  for (const project of projects) {
    if (isInside(path, project.folder) && (!nearest || project.folder.length > nearest.folder.length))
      nearest = project;
  }
  return nearest ? nearest.chosen : common;
}
