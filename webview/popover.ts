import { type Child, element, setStyle } from './dom';

let open: { readonly box: HTMLElement; readonly anchor: HTMLElement } | undefined;

/** Opens a small explanation below an element, or above it where there is no room; Esc, a press elsewhere or a second press on the element closes it. */
export function togglePopover(anchor: HTMLElement, title: string, ...content: readonly Child[]): void {
  const same = open?.anchor === anchor;
  closePopover();
  if (same) return;
  const box = element(
    'div',
    { class: 'popover', attributes: { role: 'dialog', 'aria-label': title, tabindex: -1 } },
    element('h3', {}, title),
    ...content,
  );
  document.body.append(box);
  const place = anchor.getBoundingClientRect();
  const left = Math.max(8, Math.min(window.innerWidth - box.offsetWidth - 8, place.left));
  const below = place.bottom + 6;
  const fits = below + box.offsetHeight <= window.innerHeight - 8;
  const top = fits ? below : Math.max(8, Math.min(place.top - 6, window.innerHeight - 8) - box.offsetHeight);
  setStyle(box, { left: `${left}px`, top: `${top}px` });
  open = { box, anchor };
  box.focus();
}

/** Closes the open explanation, if there is one. */
export function closePopover(returnFocus = false): void {
  if (open === undefined) return;
  const { box, anchor } = open;
  open = undefined;
  box.remove();
  if (returnFocus && anchor.isConnected) anchor.focus();
}

/** Listens for what closes an open explanation. */
export function installPopovers(): void {
  document.addEventListener('pointerdown', (event) => {
    if (open === undefined || !(event.target instanceof Node)) return;
    if (!open.box.contains(event.target) && !open.anchor.contains(event.target)) closePopover();
  });
  document.addEventListener(
    'keydown',
    (event) => {
      if (event.key !== 'Escape' || open === undefined) return;
      event.stopPropagation();
      closePopover(true);
    },
    { capture: true },
  );
  window.addEventListener('resize', () => closePopover());
}
