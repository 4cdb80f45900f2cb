// Settings by context: what the server is told of them, when, and what is refused before anything is sent.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type ContextOptions,
  createDatabase,
  type Database,
  InvalidSettingError,
  MissingSettingError,
  type SettingsByContext,
  SettingsChangedError,
  sql,
  withContext,
} from '../../src/index.ts';
import { createJobs, defineQueue } from '../../src/queue/index.ts';
import { createRelay, createOutboxTables, outboxCounts, addToOutbox } from '../../src/outbox/index.ts';
import { ambientPool, postgres, type PostgresOptions } from '../../src/drivers/postgres/index.ts';
import { rolledBack } from '../../src/testing/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';
import { startWireProxy, type WireProxy } from '../support/wire-proxy.ts';

const server = useTestDatabase(
  'create schema acme; create schema globex',
  'create table acme.shelf (id int primary key); create table globex.shelf (id int primary key, color text)',
  "insert into acme.shelf values (1); insert into globex.shelf values (2, 'red')",
  `create procedure restock() language plpgsql as $$ begin commit; end $$`,
);
let proxy: WireProxy;
const opened: Database<'default'>[] = [];

const byTenant: SettingsByContext = ({ tenant }) => ({ 'app.tenant': tenant });

function open(settings: SettingsByContext = byTenant, options: PostgresOptions = {}): Database<'default'> {
  const client = postgres({ connectionString: proxy.url, max: 1, settings, ...options });
  const database = createDatabase({ clients: { default: client } });
  opened.push(database);
  return database;
}

beforeAll(async () => {
  proxy = await startWireProxy(server.url);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close({ timeout: 1_000 })));
});
afterAll(() => proxy.close());

const asked = `select nullif(current_setting('app.tenant', true), '') as tenant`;

/** The tenant that the server knows where this is called. */
async function tenantOf(database: Database<'default'>): Promise<unknown> {
  return (await database.query(asked)).rows[0]?.['tenant'];
}

const noConnection = { used: 0, idle: 0, opening: 0 };
const acme: ContextOptions = { tenant: 'acme' };
const globex: ContextOptions = { tenant: 'globex' };

