import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createTwoPhaseTables, recoverTwoPhase, twoPhase } from '../../src/experimental/two-phase/index.ts';
import { newId, partName } from '../../src/experimental/two-phase/ids.ts';
import type { ClientDefinition } from '../../src/driver/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import { channelNames, createDatabase, type Database } from '../../src/index.ts';
import { whenReached } from '../support/servers.ts';
import { rejection, signal } from '../support/settled.ts';
import { clientOn, leavePrepared, type PreparingServer, usePreparingServers } from '../support/two-phase.ts';

const busy = "do $$ begin raise exception 'busy' using errcode = '40001'; end $$";

type Name = 'orders' | 'payments' | 'stock';

const isHere = await whenReached('MariaDB');
const servers = usePreparingServers(isHere);

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
  'two PostgreSQL': () => [servers().postgres[0], servers().postgres[1]],
  'two MariaDB': () => [servers().mariadb[0], servers().mariadb[1]],
  'PostgreSQL and MariaDB': () => [servers().postgres[0], servers().mariadb[0]],
  'MariaDB and PostgreSQL': () => [servers().mariadb[0], servers().postgres[0]],
} as const satisfies Record<string, () => readonly [PreparingServer, PreparingServer]>;

describe.skipIf(!isHere).each(Object.entries(pairs))('twoPhase over %s', (_, pair) => {
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
    expect(await recoverTwoPhase(database, ['orders', 'payments'], { abandonedAfter: 0 })).toEqual({
      committed: [],
      rolledBack: [],
      failures: [],
    });
    expect(await first.sql('select id from sluice_two_phase')).toEqual([]);
  });
});

