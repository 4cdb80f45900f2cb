import { SluiceError } from '../../core/index.ts';
import type { Db } from '../../database/index.ts';
import { discardParked, listOutbox, outboxCounts, replayParked } from '../../outbox/index.ts';
import type { ActionAnswer, ChannelView, MessageView, OutboxList } from '../work-views.ts';
import { payloadText } from './payload-text.ts';

/** Counts, lists and changes the messages of an outbox. */
export class OutboxDesk {
  readonly #db: Db;
  readonly #payloads: boolean;

  /** @param payloads whether lists carry them */
  constructor(db: Db, payloads: boolean) {
    this.#db = db;
    this.#payloads = payloads;
  }

  /** What waits in its channels; none where the outbox has not been made yet. @throws what the server answers */
  async counts(): Promise<readonly ChannelView[]> {
    try {
      const counts = await outboxCounts(this.#db);
      return counts.map(({ channel: name, waiting, parked, lag }) => ({ name, waiting, parked, lag }));
    } catch (error) {
      if (SluiceError.find(error)?.code === 'OUTBOX_MISSING') return [];
      throw error;
    }
  }

  /** The messages of a channel that were set aside. @throws what the server answers */
  async list(channel: string, limit: number): Promise<OutboxList> {
    const page = await listOutbox(this.#db, channel, { state: 'parked', limit, withPayload: this.#payloads });
    const messages = page.messages.map((entry): MessageView => {
      const { number, queue, attempts, parkedAt, lastError = '', payload } = entry;
      const shown = { channel, number, queue, attempts, parkedAt: parkedAt?.getTime() ?? 0, error: lastError };
      return { ...shown, ...payloadText(payload) };
    });
    return { messages, hasMore: page.cursor !== undefined };
  }

  /** Puts a message back into the line, or removes it. @throws what the server answers */
  async change(channel: string, number: string, action: 'replay' | 'discard'): Promise<ActionAnswer> {
    const change = action === 'replay' ? replayParked : discardParked;
    return { done: (await change(this.#db, channel, [number])) > 0 };
  }
}
