import { createDatabase } from '../../../src/index.ts';
import { signal } from '../settled.ts';
import { staging, type Stage } from './staging.ts';

/** Two transactions lock a row on one client each, and then want that of the other one on the other client. */
export const crossedClients: Stage = staging(async ({ server, keep, run }) => {
  const stock = createDatabase({
    defaultClient: 'orders',
    clients: { orders: server.client(), stock: server.client() },
    lockProbeAfter: false,
  });
  keep(stock);
  const locked = [signal(), signal()] as const;
  const cross = async (
    name: string,
    clients: readonly [string, string],
    ids: readonly [number, number],
  ): Promise<void> => {
    const [own, other] = clients as ['orders' | 'stock', 'orders' | 'stock'];
    const lockOn = async (clientName: 'orders' | 'stock', id: number): Promise<void> =>
      void (await stock.getDb({ clientName }).query('update product set stock = 1 where id = $1', [id]));
    const body = async (): Promise<void> => {
      await lockOn(own, ids[0]);
      locked[ids[0] - 1]?.fire();
      await Promise.all(locked.map(({ promise }) => promise));
      await stock
        .getDb({ clientName: other })
        .transaction.begin(() => lockOn(other, ids[1]), { name: `${name} inside` });
    };
    await stock.getDb({ clientName: own }).transaction.begin(body, { name });
  };
  run(cross('sale', ['orders', 'stock'], [1, 2]));
  run(cross('refill', ['stock', 'orders'], [2, 1]));
  return {
    kind: 'circle',
    members: ['sale', 'sale inside', 'refill', 'refill inside'],
    text: [
      '4 wait for each other in a circle',
      'client "stock"',
      'waits for the transaction inside of it',
      'held by "refill"',
    ],
  };
});
