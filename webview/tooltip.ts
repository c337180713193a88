import { element, setStyle } from './dom';

const tip = element('div', { class: 'tip', attributes: { role: 'tooltip', id: 'tip' } });

/** Shows `data-tip` texts on hover and on keyboard focus. */
export function installTooltips(): void {
  document.body.append(tip);
  document.addEventListener('pointerover', (event) => showFor(event.target, event.clientX, event.clientY));
  document.addEventListener('focusin', (event) => {
    if (!(event.target instanceof HTMLElement) || !event.target.matches(':focus-visible')) return;
    const box = event.target.getBoundingClientRect();
    showFor(event.target, box.left, box.bottom - 8);
  });
  document.addEventListener('focusout', hideTip);
  document.addEventListener('pointerleave', hideTip);
  document.addEventListener('pointerdown', hideTip);
  document.addEventListener('scroll', hideTip, { capture: true, passive: true });
}

function showFor(target: EventTarget | null, x: number, y: number): void {
  const text = target instanceof Element ? target.closest('[data-tip]')?.getAttribute('data-tip') : undefined;
  if (text) showTip(text, x, y);
  else hideTip();
}

/** Shows a text beside a point of the window, kept inside it. */
export function showTip(text: string, x: number, y: number): void {
  tip.textContent = text;
  setStyle(tip, { display: 'block', left: '0', top: '0' });
  const left = Math.max(4, Math.min(window.innerWidth - tip.offsetWidth - 8, x + 12));
  const below = y + 16;
  const top = below + tip.offsetHeight > window.innerHeight - 4 ? Math.max(4, y - tip.offsetHeight - 8) : below;
  setStyle(tip, { left: `${left}px`, top: `${top}px` });
}

/** Takes the tooltip away. */
export function hideTip(): void {
  setStyle(tip, { display: 'none' });
}
