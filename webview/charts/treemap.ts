import { element, redraw, setAttributes, svg } from '../dom';
import { formatBytes, formatExactBytes, formatQuantity, formatShare } from '../format';
import type { ModuleNode } from '../modules';
import { type Placed, type Rectangle, squarify } from './squarify';

const mapHeight = 250;
/** Cells of one level; what is smaller is drawn as one cell. */
const mostCells = 60;
/** Levels of modules drawn one inside another. */
const deepest = 3;

interface Cell {
  readonly node: ModuleNode;
  readonly area: Rectangle;
}

export interface TreemapActions {
  select(step: number): void;
  /** A layer was opened (double press, Enter). */
  open(step: number): void;
  descend(path: string): void;
}

/**
 * The upper levels of a tree of modules, areas in proportion to bytes. One tab stop: arrows walk through the cells,
 * Enter goes into a module or opens a layer, Backspace goes up.
 */
export class Treemap {
  readonly root: HTMLElement;
  private readonly picture: HTMLElement;
  private readonly crumbs = element('div', { class: 'crumbs small' });
  private tree: ModuleNode | undefined;
  private path = '';
  private cells: readonly Cell[] = [];
  private active = 0;
  private selectedStep: number | undefined;
  private width = 0;

  constructor(private readonly actions: TreemapActions) {
    this.picture = element('div', {
      class: 'treemap-picture',
      key: 'treemap',
      attributes: { tabindex: 0, role: 'listbox' },
      on: {
        keydown: (event) => this.onKey(event),
        click: (event) => this.onPress(event, false),
        dblclick: (event) => this.onPress(event, true),
        focus: () => this.markActive(),
        blur: () => this.markActive(),
      },
    });
    this.root = element('div', { class: 'treemap' }, this.crumbs, this.picture);
    new ResizeObserver(() => {
      if (this.picture.clientWidth !== this.width) this.draw();
    }).observe(this.picture);
  }

  show(tree: ModuleNode, path: string, selectedStep: number | undefined): void {
    this.tree = tree;
    this.path = path;
    this.selectedStep = selectedStep;
    this.draw();
  }

  private draw(): void {
    this.width = this.picture.clientWidth;
    if (this.tree === undefined || this.width === 0) return;
    const trail = trailTo(this.tree, this.path);
    const here = trail.at(-1) ?? this.tree;
    const drawn: SVGElement[] = [];
    const cells: Cell[] = [];
    const whole = { x: 0, y: 0, width: this.width, height: mapHeight };
    this.drawLevel(here.children, whole, 1, drawn, cells);
    this.cells = cells;
    this.active = Math.max(
      0,
      cells.findIndex(({ node }) => node.step !== undefined && node.step === this.selectedStep),
    );
    this.picture.replaceChildren(
      svg(
        'svg',
        { role: 'presentation', width: this.width, height: mapHeight, viewBox: `0 0 ${this.width} ${mapHeight}` },
        ...drawn,
      ),
    );
    setAttributes(this.picture, { 'aria-label': this.sentence(here) });
    this.drawCrumbs(trail);
    this.markActive();
  }

  /** Modules with room for it show what they hold, the others are one cell. */
  private drawLevel(
    nodes: readonly ModuleNode[],
    area: Rectangle,
    depth: number,
    drawn: SVGElement[],
    cells: Cell[],
  ): void {
    const least = depth === 1 ? 24 : 56;
    for (const placed of squarify(limited(nodes), area)) {
      const holds =
        placed.item.children.length > 0 && depth <= deepest && placed.width > least && placed.height > least;
      if (holds) this.drawModule(placed, depth, drawn, cells);
      else cells.push(this.drawCell(placed, drawn));
    }
  }

