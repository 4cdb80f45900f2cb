// A real PgBouncer, which lends a few connections of the server to all of its clients. Version 1.18 does not
// know of prepared statements: names that one client gives on a connection are there for the next one.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ambientPool, postgres, type PostgresOptions } from '../../src/drivers/postgres/index.ts';
import { createDatabase, type Database, type RetryOptions } from '../../src/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';
import { hasPgBouncer, type OwnPgBouncer, startPgBouncer, hasTrackingPgBouncer } from '../support/pgbouncer.ts';

const isHere = hasPgBouncer();
const tables = Array.from({ length: 6 }, (_, index) => `shelf_${index}`);
const direct = useTestDatabase(...tables.map((table) => `create table ${table} (id int primary key, shelf int)`));

let bouncer: OwnPgBouncer;
let width: number;
const opened: Database<'default'>[] = [];
const warnings: NodeJS.ErrnoException[] = [];
const onWarning = (warning: NodeJS.ErrnoException): void => void warnings.push(warning);

function behindPooler(options: PostgresOptions = {}): Database<'default'> {
  const definition = postgres({ connectionString: bouncer.url, max: width, maxLevel: 0, ...options });
  const database = createDatabase({ clients: { default: definition } });
  opened.push(database);
  return database;
}

/** Warnings come in the next turn of the event loop. */
async function warningsOfPreparing(): Promise<NodeJS.ErrnoException[]> {
  await new Promise((resolve) => setImmediate(resolve));
  return warnings.filter(({ code }) => code === 'SLUICE_PREPARING_OFF');
}

/** So many answers by eight callers, of texts that answer with their own number; returns those that are wrong. */
async function wrongAnswers(database: Database<'default'>, answers: number, texts: number): Promise<string[]> {
  const wrong: string[] = [];
  let left = answers;
  const callers = Array.from({ length: 8 }, async (_, caller) => {
    for (let turn = caller; left > 0; turn += 1) {
      left -= 1;
      const number = (turn * 7) % texts;
      const { rows } = await database.current.query(`select $1::int + ${number * 1_000} as answer`, [caller]);
      const [row] = rows;
      if (rows.length !== 1 || row?.['answer'] !== caller + number * 1_000)
        wrong.push(`${number}: ${JSON.stringify(rows)}`);
    }
  });
  await Promise.all(callers);
  return wrong;
}

interface Told {
  readonly table: number;
  readonly id: number;
  readonly outcome: 'acknowledged' | 'rolledBack';
  readonly error: unknown;
}

/** Inserts in transactions, every third of which rolls back, by eight callers into six tables. */
async function sell(database: Database<'default'>, inserts: number, retry?: RetryOptions): Promise<Told[]> {
  const told: Told[] = [];
  let next = 0;
  const callers = Array.from({ length: 8 }, async () => {
    while (next < inserts) {
      const id = next;
      next += 1;
      const table = id % tables.length;
      const back = id % 3 === 0;
      const work = database.transaction(
        async () => {
          await database.current.query(`insert into shelf_${table} values ($1, $2)`, [id, table]);
          const { rows } = await database.current.query(`select shelf + 0 as shelf from shelf_${table} where id = $1`, [
            id,
          ]);
          expect(rows).toEqual([{ shelf: table }]);
          if (back) throw new Error('back');
        },
        { retry },
      );
      const error: unknown = await work.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      told.push({ table, id, outcome: error === undefined ? 'acknowledged' : 'rolledBack', error });
    }
  });
  await Promise.all(callers);
  return told;
}

async function expectRows(told: readonly Told[]): Promise<void> {
  for (const [table, name] of tables.entries()) {
    const rows = await direct.sql<{ id: number; shelf: number }>(`select id, shelf from ${name} order by id`);
    const expected = told.filter((each) => each.table === table && each.outcome === 'acknowledged').map(({ id }) => id);
    expect(rows).toEqual(expected.toSorted((a, b) => a - b).map((id) => ({ id, shelf: table })));
  }
}

