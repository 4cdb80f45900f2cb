import type { ActionAnswer, ActionName, Snapshot } from '../../../index.ts';
import type { Api } from '../parts/api.ts';
import { confirmed, openDialog, type Question } from '../parts/dialog.ts';
import { byId, el } from '../parts/dom.ts';
import { cut } from '../parts/format.ts';

/** Something that can be done with an entry of a list. */
export interface Action {
  readonly name: ActionName;
  /** What its button says. */
  readonly label: string;
  /** What came of it, if it was done. */
  readonly done: string;
  readonly path: string;
  readonly question: Question;
}

/** What a list is shown with. */
export interface WorkContext {
  readonly api: Api;
  /** What was told last; nothing before that. */
  snapshot(): Snapshot | undefined;
}

/** The buttons of an entry: what may be done with it, and its payload where that may be seen. */
export function buttonsOf(
  {
    actions,
    payload,
    title,
  }: { readonly actions: readonly Action[]; readonly payload: string | undefined; readonly title: string },
  context: WorkContext,
  after: () => void,
): HTMLElement {
  const allowed = context.snapshot()?.actions ?? [];
  return el(
    'span',
    { class: 'buttons' },
    payload === undefined ? undefined : payloadButton(title, payload),
    ...actions.filter(({ name }) => allowed.includes(name)).map((action) => actionButton(action, context, after)),
  );
}

/** It asks first, says what came of it, and has the list read again. */
function actionButton(action: Action, { api }: WorkContext, after: () => void): HTMLButtonElement {
  const button = el('button', { type: 'button', class: action.question.isFinal ? 'danger' : undefined }, action.label);
  const carryOut = async (): Promise<void> => {
    if (!(await confirmed(action.question))) return;
    byId('outcome').textContent = await outcomeOf(action, api);
    after();
  };
  button.addEventListener('click', () => void carryOut());
  return button;
}

async function outcomeOf({ path, done }: Action, api: Api): Promise<string> {
  try {
    const answer = await api.post<ActionAnswer>(path);
    if (answer.done) return done;
    return answer.why === undefined ? 'It is gone: nothing was done.' : cut(answer.why, 300);
  } catch (error) {
    return `It is not known to be done: ${error instanceof Error ? cut(error.message, 300) : 'the process does not answer'}`;
  }
}

function payloadButton(title: string, payload: string): HTMLButtonElement {
  const button = el('button', { type: 'button' }, 'Payload');
  button.addEventListener('click', () => {
    const close = el('button', { type: 'button', autofocus: true }, 'Close');
    const text = el('pre', { tabindex: 0 }, payload.slice(0, 10_000));
    const dialog = openDialog(title, text, el('div', { class: 'buttons' }, close));
    close.addEventListener('click', () => dialog.close());
  });
  return button;
}