describe('settings by context', () => {
  it('hold in transactions, in those inside of them, and in statements outside of any', async () => {
    const database = open();
    const both = await Promise.all(
      [acme, globex].map((context) =>
        withContext(context, async () => [
          await tenantOf(database),
          await database.transaction(async () => {
            const first = await tenantOf(database);
            const isolated = { propagation: 'REQUIRES_NEW' } as const;
            const other = context === acme ? globex : acme;
            return [
              first,
              await database.transaction(() => tenantOf(database), isolated),
              await database.transaction(() => tenantOf(database), { propagation: 'NESTED' }),
              await withContext(other, () => database.transaction(() => tenantOf(database), isolated)),
              await tenantOf(database),
            ];
          }),
          (await database.batch([sql.raw(asked)]))[0].rows[0]?.['tenant'],
        ]),
      ),
    );
    expect(both).toEqual([
      ['acme', ['acme', 'acme', 'acme', 'globex', 'acme'], 'acme'],
      ['globex', ['globex', 'globex', 'globex', 'acme', 'globex'], 'globex'],
    ]);
  });

  it('hold in transactions that are isolated from the one around them, and in jobs, which carry their context', async () => {
    const database = open();
    const whose = defineQueue<object>('whose');
    const jobs = createJobs(database, { queues: { whose } });
    jobs.worker().handle(whose, () => tenantOf(database));
    try {
      const seen = (context: ContextOptions): Promise<unknown> =>
        withContext(context, () =>
          database.transaction(async () => [
            await tenantOf(database),
            await database.switchDbIsolate(() => database.transaction(() => tenantOf(database))),
            await jobs.queues.whose.pushAsync({}),
            await tenantOf(database),
          ]),
        );
      expect(await Promise.all([seen(acme), seen(globex)])).toEqual([
        ['acme', 'acme', 'acme', 'acme'],
        ['globex', 'globex', 'globex', 'globex'],
      ]);
    } finally {
      await jobs.close();
    }
  });

  it('leave nothing behind on the connection', async () => {
    const database = open(({ tenant }) => ({ 'app.tenant': tenant ?? null }));
    await withContext(acme, () => tenantOf(database));
    await withContext(acme, () => database.transaction(() => tenantOf(database)));
    const backend = async (): Promise<unknown> =>
      (await database.query('select pg_backend_pid() as id')).rows[0]?.['id'];
    const before = await backend();
    await withContext(acme, () => rejection(database.query('select 1 / 0')));
    expect(await backend()).toBe(before);
    expect(await tenantOf(database)).toBeNull();
    expect(await database.transaction(() => tenantOf(database))).toBeNull();
  });

  it('are there after a rollback to a savepoint', async () => {
    const database = open();
    const seen = await withContext(acme, () =>
      database.transaction(async () => {
        const inner = database.transaction(async () => await database.query('select 1 / 0'), { propagation: 'NESTED' });
        await rejection(inner);
        return await tenantOf(database);
      }),
    );
    expect(seen).toBe('acme');
  });

  it('are several, and the role comes last, since it may not be allowed the others', async () => {
    const database = open(({ tenant }) => ({
      role: 'pg_read_all_data',
      'app.tenant': tenant,
      'app.on': true,
      log_min_messages: 'panic',
    }));
    const { rows } = await withContext(acme, () =>
      database.query(
        `select current_user as role, current_setting('app.on') as on, current_setting('log_min_messages') as level`,
      ),
    );
    expect(rows).toEqual([{ role: 'pg_read_all_data', on: 'true', level: 'panic' }]);
  });

  it('give each tenant a schema of its own, and repeated texts what is in it', async () => {
    const database = open(({ tenant }) => ({ search_path: tenant }));
    const shelf = async (context: ContextOptions): Promise<unknown> =>
      await withContext(context, async () => (await database.query('select * from shelf')).rows);
    for (let turn = 0; turn < 5; turn += 1) {
      expect(await shelf(acme)).toEqual([{ id: 1 }]);
      expect(await shelf(globex)).toEqual([{ id: 2, color: 'red' }]);
    }
  });

  it('do not keep texts from being prepared', async () => {
    const database = open();
    await withContext(acme, async () => {
      for (let turn = 0; turn < 3; turn += 1) await database.query('select 1 as one');
      const { rows } = await database.query(`select statement from pg_prepared_statements order by 1`);
      expect(rows.map(({ statement }) => statement)).toContain('select 1 as one');
      expect(rows.map(({ statement }) => statement)).toContain(`select set_config('app.tenant', $1, true)`);
    });
  });

  it('hold for a procedure to its end, which cannot end the transaction before', async () => {
    const database = open();
    const error = await withContext(acme, () => rejection(database.query('call restock()')));
    expect(error).toMatchObject({ code: '2D000' });
    expect(await withContext(globex, () => tenantOf(database))).toBe('globex');
  });
});

describe('the round trips of settings', () => {
  const counted = async (database: Database<'default'>, work: () => Promise<unknown>): Promise<number[]> => {
    await withContext(acme, () => database.query('select 1'));
    proxy.takeRoundTrips();
    proxy.takeWrites();
    await withContext(acme, work);
    return [proxy.takeRoundTrips(), proxy.takeWrites()];
  };

  it('are none: a statement alone 1, a transaction one more than its statements, a batch 1', async () => {
    const database = open();
    const statement = (): Promise<unknown> => database.query('select 1');
    expect(await counted(database, statement)).toEqual([1, 1]);
    expect(await counted(database, () => database.transaction(statement))).toEqual([2, 2]);
    const five = async (): Promise<void> => {
      for (let index = 0; index < 5; index += 1) await statement();
    };
    expect(await counted(database, () => database.transaction(five))).toEqual([6, 6]);
    expect(await counted(database, () => database.batch([sql`select 1`, sql`select 2`]))).toEqual([1, 1]);
    const last = (): Promise<unknown> => database.query('select 1', [], { last: true });
    expect(await counted(database, () => database.transaction(last))).toEqual([1, 1]);
    const nested = (): Promise<unknown> => database.transaction(statement, { propagation: 'NESTED' });
    expect(await counted(database, () => database.transaction(nested))).toEqual([2, 2]);
  });

  it('are none on a connection of a library: BEGIN, two statements and COMMIT are 4', async () => {
    const database = open(byTenant, {});
    const pool = ambientPool(database);
    const work = async (): Promise<void> => {
      const client = await pool.connect();
      try {
        for (const text of ['BEGIN', 'select 1', asked, 'COMMIT']) await client.query(text);
      } finally {
        client.release();
      }
    };
    expect(await counted(database, work)).toEqual([4, 4]);
    expect(await counted(database, () => pool.query(asked))).toEqual([1, 1]);
  });
});

