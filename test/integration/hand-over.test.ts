// A connection that its next transaction gets while the COMMIT of the one before it is under way.
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { postgres, type PostgresOptions } from '../../src/drivers/postgres/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { startWireProxy, type WireProxy } from '../support/wire-proxy.ts';

const server = useTestDatabase(
  'create table slow (id int)',
  'create table marked (id int, value text, setting text)',
  'create schema other',
  'create table other.product as select 5 as other',
  'create table parent (id int primary key)',
  'create table child (parent int references parent deferrable initially deferred)',
  `create function wait_at_commit() returns trigger language plpgsql as $$
     begin perform pg_advisory_xact_lock(7); return null; end $$`,
  `create constraint trigger waiting after insert on slow deferrable initially deferred
     for each row execute function wait_at_commit()`,
);
let proxy: WireProxy;
const opened: Database<'default'>[] = [];

async function open(options: PostgresOptions = {}): Promise<Database<'default'>> {
  const client = postgres({ connectionString: proxy.url, max: 1, maxLevel: 0, followCommits: true, ...options });
  const database = createDatabase({ clients: { default: client } });
  opened.push(database);
  await insertion(database, -1);
  await server.sql('delete from product');
  return database;
}

const insertion = (database: Database<'default'>, id: number, options = {}): Promise<unknown> =>
  database.transaction(() => insert(database, id), options);

/** The first has the connection when the others begin to wait for it. */
async function oneBehindTheOther(
  database: Database<'default'>,
  first: () => Promise<unknown>,
  ...others: readonly (() => Promise<unknown>)[]
): Promise<readonly PromiseSettledResult<unknown>[]> {
  const allWait = signal();
  const { used } = database.stats().clients.default;
  const running = database.transaction(async () => {
    await first();
    await allWait.promise;
  });
  await until('the first has it', () => database.stats().clients.default.used > used);
  const waiting = others.map((work) => work());
  await until('the others wait', () => database.stats().clients.default.waiting === others.length);
  allWait.fire();
  return await Promise.allSettled([running, ...waiting]);
}

const outcomes = (settled: readonly PromiseSettledResult<unknown>[]): readonly unknown[] =>
  settled.map((each) =>
    each.status === 'fulfilled' ? 'done' : ((each.reason as { code?: unknown }).code ?? each.reason),
  );

beforeAll(async () => {
  proxy = await startWireProxy(server.url);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close({ timeout: 1_000 })));
  await server.sql('truncate slow, child, parent');
});
afterAll(() => proxy.close());

