import { el } from './dom.ts';

export interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button that goes on says. */
  readonly action: string;
  /** Whether it cannot be taken back. */
  readonly isFinal: boolean;
}

/** Opens a dialog above the page; Escape closes it, and the focus goes back to where it was. */
export function openDialog(title: string, ...content: readonly Node[]): HTMLDialogElement {
  const heading = el('h2', { id: 'dialog-title' }, title);
  const dialog = el('dialog', { 'aria-labelledby': 'dialog-title' }, heading, ...content);
  const before = document.activeElement;
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (before instanceof HTMLElement) before.focus();
  });
  // A click outside of it; inside of it the target is another one.
  dialog.addEventListener('click', ({ target }) => {
    if (target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks before something is done. @returns whether it is to be done */
export function confirmed({ title, text, action, isFinal }: Question): Promise<boolean> {
  const cancel = el('button', { type: 'button', autofocus: true }, 'Cancel');
  const go = el('button', { type: 'button', class: isFinal ? 'danger' : 'primary' }, action);
  const dialog = openDialog(title, el('p', {}, text), el('div', { class: 'buttons' }, cancel, go));
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'go'));
    cancel.addEventListener('click', () => dialog.close());
    go.addEventListener('click', () => dialog.close('go'));
  });
}
