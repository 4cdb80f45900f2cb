import { SluiceError } from '../../core/index.ts';
import type { Db } from '../../database/index.ts';
import {
  discardReceived,
  listReceived,
  receivedCounts,
  type ReceivedParkedMessage,
  replayReceived,
} from '../../outbox/index.ts';
import type { ActionAnswer, ReceivedCountsView, ReceivedList, ReceivedView } from '../work-views.ts';
import { mostCounted } from './most-counted.ts';

/** Counts, lists and changes the messages of brokers that consumers have set aside. */
export class ReceivedDesk {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** How many there are, by group and topic; none where their table has not been made yet. @throws what the server answers */
  async counts(): Promise<readonly ReceivedCountsView[]> {
    try {
      const counts = await receivedCounts(this.#db, { limit: mostCounted });
      return counts.map(({ topic, group, parked, due, hasMore }) => ({
        name: `${group}/${topic}`,
        received: { parked },
        due,
        atLeast: hasMore ? ['parked'] : [],
      }));
    } catch (error) {
      // An engine from outside may have an outbox, and no such messages.
      if (['OUTBOX_MISSING', 'INVALID_OPTION'].includes(SluiceError.find(error)?.code ?? '')) return [];
      throw error;
    }
  }

  /** Those of a consumer; nothing for what is no name of one. @throws what the server answers */
  async list(consumer: string, limit: number): Promise<ReceivedList | undefined> {
    const of = consumerOf(consumer);
    if (of === undefined) return undefined;
    const { messages, cursor } = await listReceived(this.#db, of.topic, { group: of.group, limit });
    return { messages: messages.map((message) => viewOf(consumer, message)), hasMore: cursor !== undefined };
  }

  /** Lets one be handled again, or removes it; nothing for what is no name of a consumer. @throws what the server answers */
  async change(consumer: string, number: string, action: 'replay' | 'discard'): Promise<ActionAnswer | undefined> {
    const of = consumerOf(consumer);
    if (of === undefined) return undefined;
    const selection = { group: of.group, numbers: [number] };
    if (action === 'discard') return { done: (await discardReceived(this.#db, of.topic, selection)) > 0 };
    if ((await replayReceived(this.#db, of.topic, selection)) > 0) return { done: true };
    return { done: false, why: 'It is gone, is handled again already, or was too large to be kept: nothing was done.' };
  }
}

/** The parts of `<group>/<topic>`. */
function consumerOf(name: string): { readonly group: string; readonly topic: string } | undefined {
  const [group = '', topic = '', ...more] = name.split('/');
  return group === '' || topic === '' || more.length > 0 ? undefined : { group, topic };
}

function viewOf(consumer: string, message: ReceivedParkedMessage): ReceivedView {
  const { number, id, key, reason, error, attempts, parkedAt, isDue } = message;
  return { consumer, number, id, key, reason, error, attempts, parkedAt: parkedAt.getTime(), isDue };
}