describe('transactions that wait for a connection', () => {
  const three = async (options: PostgresOptions): Promise<{ roundTrips: number; writes: number }> => {
    const database = await open(options);
    proxy.takeRoundTrips();
    proxy.takeWrites();
    const ids = [2, 3];
    const settled = await oneBehindTheOther(
      database,
      () => insert(database, 1),
      ...ids.map((id) => () => insertion(database, id)),
    );
    expect(outcomes(settled)).toEqual(['done', 'done', 'done']);
    expect(await server.products()).toEqual([1, 2, 3]);
    return { roundTrips: proxy.takeRoundTrips(), writes: proxy.takeWrites() };
  };

  it('send BEGIN and their first statement in the write of the COMMIT before them', async () => {
    // The COMMIT and what follows it have a Sync each.
    expect(await three({})).toEqual({ roundTrips: 6, writes: 4 });
  });

  it.each([
    ['without pipelining', () => ({ pipelining: false })],
    ['with a time limit for statements', () => ({ connectionString: `${proxy.url}?query_timeout=10000` })],
  ])('wait for the answer %s', async (_, options) => {
    expect(await three(options())).toEqual({ roundTrips: 6, writes: 6 });
  });

  it('wait for the answer behind a pooler', async () => {
    const direct = proxy;
    proxy = await startWireProxy(server.url);
    try {
      proxy.hideBackends();
      const { roundTrips, writes } = await three({});
      expect(writes).toBe(roundTrips);
    } finally {
      await proxy.close();
      proxy = direct;
    }
  });

  it('send all that they issue in one turn in that write', async () => {
    const database = await open();
    proxy.takeWrites();
    const settled = await oneBehindTheOther(
      database,
      () => insert(database, 1),
      () => database.transaction(() => Promise.all([2, 3, 4].map((id) => insert(database, id)))),
    );
    expect(outcomes(settled)).toEqual(['done', 'done']);
    expect(await server.products()).toEqual([1, 2, 3, 4]);
    expect(proxy.takeWrites()).toBe(3);
  });

  it('are not touched by a COMMIT that fails', async () => {
    const database = await open();
    const settled = await oneBehindTheOther(
      database,
      () => database.query('insert into child values (404)'),
      () => insertion(database, 2),
    );
    expect(outcomes(settled)).toEqual(['23503', 'done']);
    expect(await server.products()).toEqual([2]);
    expect(await server.sql('select * from child')).toEqual([]);
  });

  it('do not touch the COMMIT before them when they fail', async () => {
    const database = await open();
    const unsendable = {
      toPostgres(): never {
        throw Object.assign(new Error('no value'), { code: 'NO_VALUE' });
      },
    };
    const settled = await oneBehindTheOther(
      database,
      () => insert(database, 1),
      () => insertion(database, 1),
      () => database.transaction(() => database.query('select * from nothing_of_that_name')),
      () => database.transaction(() => database.query('select $1::int', [unsendable])),
      () => insertion(database, 2),
    );
    expect(outcomes(settled)).toEqual(['done', '23505', '42P01', 'NO_VALUE', 'done']);
    expect(await server.products()).toEqual([1, 2]);
  });

  it('mean what their own settings say, and tables as the one before has left them', async () => {
    const database = await open();
    const all = async (): Promise<unknown> => (await database.query('select * from product')).rows[0];
    const inTransaction = (work: () => Promise<unknown>) => () => database.transaction(work);
    await insertion(database, 1);
    for (let time = 0; time < 3; time += 1) await database.transaction(all);
    const settled = await oneBehindTheOther(
      database,
      () => database.query('select 1'),
      inTransaction(async () => {
        await database.query('set local search_path to other');
        return await all();
      }),
      inTransaction(all),
      inTransaction(() => database.query('alter table product add column more int default 7')),
      inTransaction(all),
      inTransaction(() => database.query('alter table product drop column more')),
      inTransaction(all),
    );
    const rows = settled.map((each) => (each.status === 'fulfilled' ? each.value : each.reason));
    const ours = { id: 1, stock: 0, name: null };
    expect([rows[1], rows[2], rows[4], rows[6]]).toEqual([{ other: 5 }, ours, { ...ours, more: 7 }, ours]);
  });

  it('wait for the answer where their own COMMIT goes with what they send first', async () => {
    const database = await open();
    proxy.takeWrites();
    const last = (): Promise<unknown> =>
      database.transaction(() => database.query('insert into product (id) values (2)', [], { last: true }));
    const settled = await oneBehindTheOther(database, () => insert(database, 1), last);
    expect(outcomes(settled)).toEqual(['done', 'done']);
    expect(proxy.takeWrites()).toBe(3);
  });

  it('come after those of transactions inside of others, and get nothing of them', async () => {
    const requiresNew = { propagation: 'REQUIRES_NEW' } as const;
    const database = await open({ max: 4, maxLevel: 1, budget: 4 });
    const order: string[] = [];
    const [inner, outer, other] = [signal(), signal(), signal()];
    const work = (name: string, hold?: Promise<void>) => async (): Promise<void> => {
      await database.query('select 1');
      order.push(name);
      await hold;
    };
    const used = (count: number): Promise<void> =>
      until(`${count} are used`, () => database.stats().clients.default.used === count);
    const waiting = (count: number): Promise<void> =>
      until(`${count} wait`, () => database.stats().clients.default.waiting === count);
    const holder = database.transaction(async () => {
      await database.query('select 1');
      await database.transaction(work('holder inside', inner.promise), requiresNew);
    });
    await until('it is inside', () => order.length === 1);
    const asking = database.transaction(async () => {
      await database.query('select 1');
      await outer.promise;
      await database.transaction(work('asking inside'), requiresNew);
    });
    await used(3);
    const third = database.transaction(work('third', other.promise));
    await until('the third has begun', () => order.length === 2);
    outer.fire();
    await waiting(1);
    const last = database.transaction(work('last'));
    await waiting(2);
    other.fire();
    await Promise.all([third, asking, last]);
    expect(order).toEqual(['holder inside', 'third', 'asking inside', 'last']);
    // A COMMIT inside of another transaction, with a request that waits outside of all.
    const more = [1, 2].map(() => database.transaction(work('more')));
    inner.fire();
    await Promise.all([holder, ...more]);
    const { used: left, levels } = database.stats().clients.default;
    expect([left, levels.map((level) => level.used)]).toEqual([0, [0, 0]]);
  });
});

