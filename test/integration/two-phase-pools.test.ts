import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createTwoPhaseTables, twoPhase } from '../../src/experimental/two-phase/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { whenReached } from '../support/servers.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { clientOn, type PreparingServer, usePreparingServers } from '../support/two-phase.ts';

type Name = 'orders' | 'payments';

const isHere = await whenReached('MariaDB');
const servers = usePreparingServers(isHere);
const both: readonly Name[] = ['orders', 'payments'];
const reversed = both.toReversed();

const pairs = {
  'two PostgreSQL': () => [servers().postgres[0], servers().postgres[1]],
  'PostgreSQL and MariaDB': () => [servers().postgres[0], servers().mariadb[0]],
  'MariaDB and PostgreSQL': () => [servers().mariadb[0], servers().postgres[0]],
} as const satisfies Record<string, () => readonly [PreparingServer, PreparingServer]>;

describe.skipIf(!isHere).each(Object.entries(pairs))('the pools of twoPhase over %s', (_, pair) => {
  let first: PreparingServer;
  let second: PreparingServer;
  beforeEach(async () => {
    [first, second] = pair();
    for (const server of [first, second]) await server.sql('delete from payment');
  });

  async function open(options: { readonly max: number; readonly maxLevel?: number }): Promise<Database<Name>> {
    const clients = { orders: clientOn(first, options), payments: clientOn(second, options) };
    const database = createDatabase({ clients, defaultClient: 'orders' });
    onTestFinished(() => database.close({ timeout: 1_000 }));
    for (const clientName of both) await createTwoPhaseTables(database.getDb({ clientName }));
    return database;
  }
  const pay = async (database: Database<Name>, clientName: Name, id: string): Promise<void> =>
    void (await database.getDb({ clientName }).query('insert into payment (id, amount) values ($1, 1)', [id]));
  const payBoth = (database: Database<Name>, names: readonly Name[], id: string): Promise<void> =>
    twoPhase(database, names, async () => {
      for (const name of both) await pay(database, name, id);
    });
  /** Holds the connection of a client at level 0. */
  async function hold(database: Database<Name>, clientName: Name): Promise<() => Promise<void>> {
    const [held, end] = [signal(), signal()];
    const db = database.getDb({ clientName });
    const holding = db.transaction.begin(async () => {
      await db.query('select 1');
      held.fire();
      await end.promise;
    });
    await held.promise;
    return async () => {
      end.fire();
      await holding;
    };
  }

  it('waits for the connection of its first client, as any transaction does', async () => {
    const database = await open({ max: 1 });
    for (const names of [both, reversed]) await payBoth(database, names, `before ${names.join()}`);
    for (const [names, clientName] of [
      [both, 'orders'],
      [reversed, 'payments'],
    ] as const) {
      const end = await hold(database, clientName);
      const paying = payBoth(database, names, `held ${clientName}`);
      let hasEnded = false;
      const outcome = paying.then(() => 'paid', String).finally(() => (hasEnded = true));
      const isWaiting = (): boolean => database.stats().clients[clientName].waiting === 1;
      await until('it waits, or has failed', () => isWaiting() || hasEnded);
      expect(isWaiting()).toBe(true);
      await end();
      expect(await outcome).toBe('paid');
    }
    expect(await first.payments()).toHaveLength(4);
    expect(await second.payments()).toEqual(await first.payments());
  });

  it.each([1, 5])('20 at once with max %i all commit, whichever client they name first', async (max) => {
    const database = await open({ max });
    const all = Array.from({ length: 20 }, (__, at) => payBoth(database, both, `same ${at}`));
    expect(new Set((await Promise.allSettled(all)).map(({ status }) => status))).toEqual(new Set(['fulfilled']));
    const mixed = Array.from({ length: 20 }, (__, at) =>
      payBoth(database, at % 2 === 0 ? both : reversed, `mixed ${at}`),
    );
    expect(new Set((await Promise.allSettled(mixed)).map(({ status }) => status))).toEqual(new Set(['fulfilled']));
    expect(await first.payments()).toHaveLength(40);
    expect(await second.payments()).toHaveLength(40);
  });

  it('ends with nested transactions on its clients in either order, at max 1', async () => {
    const database = await open({ max: 1 });
    const nested = (names: readonly Name[], id: string): Promise<void> => {
      const [outer, inner] = names.map((clientName) => database.getDb({ clientName }));
      if (outer === undefined || inner === undefined) throw new RangeError('two names are needed');
      const insert = 'insert into payment (id, amount) values ($1, 1)';
      return outer.transaction.begin(async () => {
        await outer.query(insert, [id]);
        await inner.transaction.begin(() => inner.query(insert, [id]));
      });
    };
    const all = Array.from({ length: 10 }, (__, at) => [
      payBoth(database, both, `a ${at}`),
      payBoth(database, reversed, `b ${at}`),
      nested(both, `c ${at}`),
      nested(reversed, `d ${at}`),
    ]).flat();
    expect(new Set((await Promise.allSettled(all)).map(({ status }) => status))).toEqual(new Set(['fulfilled']));
    expect(await first.payments()).toHaveLength(40);
  });

  it('has a connection of each client before the body, and gives all back, also where its time is over before', async () => {
    const database = await open({ max: 1 });
    await payBoth(database, both, 'before');
    const { orders, payments } = database.stats().clients;
    expect([orders.used, payments.used]).toEqual([0, 0]);
    await twoPhase(database, both, () => {
      const { clients } = database.stats();
      expect([clients.orders.used, clients.payments.used]).toEqual([1, 1]);
    });
    const end = await hold(database, 'orders');
    const error = await rejection(twoPhase(database, both, () => expect.unreachable('the body ran'), { timeout: 200 }));
    expect(error).toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
    await end();
    const after = database.stats().clients;
    expect([after.orders.used, after.payments.used]).toEqual([0, 0]);
  });
});