  private drawModule(outer: Placed<ModuleNode>, depth: number, drawn: SVGElement[], cells: Cell[]): void {
    const titled = outer.width > 44 && outer.height > 30;
    drawn.push(
      svg('rect', {
        x: outer.x + 0.5,
        y: outer.y + 0.5,
        width: Math.max(0, outer.width - 1),
        height: Math.max(0, outer.height - 1),
        fill: 'var(--background)',
        stroke: 'var(--line)',
      }),
    );
    if (titled) {
      const head = svg('g', {
        class: 'module-head',
        'data-tip': this.tipOf(outer.item),
        'data-module': outer.item.path,
      });
      head.append(
        svg('rect', { x: outer.x, y: outer.y, width: outer.width, height: 16, fill: 'transparent' }),
        svg(
          'text',
          { x: outer.x + 6, y: outer.y + 12, class: 'module-name' },
          fitted(outer.item.name, outer.width - 10),
        ),
      );
      drawn.push(head);
    }
    const top = titled ? 16 : 1;
    const inside = { x: outer.x + 1, y: outer.y + top, width: outer.width - 2, height: outer.height - top - 1 };
    this.drawLevel(outer.item.children, inside, depth + 1, drawn, cells);
  }

  private drawCell(placed: Placed<ModuleNode>, drawn: SVGElement[]): Cell {
    const { item: node, x, y, width, height } = placed;
    const selected = node.step !== undefined && node.step === this.selectedStep;
    const group = svg('g', {
      class: `treemap-cell ${node.step === undefined ? 'module' : 'layer'}${selected ? ' selected' : ''}`,
      role: 'option',
      id: `treemap-${drawn.length}`,
      'aria-selected': selected ? 'true' : 'false',
      'aria-label': this.tipOf(node).replace('\n', ', '),
      'data-tip': this.tipOf(node),
      'data-path': node.path,
    });
    group.append(
      svg('rect', { x: x + 1, y: y + 1, width: Math.max(0, width - 1.5), height: Math.max(0, height - 1.5) }),
    );
    for (const [line, text] of labels(node, width, height).entries()) {
      group.append(svg('text', { x: x + 6, y: y + 15 + line * 14 }, text));
    }
    drawn.push(group);
    return { node, area: placed };
  }

  private tipOf(node: ModuleNode): string {
    return `${node.name}\n${formatExactBytes(node.value)} (${formatShare(node.value, this.tree?.value ?? 0)} of weights)`;
  }

  private sentence(here: ModuleNode): string {
    const [first, second] = [...here.children].sort((a, b) => b.value - a.value);
    const name = (node: ModuleNode): string => `${node.name} ${formatShare(node.value, here.value)}`;
    const largest = first === undefined ? '' : ` Largest: ${name(first)}${second ? `, ${name(second)}` : ''}.`;
    return `Treemap of ${formatBytes(here.value)} of weights by module.${largest}`;
  }

  private drawCrumbs(trail: readonly ModuleNode[]): void {
    this.crumbs.hidden = trail.length < 2;
    redraw(
      this.crumbs,
      trail.map((node, position) => [
        position > 0 && element('span', { class: 'muted' }, ' / '),
        position === trail.length - 1
          ? element('span', {}, node.name || 'all')
          : element(
              'button',
              {
                class: 'link',
                key: `crumb-${position}`,
                attributes: { type: 'button' },
                on: { click: () => this.actions.descend(node.path) },
              },
              position === 0 ? 'all' : node.name,
            ),
      ]),
    );
  }

  private onPress(event: MouseEvent, twice: boolean): void {
    const target = event.target instanceof Element ? event.target : undefined;
    const module = target?.closest('[data-module]')?.getAttribute('data-module');
    if (module) {
      this.actions.descend(module);
      return;
    }
    const path = target?.closest('[data-path]')?.getAttribute('data-path');
    const position = this.cells.findIndex(({ node }) => node.path === path);
    const node = this.cells[position]?.node;
    if (node === undefined) return;
    this.active = position;
    this.markActive();
    if (twice) this.enter(node);
    else if (node.step !== undefined) this.actions.select(node.step);
  }

  private enter(node: ModuleNode): void {
    if (node.step !== undefined) this.actions.open(node.step);
    else if (node.children.length > 0) this.actions.descend(node.path);
  }