describe('a connection that is lost with a COMMIT and what follows it', () => {
  it.each(['before', 'after'] as const)(
    'is known of, and what follows is sent anew: 60 that are cut %s the server has them',
    { timeout: 120_000 },
    async (moment) => {
      const database = await open({ resolveCommit: true });
      const wrong: unknown[] = [];
      for (let id = 0; id < 120; id += 2) {
        const cut = async (): Promise<void> => {
          await insert(database, id);
          if (moment === 'after') proxy.cutAfter('COMMIT');
          else proxy.cutBefore('COMMIT');
        };
        let runs = 0;
        const second = (): Promise<unknown> =>
          database.transaction(() => {
            runs += 1;
            return insert(database, id + 1);
          });
        const found = outcomes(await oneBehindTheOther(database, cut, second));
        const expected = [moment === 'after' ? 'done' : 'CONNECTION_LOST', 'done'];
        if (String(found) !== String(expected) || runs !== 1) wrong.push({ id, found, runs });
      }
      expect(wrong).toEqual([]);
      const ids = Array.from({ length: 120 }, (_, id) => id);
      expect(await server.products()).toEqual(moment === 'after' ? ids : ids.filter((id) => id % 2 === 1));
    },
  );
});

describe('1,000 transactions of 24 callers on two connections', () => {
  it(
    'each keep all of theirs or nothing, as they are told, and no setting of another',
    { timeout: 120_000 },
    async () => {
      const database = await open({ max: 2, resolveCommit: true });
      let next = 0;
      const wrong: unknown[] = [];
      const kept: number[] = [];
      const inserting = (id: number, value: string): Promise<unknown> =>
        database.query(`insert into marked values ($1, $2, current_setting('hand.over', true))`, [id, value]);
      /** What a transaction does beside its two rows, by turns; whether it is to fail. */
      const deeds: readonly (readonly [deed: (id: number) => unknown, fails: boolean])[] = [
        [() => {}, false],
        [(id) => database.query(`select set_config('hand.over', $1, true)`, [String(id)]), false],
        [() => database.query('insert into child values (404)'), true],
        [() => rejection(database.query('select 1 / 0')), true],
        [() => Promise.reject(new Error('undone')), true],
        [(id) => Promise.all([1, 2, 3].map(() => inserting(id, 'more'))), false],
        [() => database.transaction(() => database.query('select 1'), { propagation: 'NESTED' }), false],
        [() => new Promise((resolve) => setImmediate(resolve)), false],
      ];
      const caller = async (): Promise<void> => {
        while (next < 1_000) {
          const id = (next += 1);
          const [deed, fails] = deeds[(id * 7 + (id % 13)) % deeds.length] ?? [() => {}, false];
          if (id % 100 === 50) await server.kill();
          const running = database.transaction(async () => {
            if (id % 3 === 0) inserting(id, 'unawaited').catch(() => {});
            await inserting(id, 'first');
            await deed(id);
            await inserting(id, 'last');
          });
          const told = await running.then(
            () => 'done',
            (error: { code?: unknown }) => error.code ?? error,
          );
          if (told === 'done') kept.push(id);
          const isRight = told === 'CONNECTION_LOST' || (told !== 'COMMIT_UNKNOWN' && fails === (told !== 'done'));
          if (!isRight) wrong.push({ id, told, fails });
        }
      };
      await Promise.all(Array.from({ length: 24 }, caller));
      expect(wrong).toEqual([]);
      const rows = await server.sql<{ id: number; values: string[]; settings: (string | null)[] }>(
        `select id, array_agg(value) as values, array_agg(distinct nullif(setting, '')) as settings from marked group by id order by id`,
      );
      expect(rows.map(({ id }) => id)).toEqual(kept.toSorted((one, other) => one - other));
      for (const { id, values, settings } of rows) {
        expect(values).toEqual(expect.arrayContaining(['first', 'last']));
        for (const setting of settings) expect([null, String(id)]).toContain(setting);
      }
      expect(kept.length).toBeGreaterThan(300);
    },
  );
});

