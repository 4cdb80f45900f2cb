import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../src/index.ts';
import { cancelSaga, createSagas, defineSaga } from '../../src/saga/index.ts';
import { note, type Order, type Part } from './part.ts';

export interface Shipping extends Part {
  /** Has the parcel of an order unpacked, if it is not on its way. @throws where it is, or that cannot be said */
  cancel(order: string): Promise<void>;
}

/** A parcel is labelled, packed and sent; every fourth product is too heavy, and its parcels are unpacked again. */
export function shipping(database: Database<'default'>): Shipping {
  const stubborn = { attempts: 1_000, retryDelay: 50 };
  const ship = defineSaga('ship', async (saga, { order, product }: { order: string; product: number }) => {
    const unlabel = async (): Promise<void> => {
      // It runs behind the one of "pack": long enough for a process to be killed between them.
      await delay(30);
      await note(database, 'unlabelled', order);
    };
    await saga.step('label', stubborn, () => note(database, 'labelled', order), { compensate: unlabel });
    const pack = async (): Promise<void> => {
      await note(database, 'packed', order);
      // Long enough for others to come in between.
      await delay(5);
    };
    await saga.step('pack', stubborn, pack, { compensate: () => note(database, 'undone', order) });
    await saga.sleep('cool down', 20);
    if (product % 4 === 0) throw new Error('too heavy');
    // It may be cancelled before the saga has come to its end.
    const send = (): Promise<void> => note(database, 'sent', order);
    await saga.step('send', stubborn, send, { compensate: () => note(database, 'returned', order) });
  });
  const sagas = createSagas(database, {
    sagas: { ship },
    lease: 1_000,
    pollInterval: 100,
    retryDelay: 50,
    attempts: 1_000,
    concurrency: 4,
  });
  return {
    name: 'sagas',
    record: async ({ id, product }: Order) => void (await sagas.ship.start({ order: id, product }, { id })),
    start: () => sagas.start(),
    stop: () => sagas.stop({ timeout: 5_000 }),
    cancel: (order) => cancelSaga(database.current, 'ship', order),
  };
}
