import type { Database } from '../../src/index.ts';
import { createSagas, defineSaga } from '../../src/saga/index.ts';
import { note, type Order, type Part } from './part.ts';

/** A parcel is packed and sent; every fourth product is too heavy, and its parcels are unpacked again. */
export function shipping(database: Database<'default'>): Part {
  const stubborn = { attempts: 1_000, retryDelay: 50 };
  const ship = defineSaga('ship', async (saga, { order, product }: { order: string; product: number }) => {
    await saga.step('pack', stubborn, () => note(database, 'packed', order), {
      compensate: () => note(database, 'undone', order),
    });
    await saga.sleep('cool down', 20);
    if (product % 4 === 0) throw new Error('too heavy');
    await saga.step('send', stubborn, () => note(database, 'sent', order));
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
    record: async ({ id, product }: Order) => void (await sagas.ship.start({ order: id, product }, { id })),
    start: () => sagas.start(),
    stop: () => sagas.stop({ timeout: 5_000 }),
  };
}
