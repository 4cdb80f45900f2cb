// Actors that the database has refused something, and what they say of it.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database, IsolationLevel } from '../../src/index.ts';
import { interleave, type InterleaveOptions, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';

const isPostgres = engine.name === 'postgres';
const server = useTestDatabase(
  'create table account (email varchar(80) primary key, name varchar(80) not null)',
  'create table task (id int primary key, worker varchar(20), is_large int not null)',
  'create table stats (id int primary key, done int not null)',
);
let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 4, options: '-c deadlock_timeout=300' });
});

type Body = () => Promise<unknown>;

const run = (text: string, values: readonly unknown[] = []) =>
  database.query(isPostgres ? text : text.replaceAll(/\$\d/g, '?'), values);
const stock = async (): Promise<number> =>
  Number((await run('select stock from product where id = 1')).rows[0]?.['stock']);

async function seed(): Promise<void> {
  for (const table of ['account', 'task', 'stats', 'product']) await run(`delete from ${table}`);
  await run('insert into product (id, stock) values (1, 5)');
  await run('insert into task (id, worker, is_large) values (1, null, 0), (2, null, 1), (3, null, 0)');
  await run('insert into stats (id, done) values (1, 0)');
}

const swallowed =
  (body: Body, told: (failed: boolean) => unknown): Body =>
  async () => {
    try {
      await body();
    } catch {
      return told(true);
    }
    return told(false);
  };

const takeOne =
  (isolationLevel: IsolationLevel): Body =>
  () =>
    database.transaction(
      async () => {
        await run('update product set stock = $1 where id = 1', [(await stock()) - 1]);
      },
      { isolationLevel },
    );

const register =
  (name: string): Body =>
  () =>
    database.transaction(() => run("insert into account (email, name) values ('a@example.com', $1)", [name]));

const tried = (alice: Body, bob: Body, changes: Partial<InterleaveOptions> = {}): Promise<InterleaveReport> =>
  interleave(database, { setup: seed, actors: { alice, bob }, maxRemedyRuntime: 0, ...changes });

describe.skipIf(engine.name === 'sqlite')('an actor that swallows', () => {
  const saved = (): string => 'saved';
  const told = (failed: boolean): string => (failed ? 'try again' : 'saved');

  it.each(['a serialization failure or a deadlock', 'a unique violation'])(
    '%s, and says that it has saved',
    async (what) => {
      const body = (name: string): Body => (what.startsWith('a unique') ? register(name) : takeOne('SERIALIZABLE'));
      const report = await tried(swallowed(body('ann'), saved), swallowed(body('bob'), saved));
      if (what.startsWith('a unique')) {
        // One after the other they say the same: it is wrong by itself, and no order is needed for it.
        expect(report.toString()).toContain('No anomaly');
      } else {
        expect(report.anomalies[0]?.found, report.toString()).toMatch(/^no serial order gives this: product\.stock/);
        expect(report.serializationFailures + report.deadlocks).toBeGreaterThan(0);
      }
      expect(report.notes).toEqual([]);
    },
  );

  it('a unique violation behind a check, and says that it has saved', async () => {
    const checked = (name: string): Body =>
      swallowed(async () => {
        const { rows } = await run("select name from account where email = 'a@example.com'");
        if (rows.length > 0) throw new Error('taken');
        await register(name)();
      }, saved);
    // Where the check throws, it says the same.
    expect((await tried(checked('ann'), checked('bob'))).toString()).toContain('No anomaly');
    const telling =
      (name: string): Body =>
      async () => {
        const { rows } = await run("select name from account where email = 'a@example.com'");
        if (rows.length > 0) return 'taken';
        return await swallowed(register(name), saved)();
      };
    const report = await tried(telling('ann'), telling('bob'));
    expect(report.anomalies[0]?.found, report.toString()).toMatch(/^no serial order gives this: what \w+ returned/);
  });

  it('what came after it had committed something, and says that it has saved', async () => {
    const partly = (): Body => {
      const body = takeOne('SERIALIZABLE');
      return swallowed(async () => {
        await run('update stats set done = done + 1 where id = 1');
        await body();
      }, saved);
    };
    const report = await tried(partly(), partly(), { maxSchedules: 20 });
    expect(report.anomalies[0]?.found, report.toString()).toMatch(/^no serial order gives this: product\.stock/);
  });

  it.each(['SERIALIZABLE', 'unique'])('is not reported if it says so: %s', async (what) => {
    const body = (name: string): Body => (what === 'unique' ? register(name) : takeOne('SERIALIZABLE'));
    const report = await tried(swallowed(body('ann'), told), swallowed(body('bob'), told));
    expect(report.toString()).toContain('No anomaly');
    report.assertSerializable();
  });

  it('is not reported if it tries again, or finds what it wanted', async () => {
    const again: Body = async () => {
      for (;;) {
        try {
          await takeOne('SERIALIZABLE')();
          return 'saved';
        } catch {
          // Once more.
        }
      }
    };
    const some = await tried(again, again, { maxSchedules: 30 });
    expect(some.toString()).toContain('No anomaly');
    const ensured: Body = swallowed(register('ann'), saved);
    expect((await tried(ensured, ensured)).toString()).toContain('No anomaly');
  });
});