describe.skipIf(!isHere)('twoPhase', () => {
  let first: PreparingServer;
  let second: PreparingServer;
  beforeEach(async () => {
    [first, second] = [servers().postgres[0], servers().mariadb[0]];
    await createTwoPhaseTables(open(first, second).current);
    for (const server of [first, second]) await server.sql('delete from payment');
  });
  const both = ['orders', 'payments'] as const satisfies Name[];
  const payBoth = async (database: Database<Name>): Promise<void> => {
    for (const name of both) await pay(database, name, 'one');
  };
  const paid = async (): Promise<string[][]> => [await first.payments(), await second.payments()];

  it('refuses what cannot be, before anything is begun', async () => {
    const database = open(first, second);
    const never = (): never => expect.unreachable('the body ran');
    const codes = async (names: readonly string[]): Promise<unknown> =>
      (await rejection(twoPhase(database, names as Name[], never)))['code'];
    expect(await codes(['orders'])).toBe('INVALID_OPTION');
    expect(await codes(['orders', 'orders'])).toBe('INVALID_OPTION');
    expect(await codes(['orders', 'nowhere'])).toBe('UNKNOWN_CLIENT');
    const nested = await rejection(database.transaction(() => twoPhase(database, both, never)));
    expect(nested['code']).toBe('TWO_PHASE_IN_TRANSACTION');
    const snapshot = await rejection(twoPhase(database, both, never, { isolationLevel: 'SNAPSHOT' }));
    expect(snapshot['code']).toBe('INVALID_OPTION');
    const without = open(servers().mariadb[1], first);
    await servers().mariadb[1].sql('drop table if exists sluice_two_phase_home, sluice_two_phase');
    expect(await rejection(twoPhase(without, both, never))).toMatchObject({ code: 'TWO_PHASE_TABLES_MISSING' });
    const small = createDatabase({ clients: { orders: clientOn(first), payments: sqlite() }, defaultClient: 'orders' });
    expect(await rejection(twoPhase(small, both, never))).toMatchObject({ code: 'TWO_PHASE_UNSUPPORTED' });
    await small.close();
  });

  it('refuses a PostgreSQL with max_prepared_transactions = 0', async () => {
    const url = process.env['DATABASE_URL'] ?? '';
    const clients = { orders: clientOn(first), payments: clientOn({ url }) };
    const database = createDatabase({ clients, defaultClient: 'orders' });
    const [{ most } = {}] = (
      await database.getDb({ clientName: 'payments' }).query('show max_prepared_transactions')
    ).rows.map((row) => ({ most: Object.values(row)[0] }));
    const result = twoPhase(database, both, () => 'ran');
    if (most === '0')
      expect(await rejection(result)).toMatchObject({ code: 'TWO_PHASE_UNSUPPORTED', clientName: 'payments' });
    else expect(await result).toBe('ran');
    await database.close();
  });

  it('cannot decide what a recovery has rolled back', async () => {
    const [database, other] = [open(first, second), open(first, second)];
    const [arrived, go] = [signal(), signal()];
    const paying = rejection(
      twoPhase(database, both, async () => {
        await payBoth(database);
        // The others have prepared when it runs.
        database.getDb({ clientName: 'orders' }).beforeCommit(async () => {
          arrived.fire();
          await go.promise;
        });
      }),
    );
    await arrived.promise;
    expect(await second.prepared()).toHaveLength(1);
    // One that is alive is left alone, as long as it is young.
    await recoverTwoPhase(other, both);
    expect(await second.prepared()).toHaveLength(1);
    await recoverTwoPhase(other, both, { abandonedAfter: 0 });
    go.fire();
    expect(await paying).toMatchObject({ code: 'TWO_PHASE_ABORTED', retryable: true });
    expect(await paid()).toEqual([[], []]);
    await recoverTwoPhase(other, both, { abandonedAfter: 0 });
    expect([await first.prepared(), await second.prepared()]).toEqual([[], []]);
  });

  it('says that it is decided where the answer of the second phase is lost, and recovery ends it', async () => {
    const cut = (definition: ClientDefinition): ClientDefinition => {
      const { driver } = definition;
      return {
        ...definition,
        driver: {
          ...driver,
          async connect(stop) {
            const connection = await driver.connect(stop);
            const run = connection.run.bind(connection);
            connection.run = async (steps) => {
              const [step] = steps;
              if (step?.type === 'statement' && step.statement.text.startsWith('XA COMMIT')) await connection.destroy();
              return await run(steps);
            };
            return connection;
          },
        },
      };
    };
    const clients = { orders: clientOn(first), payments: cut(clientOn(second)), stock: clientOn(second) };
    const database = createDatabase({ clients, defaultClient: 'orders' });
    opened.push(database);
    const hooks: string[] = [];
    const error = await rejection(
      twoPhase(database, both, async () => {
        await payBoth(database);
        database.getDb({ clientName: 'orders' }).afterCommit(() => hooks.push('committed'));
        return 'paid';
      }),
    );
    expect(error).toMatchObject({
      code: 'TWO_PHASE_IN_DOUBT',
      decision: 'committed',
      clientNames: ['payments'],
      result: 'paid',
    });
    expect(hooks).toEqual(['committed']);
    expect(await paid()).toEqual([['one'], []]);
    const other = open(first, second);
    const { committed, failures } = await recoverTwoPhase(other, both, { abandonedAfter: 0 });
    expect({ committed, failures }).toEqual({ committed: [{ id: error['id'], clientName: 'payments' }], failures: [] });
    expect(await paid()).toEqual([['one'], ['one']]);
  });

  it('refuses a hook before the commit that uses a client named after its own, and sends nothing', async () => {
    const database = open(first, second);
    const onPayments = database.getDb({ clientName: 'payments' });
    const wishes: Record<string, () => Promise<unknown>> = {
      'a statement': () => pay(database, 'payments', 'hook'),
      'a transaction': () => onPayments.transaction.begin(() => pay(database, 'payments', 'hook')),
      'one of its own': () =>
        onPayments.transaction.begin(() => pay(database, 'payments', 'hook'), { propagation: 'REQUIRES_NEW' }),
    };
    for (const [wish, hook] of Object.entries(wishes)) {
      for (const isUsed of [true, false]) {
        const paying = twoPhase(database, both, async () => {
          await pay(database, 'orders', 'one');
          if (isUsed) await pay(database, 'payments', 'one');
          database.getDb({ clientName: 'orders' }).beforeCommit(hook);
        });
        expect(await rejection(paying), wish).toMatchObject({
          code: 'TWO_PHASE_PREPARED',
          clientName: 'payments',
          remedy: expect.stringMatching(/^Do it in the body, in a hook of client "payments" itself/) as string,
        });
        expect(await paid(), wish).toEqual([[], []]);
      }
    }
    expect([await first.prepared(), await second.prepared()]).toEqual([[], []]);
  });

  it('lets a hook before the commit use its own client and those named before it', async () => {
    const database = open(first, second);
    await twoPhase(database, both, async () => {
      await pay(database, 'payments', 'one');
      database.getDb({ clientName: 'payments' }).beforeCommit(async () => {
        for (const name of both) await pay(database, name, 'hook');
      });
    });
    expect(await paid()).toEqual([['hook'], ['hook', 'one']]);
    await pay(database, 'payments', 'afterwards');
  });

  it('runs hooks after the commit when all clients have committed', async () => {
    const database = open(first, second);
    const seen: string[][] = [];
    await twoPhase(database, both, async () => {
      await payBoth(database);
      for (const clientName of both) {
        database.getDb({ clientName }).afterCommit(async () => seen.push(...(await paid())));
      }
    });
    expect(seen).toEqual([['one'], ['one'], ['one'], ['one']]);
  });

  it('is repeated after a serialization failure on any of the clients', async () => {
    const database = open(second, first);
    await createTwoPhaseTables(database.current);
    let runs = 0;
    const body = async (): Promise<number> => {
      runs += 1;
      await payBoth(database);
      if (runs === 1) await database.getDb({ clientName: 'payments' }).query(busy);
      return runs;
    };
    const retries: unknown[] = [];
    const note = (message: unknown): void => void retries.push(message);
    subscribe(channelNames.transactionRetry, note);
    onTestFinished(() => void unsubscribe(channelNames.transactionRetry, note));
    expect(await twoPhase(database, both, body, { retry: { attempts: 2, delay: 1 } })).toBe(2);
    expect(await paid()).toEqual([['one'], ['one']]);
    expect(retries).toMatchObject([{ clientName: 'orders', attempt: 1, error: { code: '40001' } }]);
  });

  it('is repeated by a database that closes in its pause, which waits for it', async () => {
    const database = open(second, first);
    await createTwoPhaseTables(database.current);
    const pausing = signal();
    subscribe(channelNames.transactionRetry, pausing.fire);
    onTestFinished(() => void unsubscribe(channelNames.transactionRetry, pausing.fire));
    let runs = 0;
    const body = async (): Promise<number> => {
      runs += 1;
      await payBoth(database);
      if (runs === 1) await database.getDb({ clientName: 'payments' }).query(busy);
      return runs;
    };
    const repeated = twoPhase(database, both, body, { retry: { attempts: 2, delay: 200 } });
    await pausing.promise;
    await database.close({ timeout: 10_000 });
    expect(await repeated).toBe(2);
    expect(await paid()).toEqual([['one'], ['one']]);
  });

  it('rolls back on all clients when its time is over', async () => {
    const database = open(first, second);
    const { promise } = signal();
    const body = async (): Promise<void> => {
      await payBoth(database);
      await promise;
    };
    expect(await rejection(twoPhase(database, both, body, { timeout: 300 }))).toMatchObject({
      code: 'TRANSACTION_TIMEOUT',
    });
    expect(await paid()).toEqual([[], []]);
    expect([await first.prepared(), await second.prepared()]).toEqual([[], []]);
  });

  it('rolls back on all clients where one cannot prepare', async () => {
    const database = open(second, first);
    const paying = twoPhase(database, both, async () => {
      await payBoth(database);
      await database.getDb({ clientName: 'payments' }).query('notify paid');
    });
    expect(await rejection(paying)).toMatchObject({ code: 'TWO_PHASE_PREPARE', clientName: 'payments' });
    expect(await paid()).toEqual([[], []]);
  });

  it.each(['two databases of a MariaDB', 'two databases of a PostgreSQL', 'one database'])(
    'names in a recovery the client whose part it was, of two on %s, in whichever order they are named',
    async (where) => {
      const { postgres, mariadb } = servers();
      const kind = where.includes('PostgreSQL') ? postgres : mariadb;
      const [payments, stock] = where === 'one database' ? [kind[0], kind[0]] : kind;
      await stock.sql('delete from payment');
      const database = open(first, payments, stock);
      const names: Name[] = ['orders', 'payments', 'stock'];
      const left = ['payments', 'stock'] as const;
      // As a process leaves it that is killed when all is prepared, and nothing decided.
      const { id: home } = (await first.sql('select id from sluice_two_phase_home'))[0] ?? {};
      for (const order of [names, names.toReversed()]) {
        const id = newId(String(home));
        for (const [index, name] of left.entries()) {
          const part = partName(id, index + 1, name);
          await leavePrepared(name === 'payments' ? payments : stock, part, name);
        }
        const { rolledBack, failures } = await recoverTwoPhase(database, order, { abandonedAfter: 0 });
        expect(failures).toEqual([]);
        const clients = rolledBack.filter((part) => part.id === id).map(({ clientName }) => clientName);
        expect(clients.toSorted()).toEqual(['payments', 'stock']);
      }
    },
  );

  it('lets an alarm look at what is prepared, through a client', async () => {
    const database = open(first, second);
    const payments = database.getDb({ clientName: 'payments' });
    const name = partName(newId('0123456789abcdef'), 1, 'payments');
    await leavePrepared(second, name, 'alarm');
    const { rows } = await payments.query<{ data: unknown }>('XA RECOVER');
    expect(rows.map(({ data }) => String(data))).toContain(name);
    expect(await rejection(payments.query(`XA ROLLBACK '${name}'`))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
    await second.sql(`xa rollback '${name}'`);
  });

  it('never touches what others have prepared', async () => {
    const database = open(first, second);
    const foreign = 'sluice2pc_0123456789abcdef_abc_0123456789abcdef_1';
    await first.sql(`begin; insert into payment (id, amount) values ('foreign', 1); prepare transaction '${foreign}'`);
    await recoverTwoPhase(database, both, { abandonedAfter: 0 });
    expect(await first.prepared()).toContain(foreign);
    await first.sql(`rollback prepared '${foreign}'`);
  });
});
