import { xorshift } from '../../test/checkers/random.ts';
import type { Database } from '../../src/index.ts';
import type { ShopSettings } from '../settings.ts';
import { addToOutbox, createRelay, findInInbox, type OutboxMessage, recordInInbox } from '../../src/outbox/index.ts';
import { note, type Order, type Part } from './part.ts';

const channel = 'parcels';

/** How many of the deliveries fail by themselves. */
const failing = 0.05;

/** A parcel for each sale, by a message that may come twice, or not at the first time; the inbox keeps the second one out. */
export function parcels(database: Database<'default'>, { seed }: ShopSettings): Part {
  const random = xorshift(seed);
  const receive = async ({ id, payload }: OutboxMessage): Promise<void> => {
    if (random() < failing) throw new Error('the carrier is not there');
    if ((await findInInbox(database.current, channel, [id])).has(id)) return;
    await database.transaction(async () => {
      await note(database, 'parcel', (payload as { order: string }).order);
      await recordInInbox(database.current, channel, id, 'null');
    });
  };
  const relay = createRelay(database, {
    channel,
    batchSize: 20,
    pollInterval: 100,
    retryDelay: 50,
    maxAttempts: 1_000,
    async deliver(messages) {
      const undelivered: { id: string; error: unknown }[] = [];
      for (const message of messages) {
        try {
          await receive(message);
        } catch (error) {
          undelivered.push({ id: message.id, error });
        }
      }
      return undelivered;
    },
  });
  return {
    name: 'the relay',
    async record({ id, product }: Order) {
      // Those of every second product keep their order.
      const key = product % 2 === 0 ? `product ${product}` : undefined;
      await addToOutbox(database.current, [{ channel, queue: 'sold', key, payload: { order: id } }]);
    },
    start: () => relay.start(),
    stop: () => relay.stop({ timeout: 5_000 }),
  };
}