describe('a COMMIT that takes long', () => {
  const waiting = `select 1 from pg_locks where locktype = 'advisory' and not granted
    and database = (select oid from pg_database where datname = current_database())`;
  const whileCommitWaits = async (
    database: Database<'default'>,
    second: () => Promise<unknown>,
    then: (running: Promise<unknown>) => Promise<void>,
  ): Promise<readonly unknown[]> => {
    const gate = new pg.Client({ connectionString: server.url });
    await gate.connect();
    await gate.query('select pg_advisory_lock(7)');
    let running: Promise<unknown> = Promise.resolve();
    const all = oneBehindTheOther(
      database,
      () => database.query('insert into slow values (1)'),
      () => (running = second()),
    );
    await until('the COMMIT waits', async () => (await server.sql(waiting)).length === 1);
    await then(running);
    await gate.query('select pg_advisory_unlock(7)');
    await gate.end();
    return outcomes(await all);
  };

  it('is not cancelled with what follows it', async () => {
    const database = await open();
    const stop = new AbortController();
    const found = await whileCommitWaits(
      database,
      () => insertion(database, 2, { signal: stop.signal }),
      async (running) => {
        const failed = rejection(running);
        stop.abort(Object.assign(new Error('enough'), { code: 'ENOUGH' }));
        await failed;
      },
    );
    expect(found).toEqual(['done', 'ENOUGH']);
    expect(await server.sql('select * from slow')).toHaveLength(1);
    expect(await server.products()).toEqual([]);
    await insertion(database, 3);
  });

  it('has one write behind it until it is answered', async () => {
    const database = await open();
    const commitWaits = signal();
    // From then on the text has a name.
    for (let id = -4; id < -1; id += 1) await insertion(database, id);
    await server.sql('delete from product');
    proxy.takeWrites();
    const second = (): Promise<unknown> =>
      database.transaction(async () => {
        const first = insert(database, 2);
        await commitWaits.promise;
        await Promise.all([first, insert(database, 3)]);
      });
    let writes = 0;
    const found = await whileCommitWaits(database, second, async () => {
      commitWaits.fire();
      await new Promise((resolve) => setTimeout(resolve, 50));
      writes = proxy.takeWrites();
    });
    expect(found).toEqual(['done', 'done']);
    expect(writes).toBe(2);
    expect(await server.products()).toEqual([2, 3]);
  });

  it('is left for a connection that becomes free before it is answered', async () => {
    const database = await open({ max: 2, budget: 2 });
    const allWait = signal();
    const otherEnds = signal();
    const gate = new pg.Client({ connectionString: server.url });
    await gate.connect();
    await gate.query('select pg_advisory_lock(7)');
    const slow = database.transaction(async () => {
      await database.query('insert into slow values (1)');
      await allWait.promise;
    });
    const other = database.transaction(async () => {
      await insert(database, 1);
      await otherEnds.promise;
    });
    await until('both are held', () => database.stats().clients.default.used === 2);
    const all = database.transaction(() => Promise.all([2, 3].map((id) => insert(database, id))));
    // The slow COMMIT comes to wait for one that awaits what follows it.
    const behind = database.transaction(() => insert(database, 4));
    await until('they wait', () => database.stats().clients.default.waiting === 2);
    allWait.fire();
    await until('the COMMIT waits', async () => (await server.sql(waiting)).length === 1);
    otherEnds.fire();
    await Promise.all([other, all, behind]);
    expect(await server.sql(waiting)).toHaveLength(1);
    expect(await server.products()).toEqual([1, 2, 3, 4]);
    await gate.query('select pg_advisory_unlock(7)');
    await gate.end();
    await slow;
    await until('all connections are back', () => database.stats().clients.default.idle === 2);
    expect(await server.products()).toEqual([1, 2, 3, 4]);
    await insertion(database, 5);
  });

  it('that waits for one who awaits what follows it is left, too', async () => {
    const database = await open({ max: 2, budget: 2 });
    const elsewhere = await open();
    const [begun, otherEnds] = [signal(), signal()];
    const other = database.transaction(async () => {
      await insert(database, 1);
      await otherEnds.promise;
    });
    await until('one is held', () => database.stats().clients.default.used === 1);
    let second: Promise<unknown> = Promise.resolve();
    const holder = elsewhere.transaction(async () => {
      await elsewhere.query('select pg_advisory_xact_lock(7)');
      await begun.promise;
      await second;
    });
    const settled = oneBehindTheOther(
      database,
      () => database.query('insert into slow values (1)'),
      () => (second = insertion(database, 2)),
    );
    await until('the COMMIT waits', async () => (await server.sql(waiting)).length === 1);
    begun.fire();
    otherEnds.fire();
    expect(outcomes(await settled)).toEqual(['done', 'done']);
    await Promise.all([other, holder]);
    expect(await server.products()).toEqual([1, 2]);
  });

  it('is followed for no longer than a connection is waited for', async () => {
    const database = await open({ acquireTimeout: 500 });
    const found = await whileCommitWaits(
      database,
      () => insertion(database, 2),
      async (running) => void (await rejection(running)),
    );
    expect(found).toEqual(['done', 'ACQUIRE_TIMEOUT']);
    expect(await server.sql('select * from slow')).toHaveLength(1);
    expect(await server.products()).toEqual([]);
    await insertion(database, 3);
  });
});
