import type { ChannelView, MessageView, OutboxList, Snapshot } from '../../../index.ts';
import { byId, el, setAttributes, setText, syncChildren } from '../parts/dom.ts';
import { count, cut, duration, moment, plural } from '../parts/format.ts';
import { type Action, buttonsOf, type WorkContext } from './actions.ts';
import { type Content, limit, WorkList } from './list.ts';
import { messageActions } from './message-actions.ts';

const mostChannels = 200;

/** The outbox: what waits in its channels, and the messages of one that were set aside. */
export class OutboxView {
  readonly #context: WorkContext;
  readonly #list = new WorkList('outbox', () => this.#read());
  #chosen = '';

  constructor(context: WorkContext) {
    this.#context = context;
  }

  show({ channels }: Snapshot): void {
    byId('no-channels').hidden = channels.length > 0;
    syncChildren(byId('channels'), channels.slice(0, mostChannels), {
      keyOf: ({ name }) => name,
      create: ({ name }) => {
        const button = el('button', { type: 'button' });
        button.addEventListener('click', () => this.#choose(name));
        return el('li', {}, el('span', { class: 'name' }), el('span', { class: 'state' }), button);
      },
      update: (element, channel) => this.#showChannel(element, channel),
    });
  }

  #showChannel(element: HTMLElement, { name, waiting, parked, lag }: ChannelView): void {
    const [title, state, button] = element.children;
    if (title === undefined || state === undefined || button === undefined) return;
    setText(title, cut(name, 80));
    const oldest = lag === undefined || waiting === 0 ? '' : `, the oldest for ${duration(lag)}`;
    setText(state, `${plural(waiting, 'message waits', 'messages wait')}${oldest}`);
    const text = `${count(parked)} parked`;
    setText(button, text);
    setAttributes(button, { 'aria-label': `${cut(name, 80)}: ${text}`, 'aria-pressed': String(this.#chosen === name) });
  }

  #choose(channel: string): void {
    this.#chosen = channel;
    const snapshot = this.#context.snapshot();
    if (snapshot !== undefined) this.show(snapshot);
    void this.#list.read(`${cut(channel, 80)}: parked`);
  }

  async #read(): Promise<Content> {
    const query = new URLSearchParams({ channel: this.#chosen, limit: String(limit) });
    const { messages, hasMore } = await this.#context.api.get<OutboxList>(`outbox?${query.toString()}`);
    const all = hasMore ? `The oldest ${count(messages.length)}` : `All ${count(messages.length)}`;
    return {
      heads: ['Number', 'Queue', 'Parked', 'Attempts', 'Error', 'Do'],
      rows: messages.map((message) => this.#row(message)),
      note: messages.length === 0 ? 'Nothing is parked' : all,
    };
  }

  #row(message: MessageView): readonly (Node | string)[] {
    const { number, queue, parkedAt, attempts, error, payload } = message;
    const shown = { actions: actionsOf(message), payload, title: `Payload of message ${cut(number, 40)}` };
    return [
      cut(number, 40),
      cut(queue, 60),
      moment(parkedAt),
      attempts === undefined ? '' : String(attempts),
      el('span', { class: 'error' }, cut(error, 300)),
      buttonsOf(shown, this.#context, () => void this.#list.read()),
    ];
  }
}

function actionsOf({ channel, number, queue }: MessageView): readonly Action[] {
  const { replay, discard } = messageActions({
    list: 'outbox',
    owner: channel,
    number,
    whose: `for ${cut(queue, 60)}`,
    replayed: 'is handed over again',
    willBe: 'goes back into the outbox, and is handed over again',
  });
  return [replay, discard];
}