describe.runIf(isHere)('behind PgBouncer', () => {
  beforeEach(() => {
    warnings.length = 0;
    process.on('warning', onWarning);
  });
  afterEach(async () => {
    process.off('warning', onWarning);
    await Promise.all(opened.splice(0).map((database) => database.close({ timeout: 1_000 })));
    for (const table of tables) await direct.sql(`truncate ${table}`);
  });

  describe.each([
    { mode: 'transaction', poolSize: 1 },
    { mode: 'transaction', poolSize: 2 },
    { mode: 'transaction', poolSize: 5 },
    { mode: 'session', poolSize: 1 },
    { mode: 'session', poolSize: 5 },
  ] as const)('in $mode mode with $poolSize connections of the server', ({ mode, poolSize }) => {
    beforeAll(async () => {
      bouncer = await startPgBouncer(direct.url, { mode, poolSize });
      // A session keeps its connection of the server for as long as it is there.
      width = mode === 'session' ? poolSize : 8;
    });
    afterAll(() => bouncer.stop());

    it('no answer is that of another text, and one warning says what to do', { timeout: 120_000 }, async () => {
      const database = behindPooler();
      expect(await wrongAnswers(database, 10_000, 50)).toEqual([]);
      const told = await warningsOfPreparing();
      expect(told).toHaveLength(1);
      expect(told[0]?.message).toMatch(/PgBouncer 1\.21.*max_prepared_statements.*preparedStatements: true/s);
    });

    it(
      'rows are in their tables, those that were rolled back are not there, and no acknowledged one is missing',
      {
        timeout: 120_000,
      },
      async () => {
        const told = await sell(behindPooler(), 600);
        await expectRows(told);
        expect(told.filter(({ outcome, id }) => outcome === 'rolledBack' && id % 3 !== 0)).toEqual([]);
      },
    );

    it('no answer to a library that names its statements is that of another text', { timeout: 120_000 }, async () => {
      const pools = [1, 2].map(() => ambientPool(behindPooler({ max: Math.ceil(width / 2) })));
      // In session mode a connection of the server goes to one of them.
      const sharing = mode === 'session' ? pools.slice(0, 1) : pools;
      const answers = sharing.flatMap((pool, process) =>
        Array.from({ length: 200 }, async (_, turn) => {
          const number = process * 1_000 + (turn % 7);
          const query = { name: `find_${turn % 7}`, text: `select $1::int + ${number} as answer`, values: [turn] };
          expect((await pool.query(query)).rows).toEqual([{ answer: turn + number }]);
        }),
      );
      await Promise.all(answers);
    });

    it(
      'preparing nonetheless: no answer is that of another text, and what is missing heals',
      {
        timeout: 120_000,
      },
      async () => {
        const database = behindPooler({ preparedStatements: true });
        expect(await wrongAnswers(database, 5_000, 50)).toEqual([]);
        expect(await warningsOfPreparing()).toEqual([]);
      },
    );

    it(
      'preparing nonetheless: rows are as they were told, and an error names the option',
      {
        timeout: 120_000,
      },
      async () => {
        const told = await sell(behindPooler({ preparedStatements: 4 }), 600);
        await expectRows(told);
        for (const { error } of told.filter(({ outcome, id }) => outcome === 'rolledBack' && id % 3 !== 0)) {
          expect(error).toMatchObject({ code: 'PREPARED_STATEMENT_MISSING' });
          expect((error as Error).message).toContain('preparedStatements: false');
        }
      },
    );

    it('preparing nonetheless, and repeating what fails: all is there', { timeout: 120_000 }, async () => {
      const told = await sell(behindPooler({ preparedStatements: true }), 300, { attempts: 50, delay: 1 });
      await expectRows(told);
      expect(told.filter(({ outcome, id }) => outcome === 'rolledBack' && id % 3 !== 0)).toEqual([]);
    });

    it('preparing nonetheless: columns that were added since are in their places', async () => {
      const [first, second] = [1, 2].map(() => behindPooler({ preparedStatements: true, max: 1 }));
      const table = `bin_${mode}_${poolSize}`;
      await direct.sql(`create table ${table} (id int)`);
      await direct.sql(`insert into ${table} values (1)`);
      const read = async (database: Database<'default'> | undefined): Promise<unknown> =>
        (await database?.current.query(`select * from ${table}`))?.rows;
      for (let turn = 0; turn < 4; turn += 1) expect(await read(first)).toEqual([{ id: 1 }]);
      await direct.sql(`alter table ${table} add shelf int default 7`);
      for (let turn = 0; turn < 4; turn += 1) {
        // In session mode the one connection of the server is taken.
        if (mode === 'transaction') expect(await read(second)).toEqual([{ id: 1, shelf: 7 }]);
        expect(await read(first)).toEqual([{ id: 1, shelf: 7 }]);
      }
    });
  });

  describe.runIf(isHere && hasTrackingPgBouncer())('that keeps track of prepared statements', () => {
    beforeAll(async () => {
      bouncer = await startPgBouncer(direct.url, { mode: 'transaction', poolSize: 2, tracks: true });
      width = 8;
    });
    afterAll(() => bouncer.stop());

    it('they are prepared, and nothing fails', { timeout: 120_000 }, async () => {
      const database = behindPooler({ preparedStatements: true });
      expect(await wrongAnswers(database, 5_000, 50)).toEqual([]);
      const told = await sell(database, 600);
      await expectRows(told);
      expect(told.filter(({ outcome, id }) => outcome === 'rolledBack' && id % 3 !== 0)).toEqual([]);
      expect(await warningsOfPreparing()).toEqual([]);
      const { rows } = await database.current.query('select count(*)::int as kept from pg_prepared_statements');
      expect(rows[0]?.['kept']).toBeGreaterThan(0);
    });

    it('what it has kept since before a migration is parsed anew, also for a client that comes afterwards', async () => {
      await direct.sql('create table label (value int)');
      const open = (): Database<'default'> => behindPooler({ preparedStatements: true, max: 2 });
      const alone = (database: Database<'default'>, value: unknown): Promise<unknown> =>
        database.current.query('insert into label values ($1)', [value]);
      let attempts = 0;
      const within = (database: Database<'default'>, value: unknown): Promise<unknown> =>
        database.transaction(
          async () => {
            attempts += 1;
            await database.current.query('select 1');
            await database.current.query('insert into label (value) values ($1)', [value]);
          },
          { retry: { attempts: 9, delay: 1 } },
        );
      const before = open();
      for (let turn = 0; turn < 6; turn += 1) {
        await Promise.all([within(before, 1), within(before, 1)]);
        await Promise.all([alone(before, 1), alone(before, 1)]);
      }
      await direct.sql('alter table label alter value type text');
      for (const database of [open(), before]) {
        for (let turn = 0; turn < 6; turn += 1) {
          attempts = 0;
          await within(database, 'abc');
          expect(attempts).toBeLessThanOrEqual(2);
          await alone(database, 'abc');
        }
        const { rows } = await database.current.query(
          "select count(*)::int as kept from pg_prepared_statements where parameter_types = '{text}'",
        );
        expect(rows[0]?.['kept']).toBeGreaterThan(0);
      }
      await direct.sql('alter table label alter value type int using 1');
      for (let turn = 0; turn < 3; turn += 1) {
        attempts = 0;
        expect(await rejection(within(before, 'abc'))).toMatchObject({ code: expect.stringMatching(/22P02|42804/) });
        expect(attempts).toBeLessThanOrEqual(2);
      }
    });
  });

  describe('with fewer connections of the server than a chain is deep', () => {
    // The pooler itself would let a chain wait for two minutes.
    const acquireTimeout = 700;
    const bound = acquireTimeout + 5_000;

    beforeAll(async () => {
      bouncer = await startPgBouncer(direct.url, { mode: 'transaction', poolSize: 1 });
      width = 2;
    });
    afterAll(() => bouncer.stop());

    const behind = (): Database<'default'> => behindPooler({ maxLevel: 1, budget: 3, acquireTimeout });
    const insert = (database: Database<'default'>, id: number): Promise<unknown> =>
      database.current.query('insert into shelf_0 values ($1, 0)', [id]);
    const ids = async (): Promise<number[]> =>
      (await direct.sql<{ id: number }>('select id from shelf_0 order by id')).map(({ id }) => id);

    /** A chain whose inner part is `work`; how long that took to fail, and with what. */
    async function chain(database: Database<'default'>, work: () => Promise<unknown>): Promise<Error> {
      return await database.transaction(async () => {
        await insert(database, 1);
        const start = performance.now();
        const error = await rejection(work());
        expect(performance.now() - start).toBeLessThan(bound);
        return error;
      });
    }

    it('a chain that needs a new connection ends after acquireTimeout', async () => {
      const database = behind();
      const inner = (): Promise<unknown> =>
        database.transaction(() => insert(database, 2), { propagation: 'REQUIRES_NEW' });
      expect(await chain(database, inner)).toMatchObject({ code: 'ACQUIRE_TIMEOUT' });
      expect(await ids()).toEqual([1]);
      expect(await database.transaction(() => insert(database, 3))).toMatchObject({ rowCount: 1 });
    });

    /** Three connections to the pooler, which take turns at its one. */
    async function connected(): Promise<Database<'default'>> {
      const database = behind();
      const wide = Array.from({ length: 2 }, () => database.current.query('select pg_sleep(0.05)'));
      await Promise.all(wide);
      await until('two connections are open', () => database.stats().clients.default.idle >= 2);
      return database;
    }

    it('so does one whose connection is there, with an error that says what to do', async () => {
      const database = await connected();
      const inner = (): Promise<unknown> =>
        database.transaction(() => insert(database, 2), { propagation: 'REQUIRES_NEW' });
      const error = await chain(database, inner);
      expect(error).toMatchObject({ code: 'POOLER_TIMEOUT' });
      expect(error.message).toMatch(/700 ms.*default_pool_size/s);
      expect(await ids()).toEqual([1]);
      await until('nothing is in use', () => database.stats().clients.default.used === 0);
      expect(await database.transaction(() => insert(database, 3))).toMatchObject({ rowCount: 1 });
    });

    it('of what may be committed it is said that this is not known', async () => {
      const database = await connected();
      const last = (): Promise<unknown> =>
        database.transaction(() => database.current.query('insert into shelf_0 values ($1, 0)', [2], { last: true }), {
          propagation: 'REQUIRES_NEW',
        });
      expect(await chain(database, last)).toMatchObject({ code: 'COMMIT_UNKNOWN', cause: { code: 'POOLER_TIMEOUT' } });
    });

    it('a statement outside of transactions that waits for others too', async () => {
      const database = await connected();
      const alone = (): Promise<unknown> =>
        database.transaction(() => insert(database, 2), { propagation: 'NOT_SUPPORTED' });
      expect(await chain(database, alone)).toMatchObject({
        code: 'CONNECTION_LOST',
        cause: { code: 'POOLER_TIMEOUT' },
      });
      expect(await ids()).toEqual([1]);
    });

    it('a statement that the server works on for longer is left alone', async () => {
      const database = await connected();
      const slow = 'select pg_sleep(1.2)';
      expect(await database.current.query(slow)).toMatchObject({ rowCount: 1 });
      expect(await database.transaction(() => database.current.query(slow))).toMatchObject({ rowCount: 1 });
    });
  });
});
