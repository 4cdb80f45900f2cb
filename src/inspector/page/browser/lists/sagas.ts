import type { SagaList, SagaView, Snapshot } from '../../../index.ts';
import { byId, el } from '../parts/dom.ts';
import { count, cut, moment } from '../parts/format.ts';
import { type Action, buttonsOf, type WorkContext } from './actions.ts';
import { CountedList } from './counts.ts';
import { type Content, limit } from './list.ts';
import { detailButton } from './saga-detail.ts';

/** The sagas: how many there are by definition and status, and a list of those that are asked for. */
export class SagasView {
  readonly #context: WorkContext;
  readonly #list = new CountedList('definitions', 'sagas', ({ name, state }) => this.#read(name, state));

  constructor(context: WorkContext) {
    this.#context = context;
  }

  show({ sagas }: Snapshot): void {
    byId('no-sagas').hidden = sagas.length > 0;
    this.#list.show(sagas.map(({ name, sagas: counts, atLeast }) => ({ name, counts, atLeast })));
  }

  async #read(saga: string, status: string): Promise<Content> {
    const query = new URLSearchParams({ saga, status, limit: String(limit) });
    const { sagas, hasMore } = await this.#context.api.get<SagaList>(`sagas?${query.toString()}`);
    const all = hasMore ? `The oldest ${count(sagas.length)}` : `All ${count(sagas.length)}`;
    return {
      heads: ['Id', 'Version', 'Last step', 'Waits for', 'Failures', 'Started', 'Goes on', 'Ended', 'Error', 'Do'],
      rows: sagas.map((saga) => this.#row(saga)),
      note: sagas.length === 0 ? 'There are none' : all,
    };
  }

  #row(info: SagaView): readonly (Node | string)[] {
    const { id, version, lastStep = '', waitsFor, attempts, startedAt, wakesAt, endedAt, error = '' } = info;
    const shown = { actions: actionsOf(info), payload: undefined, title: '' };
    const buttons = buttonsOf(shown, this.#context, () => this.#list.refresh());
    buttons.prepend(detailButton(info, this.#context));
    return [
      cut(id, 60),
      String(version),
      cut(lastStep, 60),
      cut(waitsFor.join(', '), 100),
      attempts === 0 ? '' : String(attempts),
      moment(startedAt),
      wakesAt === undefined ? '' : moment(wakesAt),
      endedAt === undefined ? '' : moment(endedAt),
      el('span', { class: 'error' }, cut(error, 300)),
      buttons,
    ];
  }
}

function actionsOf({ saga, id, status, endedAt }: SagaView): readonly Action[] {
  if (endedAt !== undefined) return [];
  const path = `sagas/${encodeURIComponent(saga)}/${encodeURIComponent(id)}`;
  const which = `saga ${cut(saga, 60)} ${cut(id, 60)}`;
  const resume: Action = {
    name: 'saga.resume',
    label: 'Resume',
    done: `The ${which} goes on.`,
    path: `${path}/resume`,
    question: {
      title: 'Resume this saga?',
      text: `The ${which} goes on where it was stuck.`,
      action: 'Resume saga',
      isFinal: false,
    },
  };
  const cancel: Action = {
    name: 'saga.cancel',
    label: 'Cancel',
    done: `The ${which} is cancelled.`,
    path: `${path}/cancel`,
    question: {
      title: 'Cancel this saga?',
      text: `The steps of ${which} are undone, and it ends as cancelled. This cannot be undone.`,
      action: 'Cancel saga',
      isFinal: true,
    },
  };
  return status === 'stuck' ? [resume, cancel] : [cancel];
}