  private onKey(event: KeyboardEvent): void {
    const cell = this.cells[this.active];
    const directions: Readonly<Record<string, readonly [number, number]>> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const direction = directions[event.key];
    if (direction) this.walk(direction);
    else if ((event.key === 'Enter' || event.key === ' ') && cell) this.enter(cell.node);
    else if ((event.key === 'Backspace' || event.key === 'Escape') && this.path !== '' && this.tree) {
      this.actions.descend(trailTo(this.tree, this.path).at(-2)?.path ?? '');
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** To the nearest cell in a direction. */
  private walk([dx, dy]: readonly [number, number]): void {
    const from = this.cells[this.active]?.area;
    if (from === undefined) return;
    const centre = (area: Rectangle) => ({ x: area.x + area.width / 2, y: area.y + area.height / 2 });
    const start = centre(from);
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    this.cells.forEach(({ area }, position) => {
      const to = centre(area);
      const along = (to.x - start.x) * dx + (to.y - start.y) * dy;
      const aside = Math.abs((to.x - start.x) * dy) + Math.abs((to.y - start.y) * dx);
      if (along <= 1 || position === this.active) return;
      const distance = along + 2 * aside;
      if (distance < least) {
        least = distance;
        best = position;
      }
    });
    if (best < 0) return;
    this.active = best;
    this.markActive();
    const step = this.cells[best]?.node.step;
    if (step !== undefined) this.actions.select(step);
  }

  private markActive(): void {
    const options = this.picture.querySelectorAll('.treemap-cell');
    const focused = document.activeElement === this.picture;
    options.forEach((option, position) => {
      option.classList.toggle('active', focused && position === this.active);
    });
    setAttributes(this.picture, { 'aria-activedescendant': options[this.active]?.id });
  }

  /** Marks the selected layer without a new layout. */
  markSelected(step: number | undefined): void {
    this.selectedStep = step;
    this.picture.querySelectorAll('.treemap-cell').forEach((option, position) => {
      const here = step !== undefined && this.cells[position]?.node.step === step;
      option.classList.toggle('selected', here);
      setAttributes(option, { 'aria-selected': here ? 'true' : 'false' });
    });
  }
}

/** The nodes from the root to the one at `path`; the root alone when there is none. */
function trailTo(root: ModuleNode, path: string): readonly ModuleNode[] {
  const trail = [root];
  let here = root;
  while (here.path !== path) {
    const next = here.children.find(
      (child) => child.step === undefined && (path === child.path || path.startsWith(`${child.path}/`)),
    );
    if (next === undefined) return [root];
    trail.push(next);
    here = next;
  }
  return trail;
}

/** The largest cells, the rest as one. */
function limited(nodes: readonly ModuleNode[]): readonly ModuleNode[] {
  if (nodes.length <= mostCells) return nodes;
  const sorted = [...nodes].sort((a, b) => b.value - a.value);
  const rest = sorted.slice(mostCells - 1);
  const value = rest.reduce((sum, node) => sum + node.value, 0);
  const more: ModuleNode = {
    name: formatQuantity(rest.length, 'smaller one'),
    path: '#rest',
    value,
    step: undefined,
    children: [],
  };
  return [...sorted.slice(0, mostCells - 1), more];
}

/** Name and bytes, on one line or two, as far as there is room. */
function labels(node: ModuleNode, width: number, height: number): readonly string[] {
  const bytes = formatBytes(node.value);
  if (height < 20 || width < 60) return [];
  if (height > 36) return [fitted(node.name, width - 10), bytes];
  return [width > 140 ? `${fitted(node.name, width - 75)} ${bytes}` : bytes];
}

/** A name cut to what fits at 11 px, by the mean width of a letter. */
function fitted(name: string, width: number): string {
  const letters = Math.max(1, Math.floor(width / 6));
  return name.length <= letters ? name : `${name.slice(0, Math.max(1, letters - 1))}…`;
}
