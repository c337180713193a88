import { type Child, redraw } from '../dom';

/** A piece of the view that is drawn again only when what it shows has changed, so that nobody is disturbed while typing or choosing. */
export class Part {
  private key: string | undefined;

  constructor(readonly root: HTMLElement) {}

  /** `shown` is plain data: all that `content` draws. */
  draw(shown: unknown, content: () => Child): void {
    const key = JSON.stringify(shown);
    if (key === this.key) return;
    this.key = key;
    redraw(this.root, content());
  }
}
