/** Buttons of a table with `data-column` are one tab stop; arrows, Home and End move among them. */
export function installGridKeys(table: HTMLTableElement): void {
  const rows = (): readonly (readonly HTMLElement[])[] =>
    [...table.rows]
      .map((row) => [...row.querySelectorAll<HTMLElement>('[data-column]')])
      .filter(({ length }) => length > 0);
  const settle = (current: Element): void => {
    for (const button of rows().flat()) button.tabIndex = button === current ? 0 : -1;
  };
  const [first] = [...table.tBodies].flatMap((body) => [...body.querySelectorAll('[data-column]')]);
  if (first) settle(first);
  table.addEventListener('focusin', ({ target }) => {
    if (target instanceof HTMLElement && target.dataset['column'] !== undefined) settle(target);
  });
  table.addEventListener('keydown', (event) => {
    const { target } = event;
    if (!(target instanceof HTMLElement) || event.altKey || event.ctrlKey || event.metaKey) return;
    const next = neighbour(rows(), target, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

function neighbour(rows: readonly (readonly HTMLElement[])[], from: HTMLElement, key: string): HTMLElement | undefined {
  const at = rows.findIndex((row) => row.includes(from));
  const row = rows[at];
  if (!row) return undefined;
  const place = row.indexOf(from);
  const inColumn = (others: readonly (readonly HTMLElement[])[]): HTMLElement | undefined =>
    others.flatMap((other) => other.find(({ dataset }) => dataset['column'] === from.dataset['column']) ?? [])[0];
  switch (key) {
    case 'ArrowLeft':
      return row[place - 1];
    case 'ArrowRight':
      return row[place + 1];
    case 'Home':
      return row[0];
    case 'End':
      return row.at(-1);
    case 'ArrowUp':
      return inColumn(rows.slice(0, at).reverse());
    case 'ArrowDown':
      return inColumn(rows.slice(at + 1));
    default:
      return undefined;
  }
}
