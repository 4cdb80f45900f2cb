import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTwoPhaseTables, recoverTwoPhase, twoPhase } from '../../src/experimental/two-phase/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { clientOn, type PreparingServer, type PreparingServers, startPreparingServers } from '../support/two-phase.ts';

type Name = 'orders' | 'payments' | 'stock';

let servers: PreparingServers;
beforeAll(async () => {
  servers = await startPreparingServers();
}, 60_000);
afterAll(() => servers.stop());

const opened: Database<Name>[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close({ timeout: 1_000 })));
});

function open(orders: PreparingServer, payments: PreparingServer, stock: PreparingServer = payments): Database<Name> {
  const clients = { orders: clientOn(orders), payments: clientOn(payments), stock: clientOn(stock) };
  const database = createDatabase({ clients, defaultClient: 'orders' });
  opened.push(database);
  return database;
}

async function pay(database: Database<Name>, clientName: Name, id: string): Promise<void> {
  await database.getDb({ clientName }).query('insert into payment (id, amount) values ($1, 1)', [id]);
}

const pairs = {
  'two PostgreSQL': () => [servers.postgres[0], servers.postgres[1]],
  'two MariaDB': () => [servers.mariadb[0], servers.mariadb[1]],
  'PostgreSQL and MariaDB': () => [servers.postgres[0], servers.mariadb[0]],
  'MariaDB and PostgreSQL': () => [servers.mariadb[0], servers.postgres[0]],
} as const satisfies Record<string, () => readonly [PreparingServer, PreparingServer]>;

describe.each(Object.entries(pairs))('twoPhase over %s', (_, pair) => {
  let first: PreparingServer;
  let second: PreparingServer;
  beforeEach(async () => {
    [first, second] = pair();
    await createTwoPhaseTables(open(first, second).current);
    for (const server of [first, second]) await server.sql('delete from payment');
  });

  it('commits on all clients, and gives what the body returns', async () => {
    const database = open(first, second);
    const result = await twoPhase(database, ['orders', 'payments'], async () => {
      await pay(database, 'orders', 'one');
      await pay(database, 'payments', 'one');
      return 'paid';
    });
    expect(result).toBe('paid');
    expect([await first.payments(), await second.payments()]).toEqual([['one'], ['one']]);
    expect([await first.prepared(), await second.prepared()]).toEqual([[], []]);
  });

  it('rolls back on all clients where the body throws', async () => {
    const database = open(first, second);
    const declined = new Error('declined');
    const paying = twoPhase(database, ['orders', 'payments'], async () => {
      await pay(database, 'orders', 'one');
      await pay(database, 'payments', 'one');
      throw declined;
    });
    await expect(paying).rejects.toBe(declined);
    expect([await first.payments(), await second.payments()]).toEqual([[], []]);
    expect([await first.prepared(), await second.prepared()]).toEqual([[], []]);
  });

  it('goes on with the connections afterwards', async () => {
    const database = open(first, second);
    for (let round = 0; round < 12; round += 1) {
      const paying = twoPhase(database, ['orders', 'payments'], async () => {
        await pay(database, 'payments', `round ${round}`);
        await pay(database, 'orders', `round ${round}`);
        if (round % 3 === 2) throw new Error('declined');
      });
      if (round % 3 === 2) await expect(paying).rejects.toThrow('declined');
      else await paying;
      await pay(database, 'payments', `alone ${round}`);
    }
    expect(await first.payments()).toHaveLength(8);
    expect(await second.payments()).toHaveLength(20);
    expect(await recoverTwoPhase(database, ['orders', 'payments'], { olderThan: 0 })).toEqual({
      committed: [],
      rolledBack: [],
      failures: [],
    });
    expect(await first.sql('select id from sluice_two_phase')).toEqual([]);
  });
});
