/** One tab's content. */
export interface View {
  readonly root: HTMLElement;
  /** Draws everything from the store's state. Called before it is shown and with every new state while it is. */
  draw(): void;
  /** Called when the view has just been put into the page. */
  shown(): void;
  selectionChanged(): void;
  focus(): void;
  /** Moves the focus to the side panel; false when there is none to be seen. */
  focusSide?(): boolean;
  /** Moves the focus to the view's filter. */
  find?(): void;
}
