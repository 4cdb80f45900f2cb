import type { ReceivedList, ReceivedView, Snapshot } from '../../../index.ts';
import { byId, el } from '../parts/dom.ts';
import { count, cut, moment } from '../parts/format.ts';
import { type Action, buttonsOf, type WorkContext } from './actions.ts';
import { CountedList } from './counts.ts';
import { type Content, limit } from './list.ts';
import { messageActions } from './message-actions.ts';

/** The messages of brokers that consumers have set aside: how many there are by group and topic, and a list of those that are asked for. */
export class MessagesReceivedView {
  readonly #context: WorkContext;
  readonly #list = new CountedList('consumers', 'received', ({ name }) => this.#read(name));

  constructor(context: WorkContext) {
    this.#context = context;
  }

  show({ received }: Snapshot): void {
    byId('no-received').hidden = received.length > 0;
    this.#list.show(
      received.map(({ name, received: counts, atLeast, due }) => ({
        name,
        counts,
        atLeast,
        note: due === 0 ? '' : `${count(due)} to be handled again`,
      })),
    );
  }

  async #read(consumer: string): Promise<Content> {
    const query = new URLSearchParams({ consumer, limit: String(limit) });
    const { messages, hasMore } = await this.#context.api.get<ReceivedList>(`received?${query.toString()}`);
    const all = hasMore ? `The oldest ${count(messages.length)}` : `All ${count(messages.length)}`;
    return {
      heads: ['Number', 'Id', 'Key', 'Parked', 'Attempts', 'Reason', 'Error', 'Do'],
      rows: messages.map((message) => this.#row(message)),
      note: messages.length === 0 ? 'Nothing is parked' : all,
    };
  }

  #row(message: ReceivedView): readonly (Node | string)[] {
    const { number, id = '', key = '', parkedAt, attempts, reason, error } = message;
    const shown = { actions: actionsOf(message), payload: undefined, title: '' };
    return [
      cut(number, 40),
      cut(id, 60),
      cut(key, 60),
      moment(parkedAt),
      String(attempts),
      cut(reason, 30),
      el('span', { class: 'error' }, cut(error, 300)),
      buttonsOf(shown, this.#context, () => this.#list.refresh()),
    ];
  }
}

/** One that was too large has no body that could be handled; one that is due is handled again already. */
function actionsOf({ consumer, number, reason, isDue }: ReceivedView): readonly Action[] {
  const { replay, discard } = messageActions({
    list: 'received',
    owner: consumer,
    number,
    whose: `of ${cut(consumer, 120)}`,
    replayed: 'is handled again',
    willBe: 'is handled again by a consumer of its group',
  });
  return isDue || reason === 'too large' ? [discard] : [replay, discard];
}
