import * as vscode from 'vscode';

/** What takes longer than this, in milliseconds, is shown and can be cancelled. */
const patience = 1000;

/** Shows `working` with a way to cancel it while it is under way, once it has taken over a second. */
export function showWhenSlow(title: string, working: Promise<unknown>, controller: AbortController): void {
  const ended = working.then(
    () => {},
    () => {},
  );
  const timer = setTimeout(() => {
    void vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title, cancellable: true },
      (_progress, token) => {
        const cancelled = new Promise<void>((resolve) => {
          token.onCancellationRequested(() => {
            controller.abort();
            resolve();
          });
        });
        return Promise.race([ended, cancelled]);
      },
    );
  }, patience);
  void ended.then(() => clearTimeout(timer));
}
