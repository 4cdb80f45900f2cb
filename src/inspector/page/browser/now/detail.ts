import type { HolderView, TransactionHistory } from '../../../index.ts';
import { type Api, ApiError } from '../parts/api.ts';
import { openDialog } from '../parts/dialog.ts';
import { el } from '../parts/dom.ts';
import { cut, duration } from '../parts/format.ts';
import { type Graph, placeOf } from './parties.ts';
import { holderName, holderState, nameOf } from './words.ts';

export interface Seen {
  readonly graph: Graph;
  readonly processes: readonly { readonly id: string; readonly name: string; readonly pid: number }[];
}

/** Shows all that is known of a holder: what it does, where it began, and what its chain went through. */
export function openDetail(holder: HolderView, { graph, processes }: Seen, api: Api): void {
  const process = processes.find(({ id }) => id === holder.processId);
  const events = el('div', { class: 'history', 'aria-live': 'polite' }, el('p', {}, 'Asking its process...'));
  const again = el('button', { type: 'button' }, 'Ask again');
  const close = el('button', { type: 'button', autofocus: true }, 'Close');
  const facts = el(
    'dl',
    { class: 'facts' },
    ...factsOf(holder, graph, placeOf(process)).flatMap(([name, text]) => [el('dt', {}, name), el('dd', {}, text)]),
  );
  const running =
    holder.running === undefined
      ? []
      : [el('h3', {}, 'What the server runs'), el('pre', { tabindex: 0 }, cut(holder.running.text, 1_000))];
  const isTransaction = holder.kind === 'transaction';
  const dialog = openDialog(
    holderName(holder),
    facts,
    ...running,
    ...(isTransaction ? [el('h3', {}, 'What its chain went through'), events] : []),
    el('div', { class: 'buttons' }, ...(isTransaction ? [again] : []), close),
  );
  close.addEventListener('click', () => dialog.close());
  const ask = (): void => void showHistory(events, holder.id, api);
  again.addEventListener('click', ask);
  if (isTransaction) ask();
}

function factsOf(holder: HolderView, graph: Graph, place: string): [string, string][] {
  const { kind, clientName, level, attempt, age, origin, backend, ancestors, outerId, id } = holder;
  const outer = outerId === undefined ? undefined : graph.parties.get(outerId);
  const others = (graph.waits.get(id)?.for ?? [])
    .map((other) => graph.parties.get(other))
    .filter((party) => party !== undefined);
  const facts: [string, string | undefined][] = [
    ['State', holderState(holder, graph)],
    ['Waits for', others.length === 0 ? undefined : others.slice(0, 10).map(nameOf).join(', ')],
    ['Open for', duration(age)],
    ['Began at', origin ?? 'a place that is not known'],
    ['Process', cut(place, 100)],
    ['Client', `${cut(clientName, 100)}, level ${level}`],
    ['Kind', kind],
    ['Attempt', attempt > 1 ? String(attempt) : undefined],
    ['Backend', backend === undefined ? 'no connection yet' : String(backend.id)],
    ['Inside of', outer === undefined ? undefined : nameOf(outer)],
    [
      'Below',
      ancestors.length === 0
        ? undefined
        : ancestors
            .map(({ transaction, backend: { id: above } }) => `${cut(transaction, 60)} (backend ${above})`)
            .join(', '),
    ],
    ['Id', id],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
}

async function showHistory(parent: HTMLElement, id: string, api: Api): Promise<void> {
  try {
    const { history } = await api.get<TransactionHistory>(`transactions/${encodeURIComponent(id)}`);
    parent.replaceChildren(history.length === 0 ? el('p', {}, 'Nothing has happened in it yet.') : tableOf(history));
  } catch (error) {
    const ended = error instanceof ApiError && error.status === 404;
    parent.replaceChildren(el('p', {}, ended ? 'It has ended.' : `Its history could not be read: ${messageOf(error)}`));
  }
}

function tableOf(history: TransactionHistory['history']): HTMLElement {
  const rows = history.map(({ at, event, transaction, level, text, duration: took, rowCount, error }) =>
    el(
      'tr',
      { class: error === undefined ? undefined : 'failed' },
      el('td', { class: 'number' }, duration(at)),
      el('td', { class: 'number' }, event),
      el('td', {}, `${cut(transaction, 40)}, level ${level}`),
      el(
        'td',
        { class: 'code' },
        [text === undefined ? '' : cut(text), error === undefined ? '' : `failed: ${cut(error, 60)}`]
          .filter(Boolean)
          .join(' '),
      ),
      el('td', { class: 'number' }, took === undefined ? '' : duration(took)),
      el('td', { class: 'number' }, rowCount === undefined ? '' : String(rowCount)),
    ),
  );
  const heads = ['After', 'Event', 'Transaction', 'What', 'Took', 'Rows'].map((name) =>
    el('th', { scope: 'col' }, name),
  );
  return el(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'History' },
    el('table', {}, el('thead', {}, el('tr', {}, ...heads)), el('tbody', {}, ...rows)),
  );
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? cut(error.message, 300) : 'an unknown failure';
}
