// Quick reads outside of transactions that travel together. What goes over the wire is counted.
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, DeadlineExceededError, withContext } from '../../src/index.ts';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { startWireProxy, type WireProxy } from '../support/wire-proxy.ts';

const server = useTestDatabase(
  // Its calls do not wait for the disk, and are quick on any machine.
  'create unlogged table called (id int)',
  // Reads, as far as its text says.
  'create function call(id int) returns int language sql as $$ insert into called values (id) returning id $$',
  'create table locked (id int)',
);
let proxy: WireProxy;
let database: Database<'default'>;

beforeAll(async () => {
  proxy = await startWireProxy(server.url);
});
afterAll(() => proxy.close());
beforeEach(async () => {
  await server.sql('insert into product (id, stock) select id, id * 2 from generate_series(1, 100) id');
  database = open();
});

const open = (shareReads = true, max = 10): Database<'default'> =>
  server.open({ connectionString: proxy.url, max, shareReads });
const byId = 'select id, stock from product where id = $1';
const read = async (id: number, on = database): Promise<unknown> => (await on.query(byId, [id])).rows[0];
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** So often that its text is known to be quick, which takes longer on a machine that is busy. */
async function learn(text: string, values: readonly unknown[] = [], on = database): Promise<void> {
  const burst = (): Promise<unknown> => Promise.all(numbers(10).map(() => on.query(text, values)));
  await until('it travels with others', async () => (await writes(burst)) < 10);
}

/** Does something while another client has the table "locked". @param work gets what lets go of it */
async function whileLocked(work: (unlock: () => Promise<unknown>) => Promise<void>): Promise<void> {
  const locker = new pg.Client({ connectionString: server.url });
  await locker.connect();
  try {
    await locker.query('begin; lock table locked in access exclusive mode');
    await work(() => locker.query('commit'));
  } finally {
    await locker.end();
  }
}

async function writes(work: () => Promise<unknown>): Promise<number> {
  proxy.takeWrites();
  await work();
  return proxy.takeWrites();
}

