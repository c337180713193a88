/** What `element` accepts as a child: text is always set as text, never parsed as markup. */
export type Child = Node | string | number | undefined | false | readonly Child[];

interface Listeners {
  readonly click?: (event: MouseEvent) => void;
  readonly dblclick?: (event: MouseEvent) => void;
  readonly change?: (event: Event) => void;
  readonly input?: (event: Event) => void;
  readonly keydown?: (event: KeyboardEvent) => void;
  readonly scroll?: (event: Event) => void;
  readonly focus?: (event: FocusEvent) => void;
  readonly blur?: (event: FocusEvent) => void;
  readonly pointermove?: (event: PointerEvent) => void;
  readonly pointerleave?: (event: PointerEvent) => void;
}

export interface Properties {
  readonly class?: string | undefined;
  /** CSS properties and custom properties by their CSS names; set through CSSOM, which the page's policy allows. */
  readonly style?: Readonly<Record<string, string>> | undefined;
  readonly on?: Listeners | undefined;
  readonly attributes?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  /** Shown on hover and focus. */
  readonly tip?: string | undefined;
  /** Stable name of this element in its view, so that focus survives a redraw. */
  readonly key?: string | undefined;
}

/** A new HTML element. An attribute that is undefined or false is left out, one that is true is set to the empty string. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (properties.style) setStyle(made, properties.style);
  listen(made, properties.on);
  applyCommon(made, properties);
  append(made, children);
  return made;
}

/** A new SVG element; colours go into presentation attributes (`fill`), which may use `var(--...)`. */
export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAttributes(made, attributes);
  append(made, children);
  return made;
}

function listen(made: HTMLElement, on: Listeners = {}): void {
  if (on.click) made.addEventListener('click', on.click);
  if (on.dblclick) made.addEventListener('dblclick', on.dblclick);
  if (on.change) made.addEventListener('change', on.change);
  if (on.input) made.addEventListener('input', on.input);
  if (on.keydown) made.addEventListener('keydown', on.keydown);
  if (on.scroll) made.addEventListener('scroll', on.scroll, { passive: true });
  if (on.focus) made.addEventListener('focus', on.focus);
  if (on.blur) made.addEventListener('blur', on.blur);
  if (on.pointermove) made.addEventListener('pointermove', on.pointermove);
  if (on.pointerleave) made.addEventListener('pointerleave', on.pointerleave);
}

function applyCommon(made: Element, properties: Properties): void {
  if (properties.class) made.setAttribute('class', properties.class);
  if (properties.tip) made.setAttribute('data-tip', properties.tip);
  if (properties.key) made.setAttribute('data-key', properties.key);
  setAttributes(made, properties.attributes ?? {});
}

/** Sets attributes; undefined and false remove them. */
export function setAttributes(
  target: Element,
  attributes: Readonly<Record<string, string | number | boolean | undefined>>,
): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) target.removeAttribute(name);
    else target.setAttribute(name, value === true ? '' : String(value));
  }
}

/** Sets style properties through the object model, which the content security policy allows. */
export function setStyle(target: HTMLElement, style: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(style)) target.style.setProperty(name, value);
}

/** Appends children; texts become text nodes, so that names from a model are never markup. */
export function append(parent: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === undefined || child === false) continue;
    if (typeof child === 'string' || typeof child === 'number') parent.append(String(child));
    else if (child instanceof Node) parent.append(child);
    else append(parent, child);
  }
}

/** Replaces all children; the element with focus is found again by its `key`, and the scroll position stays. */
export function redraw(parent: HTMLElement, ...children: readonly Child[]): void {
  const focused = document.activeElement;
  const key = focused && parent.contains(focused) ? focused.getAttribute('data-key') : null;
  const top = parent.scrollTop;
  parent.replaceChildren();
  append(parent, children);
  parent.scrollTop = top;
  if (key !== null)
    parent.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

/** A layer's name, cut at its beginning where room is short: the end tells layers of one module apart. */
export function layerName(name: string): HTMLElement {
  return element('span', { class: 'ellipsis from-start' }, element('bdi', {}, name));
}
