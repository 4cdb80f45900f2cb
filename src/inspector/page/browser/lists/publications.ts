import type { PublicationList, PublicationView, Snapshot } from '../../../index.ts';
import { byId, el } from '../parts/dom.ts';
import { count, cut, duration, moment } from '../parts/format.ts';
import { type Action, buttonsOf, type WorkContext } from './actions.ts';
import { CountedList } from './counts.ts';
import { type Content, limit } from './list.ts';

/** The publications of transactional events that are not completed: how many there are by listener and state, and a list of those that are asked for. */
export class PublicationsView {
  readonly #context: WorkContext;
  readonly #list = new CountedList('listeners', 'publications', ({ name, state }) => this.#read(name, state));

  constructor(context: WorkContext) {
    this.#context = context;
  }

  show({ publications }: Snapshot): void {
    byId('no-publications').hidden = publications.length > 0;
    this.#list.show(
      publications.map(({ name, publications: counts, atLeast, lag }) => ({
        name,
        counts,
        atLeast,
        note: lag === 0 ? '' : `the oldest waits for ${duration(lag)}`,
      })),
    );
  }

  async #read(listener: string, state: string): Promise<Content> {
    const query = new URLSearchParams({ listener, state, limit: String(limit) });
    const { publications, hasMore } = await this.#context.api.get<PublicationList>(`publications?${query.toString()}`);
    const all = hasMore ? `The oldest ${count(publications.length)}` : `All ${count(publications.length)}`;
    return {
      heads: ['Number', 'Event', 'Id', 'Attempts', 'Published', 'Due', 'Error', 'Do'],
      rows: publications.map((publication) => this.#row(publication)),
      note: publications.length === 0 ? 'There are none' : all,
    };
  }

  #row(publication: PublicationView): readonly (Node | string)[] {
    const { number, event, eventId, attempts, publishedAt, dueAt, error = '' } = publication;
    const shown = { actions: actionsOf(publication), payload: undefined, title: '' };
    return [
      cut(number, 40),
      cut(event, 60),
      cut(eventId, 60),
      String(attempts),
      moment(publishedAt),
      dueAt === undefined ? '' : moment(dueAt),
      el('span', { class: 'error' }, cut(error, 300)),
      buttonsOf(shown, this.#context, () => this.#list.refresh()),
    ];
  }
}

/** One that is completed or runs is left alone. */
function actionsOf({ listener, number, event, state }: PublicationView): readonly Action[] {
  if (state === 'processing') return [];
  const which = `publication ${cut(number, 40)} of ${cut(event, 60)} for ${cut(listener, 60)}`;
  return [
    {
      name: 'publication.resubmit',
      label: 'Resubmit',
      done: `The ${which} runs again.`,
      path: `publications/${encodeURIComponent(listener)}/${encodeURIComponent(number)}/resubmit`,
      question: {
        title: 'Resubmit this publication?',
        text: `The ${which} is due at once, with all of its attempts.`,
        action: 'Resubmit publication',
        isFinal: false,
      },
    },
  ];
}
