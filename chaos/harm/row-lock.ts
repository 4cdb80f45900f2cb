import { setTimeout as delay } from 'node:timers/promises';
import { createDatabase } from '../../src/index.ts';
import { type EngineName, products } from '../settings.ts';
import { clientOf } from '../shop/shop.ts';

/** A stranger who locks a product for a while: on SQLite that is the whole database. */
export interface RowLock {
  /** @param target from 0 to 1: which product */
  hold(target: number, milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

/** @param url leads to the server, and not through a proxy */
export function rowLock(engine: EngineName, url: string): RowLock {
  const database = createDatabase({ clients: { default: clientOf(engine, url, false) } });
  return {
    async hold(target, milliseconds) {
      const id = 1 + Math.floor(target * products);
      const held = database.transaction(async () => {
        await database.query('update product set stock = stock where id = $1', [id]);
        await delay(milliseconds);
      });
      // It may be chosen as the victim of a deadlock, or have its session killed.
      await held.catch(() => {});
    },
    close: () => database.close(),
  };
}
