// Actors that the database refuses something: what counts as not run, and what an actor only says.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { interleave, type InterleaveOptions, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';

const isPostgres = engine.name === 'postgres';
const server = useTestDatabase('create table document (id int primary key, version int not null, body varchar(40))');
let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 4, options: '-c deadlock_timeout=300' });
});

const run = (text: string, values: readonly unknown[] = []) =>
  database.query(isPostgres ? text : text.replaceAll(/\$\d/g, '?'), values);
const seed = async (): Promise<void> => {
  for (const table of ['product', 'document']) await run(`delete from ${table}`);
  await run('insert into product (id, stock) values (1, 5)');
  await run("insert into document (id, version, body) values (1, 1, '')");
};
const takeOne = async (): Promise<string> => {
  const { rows } = await run('select stock from product where id = 1');
  await run('update product set stock = $1 where id = 1', [Number(rows[0]?.['stock']) - 1]);
  return 'taken';
};
const inTransaction = (body: () => Promise<unknown>) => (): Promise<unknown> => database.transaction(body);

describe.skipIf(engine.name === 'sqlite')('an actor that was told', () => {
  const tried = (actor: () => unknown, changes: Partial<InterleaveOptions> = {}): Promise<InterleaveReport> =>
    interleave(database, { setup: seed, actors: { alice: actor, bob: actor }, maxRemedyRuntime: 0, ...changes });
  const expectNone = async (actor: () => unknown): Promise<void> => {
    const report = await tried(actor);
    expect(report.toString()).toContain('No anomaly');
    expect(report).toMatchObject({ isComplete: true, anomalies: [] });
  };

  const tryLock = async (): Promise<boolean> => {
    const { rows } = await run('select pg_try_advisory_xact_lock(77) as got');
    return rows[0]?.['got'] === true;
  };
  const busy = (): never => {
    throw new Error('busy');
  };

  it.runIf(isPostgres).each([
    ['returns that it is busy', () => 'busy'],
    ['returns nothing', () => undefined],
    ['throws that it is busy', busy],
  ])('that an advisory lock is taken counts as not run: it %s', async (_, refused) => {
    await expectNone(inTransaction(async () => ((await tryLock()) ? await takeOne() : refused())));
  });

  it.runIf(isPostgres)('that, and goes on all the same, is found', async () => {
    const report = await tried(
      inTransaction(async () => {
        await tryLock();
        return await takeOne();
      }),
    );
    expect(report.anomalies[0]).toMatchObject({ kind: 'lost update' });
  });

  it.each([
    ['returns that it is busy', () => 'busy'],
    ['throws that it is busy', busy],
  ])('by SKIP LOCKED that a row is taken counts as not run: it %s', async (_, refused) => {
    await expectNone(
      inTransaction(async () => {
        const { rows } = await run('select id from product where id = 1 for update skip locked');
        return rows.length === 0 ? refused() : await takeOne();
      }),
    );
  });

  it('nothing of a lock, since no other transaction was open, has run', async () => {
    // Outside of a transaction nothing is locked.
    const actor = async (): Promise<unknown> => {
      const { rows } = await run('select id from product where stock = 5 for update skip locked');
      if (rows.length === 0) return 'none';
      return await takeOne();
    };
    expect((await tried(actor)).anomalies).toHaveLength(1);
  });

  const edit = (answer: (count: number) => unknown) =>
    inTransaction(async () => {
      const { rows } = await run('select version from document where id = 1');
      const { rowCount } = await run(
        'update document set body = $1, version = version + 1 where id = 1 and version = $2',
        ['new', Number(rows[0]?.['version'])],
      );
      return answer(rowCount);
    });

  it('by a count that its write has changed nothing, and says that it has, is found', async () => {
    const report = await tried(edit(() => 'saved'));
    expect(report.anomalies[0]?.found).toBe('no serial order gives this: document.version');
    const withTime = await tried(edit(() => ({ saved: true, at: new Date() })));
    expect(withTime.anomalies).toHaveLength(1);
  });

  it.each([
    ['says so', (count: number) => count === 1],
    ['throws', (count: number) => (count === 1 ? 'saved' : busy())],
    ['returns nothing in any case', () => undefined],
  ])('by a count that its write has changed nothing counts as not run: it %s', async (_, answer) => {
    await expectNone(edit(answer));
  });

  it('by a count that what it wants is so already has run', async () => {
    await expectNone(async () => {
      await run("update document set body = 'read' where id = 1 and body = ''");
      return { ok: true };
    });
  });
});
