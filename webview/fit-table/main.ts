import type { FromFitTable, ToFitTable } from '../fit-table-protocol';
import { useLocale } from '../format';
import { installPopovers } from '../popover';
import { installTooltips } from '../tooltip';
import type { FitSorting } from './order';
import { FitTableView } from './view';

/** What VS Code gives a page to talk to its host and to remember things while it is hidden. */
interface Host {
  postMessage(message: FromFitTable): void;
  getState(): unknown;
  setState(state: { readonly sorting: FitSorting }): void;
}

declare function acquireVsCodeApi(): Host;

function isToFitTable(data: unknown): data is ToFitTable {
  return typeof data === 'object' && data !== null && 'type' in data;
}

function sortingOf(memory: unknown): FitSorting {
  const byPath: FitSorting = { column: 'path', descending: false };
  if (typeof memory !== 'object' || memory === null || !('sorting' in memory)) return byPath;
  const { sorting } = memory;
  if (typeof sorting !== 'object' || sorting === null || !('column' in sorting) || !('descending' in sorting))
    return byPath;
  const { column, descending } = sorting;
  return isColumn(column) ? { column, descending: descending === true } : byPath;
}

function isColumn(value: unknown): value is FitSorting['column'] {
  return typeof value === 'string' && /^(?:path|parameters|flash|ram|chip:.*)$/s.test(value);
}

useLocale(document.documentElement.lang || undefined);
installTooltips();
installPopovers();
const root = document.getElementById('page');
if (root !== null) {
  const host = acquireVsCodeApi();
  const view = new FitTableView(
    (message) => host.postMessage(message),
    sortingOf(host.getState()),
    (sorting) => host.setState({ sorting }),
  );
  root.append(view.root);
  window.addEventListener('message', (event: MessageEvent<unknown>) => {
    if (isToFitTable(event.data)) view.receive(event.data);
  });
  host.postMessage({ type: 'ready' });
}
