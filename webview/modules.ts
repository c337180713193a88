/**
 * The parts of a layer's name: modules from the outside in, the layer itself last. Exporters separate them by `/`
 * (`/features/features.0/Conv`) or by `.` (`layer1.0.conv1`). TensorFlow Lite joins the names of fused operators by `;`, the
 * one that holds the weights last: that one counts.
 */
export function namePath(name: string): readonly string[] {
  const parts = lastFused(name)
    .split(separatorOf(name))
    .filter((part) => part !== '');
  return parts.length > 0 ? parts : [name];
}

/** The end of a name for a sentence: of fused operators the one with the weights, cut at its beginning where it is long. */
export function spokenName(name: string, most = 56): string {
  const last = lastFused(name) || name;
  return last.length <= most ? last : `…${last.slice(1 - most)}`;
}

function lastFused(name: string): string {
  return name.slice(name.lastIndexOf(';') + 1);
}

function separatorOf(name: string): '/' | '.' {
  return lastFused(name).includes('/') ? '/' : '.';
}

/** A layer's name as the module it stands under and the rest. */
export interface ModuleName {
  /** Empty for a layer outside any module. */
  readonly module: string;
  readonly rest: string;
}

/** Splits a name after its first `depth` modules, in the words of the file. */
export function splitName(name: string, depth: number): ModuleName {
  const parts = namePath(name);
  const modules = Math.min(depth, parts.length - 1);
  const separator = separatorOf(name);
  return { module: parts.slice(0, modules).join(separator), rest: parts.slice(modules).join(separator) };
}

/**
 * How many modules deep to group: as deep as the names go while a group still holds two layers or so on the average.
 * 0 when the names tell no modules.
 */
export function groupingDepth(names: readonly string[]): number {
  const paths = names.map(namePath);
  const deepest = paths.reduce((most, path) => Math.max(most, path.length - 1), 0);
  for (let depth = deepest; depth > 1; depth--) {
    const groups = new Set(paths.map((path) => path.slice(0, Math.min(depth, path.length - 1)).join('/')));
    if (groups.size * 1.6 <= names.length) return depth;
  }
  return Math.min(1, deepest);
}

/** A layer, or a module with what it holds. */
export interface ModuleNode {
  readonly name: string;
  /** Names from the root down to here, joined; unique among modules. */
  readonly path: string;
  value: number;
  /** Position in execution order; undefined for a module. */
  readonly step: number | undefined;
  readonly children: ModuleNode[];
}

/** The tree of modules of all layers with a value above 0. A module that holds one thing only is joined with it. */
export function moduleTree(
  layers: readonly { readonly name: string; readonly step: number; readonly value: number }[],
): ModuleNode {
  const root: ModuleNode = { name: '', path: '', value: 0, step: undefined, children: [] };
  const modules = new Map<string, ModuleNode>([['', root]]);
  for (const layer of layers) {
    if (layer.value <= 0) continue;
    const parts = namePath(layer.name);
    let parent = root;
    root.value += layer.value;
    for (const part of parts.slice(0, -1)) {
      const path = `${parent.path}/${part}`;
      let module = modules.get(path);
      if (module === undefined) {
        module = { name: part, path, value: 0, step: undefined, children: [] };
        modules.set(path, module);
        parent.children.push(module);
      }
      module.value += layer.value;
      parent = module;
    }
    const name = parts.at(-1) ?? layer.name;
    parent.children.push({
      name,
      path: `${parent.path}/${name}#${layer.step}`,
      value: layer.value,
      step: layer.step,
      children: [],
    });
  }
  return joinChains(root);
}

function joinChains(node: ModuleNode): ModuleNode {
  const only = node.children.length === 1 ? node.children[0] : undefined;
  const isRoot = node.path === '';
  if (only !== undefined && !(isRoot && only.step !== undefined)) {
    return joinChains({
      ...only,
      name: isRoot ? only.name : `${node.name}/${only.name}`,
      path: isRoot ? '' : only.path,
    });
  }
  return { ...node, children: node.children.map(joinChains) };
}