describe('quick reads', () => {
  it('travel together, and each has its own row', async () => {
    await learn(byId, [1]);
    const all = async (): Promise<void> => {
      const rows = await Promise.all(numbers(100).map((id) => read(id)));
      expect(rows).toEqual(numbers(100).map((id) => ({ id, stock: id * 2 })));
    };
    // Two alone, and the others by eights, as soon as the text is known to be quick on this machine.
    await until('they travel together', async () => (await writes(all)) < 25);
    expect(await writes(all)).toBeGreaterThanOrEqual(100 / 8);
    expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
    const apart = open(false);
    const each = (): Promise<unknown> => Promise.all(numbers(100).map((id) => read(id, apart)));
    await each();
    expect(await writes(each)).toBeGreaterThanOrEqual(100);
  });

  it('travel together through the pool of a library', async () => {
    await learn(byId, [1]);
    const pool = ambientPool(database);
    const all = async (): Promise<void> => {
      const found = await Promise.all(numbers(50).map((id) => pool.query(byId, [id])));
      expect(found.map(({ rows }) => rows)).toEqual(numbers(50).map((id) => [{ id, stock: id * 2 }]));
    };
    await until('they travel together', async () => (await writes(all)) < 15);
  });

  it('travel together in requests, with a deadline too', async () => {
    await learn(byId, [1]);
    const all = (): Promise<unknown> =>
      Promise.all(numbers(100).map((id) => withContext({ tenant: 'a', timeout: 10_000 }, () => read(id))));
    await until('they travel together', async () => (await writes(all)) < 25);
  });

  it('fail by themselves, with the error that each has alone', async () => {
    const failing = 'select 100 / (id - 7) as part from product where id = $1';
    await learn(failing, [1]);
    const settled = await Promise.allSettled(numbers(40).map((id) => database.query(failing, [id])));
    const found = settled.map((each) =>
      each.status === 'fulfilled' ? each.value.rows : (each.reason as { code: unknown; stack: string }),
    );
    const expected = numbers(40).map((id) => (id === 7 ? '22012' : [{ part: Math.trunc(100 / (id - 7)) }]));
    expect(found.map((each) => ('code' in each ? each.code : each))).toEqual(expected);
    expect((found[6] as { stack: string }).stack).toContain('shared-reads.test.ts');
  });

  it('may be of different texts, some of which the server does not have', async () => {
    const texts = numbers(30).map((number) => `select id + ${number} as sum from product where id = $1`);
    for (const text of texts) await learn(text, [1]);
    await server.kill();
    await until('they are gone', () => database.stats().clients.default.idle === 0);
    const found = await Promise.all(texts.flatMap((text) => [text, text]).map((text) => database.query(text, [1])));
    expect(found.map(({ rows }) => rows[0]?.['sum'])).toEqual(
      numbers(30).flatMap((number) => [number + 1, number + 1]),
    );
  });

  it('are right when a table changes in between', async () => {
    const all = 'select * from product where id = $1';
    await learn(all, [1]);
    await Promise.all(numbers(20).map((id) => database.query(all, [id])));
    await server.sql('alter table product add column color text');
    const found = await Promise.all(numbers(20).map((id) => database.query(all, [id])));
    expect(found.map(({ rows }) => Object.keys(rows[0] ?? {}))).toEqual(
      numbers(20).map(() => expect.arrayContaining(['id', 'color'])),
    );
    await server.sql('alter table product drop column color');
  });

  it('wait for none that is slow: texts that take long go by themselves', async () => {
    const slow = 'select pg_sleep(0.5)';
    await learn(byId, [1]);
    const rather = (): Promise<unknown> => Promise.all(numbers(20).map(() => database.query('select pg_sleep(0.01)')));
    await rather();
    expect(await writes(rather)).toBeGreaterThanOrEqual(20);
    const order: string[] = [];
    const note = (name: string) => () => void order.push(name);
    const all = [
      ...numbers(3).map(() => database.query(slow).then(note('slow'))),
      ...numbers(100).map((id) => read(id).then(note('quick'))),
    ];
    await Promise.all(all);
    expect(order.slice(0, 100)).toEqual(numbers(100).map(() => 'quick'));
  });

  it('wait for none that is slow this once: those behind it go on without it', async () => {
    const sleep = (seconds: number): Promise<unknown> => database.query('select pg_sleep($1)', [seconds]);
    await learn('select pg_sleep($1)', [0]);
    await learn(byId, [1]);
    const order: string[] = [];
    // The first two have a place to themselves.
    const all = [read(1), read(2), sleep(0.5).then(() => void order.push('slow'))];
    for (const id of numbers(100)) {
      const own = read(id).then((row) => expect(row).toEqual({ id, stock: id * 2 }));
      all.push(own.then(() => void order.push('quick')));
    }
    await Promise.all(all);
    expect(order).toEqual([...numbers(100).map(() => 'quick'), 'slow']);
  });

  it.each(['a lock is waited for by one that travels', 'all places are taken by those that wait for a lock'])(
    'go on where %s',
    async (which) => {
      const blocked = 'select id from locked';
      await learn(blocked);
      await learn(byId, [1]);
      await whileLocked(async (unlock) => {
        let isOver = false;
        const wait = (): Promise<unknown> => database.query(blocked).then(() => (isOver = true));
        const waiting = which.startsWith('a lock') ? [read(1), wait(), wait()] : [wait(), wait()];
        const others = numbers(100).map((id) => read(id));
        expect(await Promise.all(others)).toEqual(numbers(100).map((id) => ({ id, stock: id * 2 })));
        expect(isOver).toBe(false);
        await unlock();
        await Promise.all(waiting);
      });
    },
  );

  it(
    'go on behind one that waits for a lock although they may write, and take effect once',
    { timeout: 20_000 },
    async () => {
      const blocked = 'select count(*) from locked';
      const call = 'select call($1) as id';
      await learn(blocked);
      await learn(call, [0]);
      await learn(byId, [1]);
      await server.sql('truncate called');
      await whileLocked(async (unlock) => {
        const waiting = [read(1), read(2), ...numbers(3).map(() => database.query(blocked))];
        const called = numbers(60).map((id) => database.query(call, [id]));
        expect((await Promise.all(called)).map(({ rows }) => rows)).toEqual(numbers(60).map((id) => [{ id }]));
        await unlock();
        await Promise.all(waiting);
      });
      expect((await server.sql('select id from called order by id')).map(({ id }) => id)).toEqual(numbers(60));
    },
  );

  it('are those alone that lock nothing, in no transaction', async () => {
    const locking = `${byId} for update`;
    await learn(byId, [1]);
    const each: readonly (readonly [number, () => Promise<unknown>])[] = [
      [20, () => Promise.all(numbers(20).map((id) => database.query(locking, [id])))],
      // With the COMMIT of each; those of the first ten have the others behind them.
      [30, () => Promise.all(numbers(20).map((id) => database.transaction(() => read(id), { readOnly: true })))],
    ];
    for (const [count, work] of each) {
      await work();
      expect(await writes(work)).toBeGreaterThanOrEqual(count);
    }
  });
});

describe('reads that wait for their connection', () => {
  it('are sent once, however long they wait, and not at all where they are given up', async () => {
    const single = open(true, 1);
    await learn(byId, [1], single);
    const holds = (): [Promise<unknown>, () => void] => {
      const { promise, fire } = signal();
      const body = async (): Promise<void> => {
        await single.query('select 1');
        await promise;
      };
      return [single.transaction(body), fire];
    };
    const [first, letGo] = holds();
    await until('it holds the connection', () => single.stats().clients.default.used === 1);
    const request = (id: number, timeout: number): Promise<unknown> =>
      withContext({ timeout }, () => read(id, single)).catch((error: unknown) => error);
    const alone = request(1, 10_000);
    const [second, letGoAgain] = holds();
    const together = numbers(8).map((id) => request(id, id === 8 ? 40 : 10_000));
    letGo();
    await Promise.all([first, alone]);
    expect(await together[7]).toBeInstanceOf(DeadlineExceededError);
    proxy.takeRoundTrips();
    letGoAgain();
    await second;
    expect(await Promise.all(together.slice(0, 7))).toEqual(numbers(7).map((id) => ({ id, stock: id * 2 })));
    // With the COMMIT.
    expect(proxy.takeRoundTrips()).toBe(7 + 1);
  });
});