describe('settings on a connection of a library', () => {
  it('hold in its statements and in its own transactions, whose isolation it may still set', async () => {
    const database = open();
    const client = await withContext(acme, () => ambientPool(database).connect());
    const tenant = async (): Promise<unknown> => (await client.query(asked)).rows[0]?.tenant;
    try {
      await withContext(acme, async () => {
        expect(await tenant()).toBe('acme');
        await client.query('BEGIN');
        await client.query('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
        await client.query('SAVEPOINT one');
        expect(await tenant()).toBe('acme');
        await client.query('ROLLBACK TO SAVEPOINT one');
        expect(await tenant()).toBe('acme');
        expect((await client.query('show transaction_isolation')).rows).toEqual([
          { transaction_isolation: 'serializable' },
        ]);
        await client.query('COMMIT');
        await expect(client.query('select 1 / 0')).rejects.toMatchObject({ code: '22012' });
        expect(await tenant()).toBe('acme');
      });
      expect(await withContext(globex, tenant)).toBe('globex');
      await withContext(acme, () => client.query('BEGIN'));
      await withContext(acme, tenant);
      expect(await withContext(globex, () => rejection(tenant()))).toBeInstanceOf(SettingsChangedError);
      const mixed = 'COMMIT; select 1';
      expect(await withContext(acme, () => rejection(client.query(mixed)))).toMatchObject({
        code: 'TRANSACTION_CONTROL',
      });
      expect(await withContext(acme, tenant)).toBe('acme');
      await client.query('ROLLBACK');
    } finally {
      client.release();
    }
  });

  it('hold for what a cursor reads', async () => {
    const { default: Cursor } = await import('pg-cursor');
    const database = open();
    const client = await withContext(acme, () => ambientPool(database).connect());
    const read = async (): Promise<unknown[]> => {
      const cursor = client.query(new Cursor(asked));
      const rows = await cursor.read(10);
      await cursor.close();
      return rows;
    };
    try {
      expect(await withContext(acme, read)).toEqual([{ tenant: 'acme' }]);
      expect(await withContext(globex, read)).toEqual([{ tenant: 'globex' }]);
    } finally {
      client.release();
    }
  });
});

describe('settings are refused', () => {
  it('before a connection is taken, where one has no value or the function throws', async () => {
    const cause = new Error('who is it?');
    const throwing = open(() => {
      throw cause;
    });
    const database = open();
    for (const each of [database, throwing]) {
      const calls = [
        (): Promise<unknown> => each.query('select 1'),
        (): Promise<unknown> => each.transaction(() => each.query('select 1')),
        (): Promise<unknown> => each.batch([sql`select 1`]),
        (): Promise<unknown> => ambientPool(each).query('select 1'),
        (): Promise<unknown> => ambientPool(each).connect(),
      ];
      for (const call of calls) {
        const error = await rejection(call());
        expect(error).toBeInstanceOf(MissingSettingError);
        expect(error).toMatchObject({ code: 'MISSING_SETTING' });
        expect(error.cause).toBe(each === throwing ? cause : undefined);
      }
      expect(each.stats().clients.default).toMatchObject(noConnection);
    }
  });

  const long = 'x'.repeat(1_048_576);
  const wrong: readonly (readonly [string, SettingsByContext, RegExp])[] = [
    ['a name with a quote', () => ({ "app.te'nant": 'a' }), /cannot be the name/],
    ['a name with two dots', () => ({ 'app.tenant.id': 'a' }), /at most one dot/],
    ['a name of nothing', () => ({ '': 'a' }), /cannot be the name/],
    [
      'a name that belongs to the transaction',
      () => ({ transaction_isolation: 'serializable' }),
      /nothing that belongs/,
    ],
    ['a name that belongs to the session', () => ({ Session_Authorization: 'a' }), /nothing that belongs/],
    ['a name that belongs to the protocol', () => ({ client_encoding: 'latin1' }), /nothing that belongs/],
    ['a NUL', () => ({ 'app.tenant': 'a\0b' }), /NUL/],
    ['a megabyte', () => ({ 'app.tenant': long }), /larger than 8192/],
    ['an object', () => ({ 'app.tenant': {} as string }), /text, a number/],
    ['no number', () => ({ 'app.tenant': Number.NaN }), /text, a number/],
    ['a promise', () => Promise.reject(new Error('late')) as never, /promise/],
    ['nothing', () => undefined as never, /undefined/],
    ['a list', () => ['a'] as never, /object/],
    [
      'a thousand',
      () => Object.fromEntries(Array.from({ length: 1_000 }, (_, id) => [`app.s${id}`, 'a'])),
      /at most 50/,
    ],
  ];
  it.each(wrong)('%s', async (_, settings, message) => {
    const database = open(settings);
    const error = await rejection(database.query('select 1'));
    expect(error).toBeInstanceOf(InvalidSettingError);
    expect(String(error)).toMatch(message);
    expect(String(error).length).toBeLessThan(600);
    expect(database.stats().clients.default).toMatchObject(noConnection);
  });

  it('by the server: the transaction is rolled back, and the error says what it was', async () => {
    const database = open(() => ({ role: 'nobody_of_that_name' }));
    const error = await rejection(database.transaction(() => database.query('select 1')));
    expect(error).toBeInstanceOf(InvalidSettingError);
    expect(error).toMatchObject({ cause: { code: '22023' } });
    expect(await rejection(database.query('select 1'))).toMatchObject({ code: 'INVALID_SETTING' });
    expect(await rejection(ambientPool(database).query('select 1'))).toMatchObject({ code: 'INVALID_SETTING' });
    expect(database.stats().clients.default).toMatchObject({ used: 0 });
  });

  it.each(['transaction', 'statement'])(
    'by a server that ends the connection before it has answered them: a %s is lost, and nothing of it stays',
    async (kind) => {
      const database = open();
      const insert = (): Promise<unknown> => database.query('insert into product (id) values (1)');
      const work = (): Promise<unknown> => (kind === 'transaction' ? database.transaction(insert) : insert());
      proxy.cutBefore("set_config('app.tenant'");
      expect(await withContext(acme, () => rejection(work()))).toMatchObject({ code: 'CONNECTION_LOST' });
      expect(await server.products()).toEqual([]);
      expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
      expect(await withContext(globex, () => tenantOf(database))).toBe('globex');
    },
  );

  it('when they change inside of a transaction, of which nothing is sent then', async () => {
    const database = open();
    const error = await withContext(acme, () =>
      database.transaction(async () => {
        expect(await tenantOf(database)).toBe('acme');
        const refused = await withContext(globex, () => rejection(tenantOf(database)));
        expect(await tenantOf(database)).toBe('acme');
        return refused;
      }),
    );
    expect(error).toBeInstanceOf(SettingsChangedError);
    expect(error).toMatchObject({ code: 'SETTINGS_CHANGED' });
  });
});

describe("what is nobody's in particular", () => {
  it('the relay of the outbox works without a context, and hands messages over in theirs', async () => {
    const database = open();
    await withContext(acme, () => createOutboxTables(database.current));
    await withContext(acme, () =>
      addToOutbox(database.current, [{ channel: 'mail', queue: 'orders', payload: { id: 1 } }]),
    );
    const contexts: unknown[] = [];
    const deliver = (messages: readonly { readonly context: object }[]): Promise<void> => {
      contexts.push(...messages.map(({ context }) => context));
      return Promise.resolve();
    };
    expect((await outboxCounts(database.current)).map(({ waiting }) => waiting)).toEqual([1]);
    const relay = createRelay(database, { channel: 'mail', deliver });
    expect(await relay.drain()).toBe(1);
    expect(contexts).toMatchObject([{ tenant: 'acme' }]);
    // Inside of a transaction of a tenant they are those of the transaction.
    const inside = (): Promise<unknown> => database.transaction(() => outboxCounts(database.current));
    expect(await withContext(acme, inside)).toEqual([]);
  });
});

describe('tests that roll back', () => {
  it('have the settings of each statement, although they are one transaction', async () => {
    const database = open(({ tenant }) => ({ 'app.tenant': tenant === 'nobody' ? null : tenant }));
    const seen: unknown[] = [];
    const one = async (): Promise<void> => void seen.push(await database.transaction(() => tenantOf(database)));
    await rolledBack(database, async () => {
      await withContext(acme, one);
      await withContext(globex, async () => {
        const failing = database.transaction(async () => await database.query('select 1 / 0'));
        await rejection(failing);
        await one();
      });
      await withContext(acme, one);
      await withContext({ tenant: 'nobody' }, one);
      expect(await rejection(one())).toBeInstanceOf(MissingSettingError);
    });
    expect(seen).toEqual(['acme', 'globex', 'acme', null]);
  });
});