describe.skipIf(engine.name === 'sqlite')('a queue with SKIP LOCKED', () => {
  /** Asks for several, and takes those that it wants of what it is given. */
  const claiming =
    (
      worker: string,
      { limit = 'limit 2', wants = (isLarge: number): boolean => isLarge >= 0, also = async () => {} } = {},
    ): Body =>
    () =>
      database.transaction(
        async () => {
          const { rows } = await run(
            `select id, is_large from task where worker is null order by id ${limit} for update skip locked`,
          );
          const wanted = rows.filter(({ is_large }) => wants(Number(is_large))).map(({ id }) => Number(id));
          for (const id of wanted) await run('update task set worker = $1 where id = $2', [worker, id]);
          await also();
          return wanted;
        },
        { isolationLevel: 'READ_COMMITTED' },
      );
  const small = (isLarge: number): boolean => isLarge === 0;

  it.each(['limit 2', ''])(
    'that gives fewer than it was asked for is not reported (%s), and it is said so',
    async (limit) => {
      const report = await tried(claiming('ann', { wants: small }), claiming('bob', { limit }));
      expect(report.anomalies, report.toString()).toEqual([]);
      expect(report.notes.join()).toMatch(
        /^(?:alice|bob|alice, bob) got fewer rows from SKIP LOCKED than asked for.*were not compared$/,
      );
      expect(report.isComplete).toBe(false);
      report.assertSerializable();
    },
  );

  it('that has given all that was asked for is compared', async () => {
    const report = await tried(claiming('ann', { limit: 'limit 1' }), claiming('bob', { limit: 'limit 1' }));
    expect(report).toMatchObject({ anomalies: [], notes: [], isComplete: true });
  });

  it('does not hide a lost update beside it', async () => {
    const count = async (): Promise<void> => {
      const done = Number((await run('select done from stats where id = 1')).rows[0]?.['done']);
      await run('update stats set done = $1 where id = 1', [done + 1]);
    };
    const report = await tried(claiming('ann', { also: count }), claiming('bob', { also: count }));
    expect(report.anomalies[0], report.toString()).toMatchObject({ kind: 'lost update', pair: { table: 'stats' } });
  });

  it.runIf(isPostgres)('is told of an UPDATE that takes what a subquery gives, too', async () => {
    const claimAll =
      (worker: string): Body =>
      () =>
        database.transaction(async () => {
          const { rows } = await run(
            'update task set worker = $1 where id in (select id from task where worker is null order by id limit $2 for update skip locked) returning id',
            [worker, 2],
          );
          return rows.length;
        });
    const report = await tried(claiming('ann', { wants: small }), claimAll('bob'));
    expect(report.anomalies, report.toString()).toEqual([]);
    expect(report.notes.join()).toMatch(/bob got fewer rows from SKIP LOCKED/);
  });
});