describe('500 reads that are given up', () => {
  it('end by themselves, and no other does', async () => {
    // The server is at those that are given up for longer than at others.
    const text =
      'select id, stock, (select count(*)::int from generate_series(1, $2)) as size from product where id = $1';
    await learn(text, [1, 10]);
    const outcomes = { own: 0, givenUp: 0, wrong: [] as unknown[] };
    proxy.takeWrites();
    for (let round = 0; round < 50; round += 1) {
      const all = numbers(60).map(async (id) => {
        const isGivenUp = id % 6 === 0;
        const size = isGivenUp ? 10_000 : 100;
        const ask = async (): Promise<unknown> => (await database.query(text, [id, size])).rows;
        const timeout = 1 + ((id * 7 + round) % 12);
        const answer = await (isGivenUp ? withContext({ timeout }, ask) : ask()).catch((error: unknown) => error);
        if (isDeepStrictEqual(answer, [{ id, stock: id * 2, size }])) outcomes.own += 1;
        else if (isGivenUp && answer instanceof DeadlineExceededError) outcomes.givenUp += 1;
        else outcomes.wrong.push({ id, isGivenUp, answer });
      });
      await Promise.all(all);
    }
    expect(proxy.takeWrites()).toBeLessThan(2_700);
    expect(outcomes.wrong).toEqual([]);
    expect(outcomes.own + outcomes.givenUp).toBe(3_000);
    expect(outcomes.givenUp).toBeGreaterThan(50);
    expect(outcomes.own).toBeGreaterThan(2_500);
  });
});

describe('reads on a connection that is lost', () => {
  it('are answered all the same, or said to be lost', async () => {
    await learn(byId, [1]);
    // One that is killed while it is being opened could not be opened, which is said otherwise.
    const allAreOpen = async (): Promise<boolean> => {
      const holds = numbers(10).map(() => database.transaction(() => database.query('select pg_sleep(0.01)')));
      await Promise.allSettled(holds);
      return database.stats().clients.default.idle === 10;
    };
    for (let time = 0; time < 20; time += 1) {
      await until('all are open', allAreOpen);
      const all = numbers(100).map((id) => read(id).catch((error: unknown) => error));
      await server.kill();
      const found = await Promise.all(all);
      for (const [index, each] of found.entries()) {
        const id = index + 1;
        if (each instanceof Error) expect(each).toMatchObject({ code: 'CONNECTION_LOST' });
        else expect(each).toEqual({ id, stock: id * 2 });
      }
    }
    expect(await read(1)).toEqual({ id: 1, stock: 2 });
    // What was sent a second time may still run.
    const isFree = (): boolean => {
      const { used, waiting } = database.stats().clients.default;
      return used === 0 && waiting === 0;
    };
    await until('all connections are back', isFree);
  });

  it('never take effect twice', async () => {
    const call = 'select call($1) as id';
    const loseSome = async (): Promise<boolean> => {
      await learn(call, [0]);
      await server.sql('truncate called');
      proxy.cutAfter(String(ids[20]));
      const settled = await Promise.allSettled(ids.map((id) => database.query(call, [id])));
      const lost = settled.filter(({ status }) => status === 'rejected');
      for (const each of lost) expect(each).toMatchObject({ reason: { code: 'CONNECTION_LOST' } });
      // The server has got them all the same.
      await until('all were called', async () => (await server.sql('select 1 from called')).length >= 40);
      const called = (await server.sql('select id from called')).map(({ id }) => id);
      expect(new Set(called).size).toBe(called.length);
      return lost.length > 1;
    };
    const ids = numbers(40).map((number) => 770_000 + number);
    await until('some are lost that travelled together', loseSome);
  });
});

describe('those who look on and those who close', () => {
  it('see what travels together, and end it', async () => {
    const slow = 'select pg_sleep($1)';
    await learn(slow, [0]);
    const all = numbers(10).map(() => database.query(slow, [30]).catch((error: unknown) => error));
    await until('they are shown', async () =>
      (await database.holders()).some(({ running }) => running?.text.includes('pg_sleep') === true),
    );
    expect(
      await rejection(database.close({ timeout: 50 }).then(() => Promise.reject(new Error('closed')))),
    ).toBeInstanceOf(Error);
    for (const each of await Promise.all(all)) expect(each).toBeInstanceOf(Error);
    await until('no connection is left', async () => (await server.connections()) === 0);
  });

  it('one connection is enough', async () => {
    const single = open(true, 1);
    await learn(byId, [1], single);
    const rows = await Promise.all(numbers(100).map((id) => read(id, single)));
    expect(rows).toEqual(numbers(100).map((id) => ({ id, stock: id * 2 })));
  });
});
