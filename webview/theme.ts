const colourNames = [
  '--foreground',
  '--background',
  '--muted',
  '--grid',
  '--weights',
  '--activations',
  '--activations-fill',
  '--arena-quiet',
  '--arena-peak',
  '--arena-chosen',
  '--persistent-fill',
  '--error',
] as const;

export type Colours = Readonly<Record<(typeof colourNames)[number], string>>;

/** The present colours of the theme for a canvas, which cannot read CSS variables: each is resolved by a probe element. */
export function themeColours(): Colours {
  const probe = document.createElement('span');
  document.body.append(probe);
  const resolve = (name: (typeof colourNames)[number]): string => {
    probe.style.setProperty('color', `var(${name})`);
    return getComputedStyle(probe).color;
  };
  const colours: Colours = {
    '--foreground': resolve('--foreground'),
    '--background': resolve('--background'),
    '--muted': resolve('--muted'),
    '--grid': resolve('--grid'),
    '--weights': resolve('--weights'),
    '--activations': resolve('--activations'),
    '--activations-fill': resolve('--activations-fill'),
    '--arena-quiet': resolve('--arena-quiet'),
    '--arena-peak': resolve('--arena-peak'),
    '--arena-chosen': resolve('--arena-chosen'),
    '--persistent-fill': resolve('--persistent-fill'),
    '--error': resolve('--error'),
  };
  probe.remove();
  return colours;
}

/** The family of the page's font. */
export function pageFont(): string {
  return getComputedStyle(document.body).fontFamily;
}

/** Calls back when the editor changes its theme: it sets a class on the body and variables on the root element. */
export function onThemeChange(listener: () => void): void {
  const observer = new MutationObserver(listener);
  observer.observe(document.body, { attributes: true, attributeFilter: ['class'] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style', 'class'] });
}
