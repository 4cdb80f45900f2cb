// What `interleave` tries where something went wrong.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { interleave, type InterleaveOptions, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
let database: Database<'default'>;
beforeEach(() => {
  // A deadlock is seen soon: PostgreSQL looks after a second.
  database = server.open({ max: 4, options: '-c deadlock_timeout=300' });
});

const seed = async (): Promise<void> => {
  await database.query('delete from product');
  await database.query('insert into product (id, stock) values (1, 5), (2, 5)');
};
const stock = async (text: string): Promise<number> => {
  const { rows } = await database.query<{ stock: number }>(text);
  return Number(rows[0]?.stock);
};
const set = (id: number, to: number): Promise<unknown> =>
  database.query(`update product set stock = ${to} where id = ${id}`);
const inTransaction = (body: () => Promise<unknown>) => (): Promise<unknown> => database.transaction(body);

const takeOne = async (): Promise<void> =>
  void (await set(1, (await stock('select stock from product where id = 1')) - 1));
/** Both products have 9 at most. */
const addTo = (id: number) => async (): Promise<void> => {
  const sum = await stock('select sum(stock) as stock from product');
  if (sum < 13) await set(id, 8);
};

describe.skipIf(engine.name === 'sqlite')('remedies', () => {
  const tried = (
    alice: () => unknown,
    bob: () => unknown,
    changes: Partial<InterleaveOptions> = {},
  ): Promise<InterleaveReport> =>
    interleave(database, { setup: seed, actors: { alice, bob }, maxRemedyRuntime: 20_000, ...changes });

  it('against a lost update: both end it, and the error says so', async () => {
    const report = await tried(inTransaction(takeOne), inTransaction(takeOne));
    expect(report.anomalies[0]).toMatchObject({ kind: 'lost update' });
    expect(report.remedies).toMatchObject([
      {
        remedy: expect.stringMatching(/^FOR UPDATE on the read at .*interleave-remedies\.test\.ts:\d+:\d+$/) as string,
        works: true,
        isComplete: true,
      },
      { remedy: 'each actor in one transaction, SERIALIZABLE with retry', works: true },
    ]);
    const error = await rejection(Promise.resolve().then(() => report.assertSerializable()));
    expect(String(error)).toMatch(
      /What ends it, as was tried: FOR UPDATE on the read at .*, or each actor in one tran/,
    );
    expect(String(error)).toMatch(/With FOR UPDATE on the read at .*: no anomaly in (\d+) of \1 orders/);
  });

  it('a lock outside of a transaction does not help, and is said not to', async () => {
    const report = await tried(takeOne, takeOne);
    expect(report.remedies).toMatchObject([{ works: false }, { works: true }]);
    expect(report.toString()).toMatch(/With FOR UPDATE on the read at .*: does not end it, an anomaly in \d+ orders/);
  });

  it('all places are named that send the same read, also those that the order that went wrong has not come to', async () => {
    const read = 'select stock from product where id = 1';
    const body = inTransaction(async () => {
      await database.query(read);
      const { rows } = await database.query<{ stock: number }>(read);
      await set(1, Number(rows[0]?.stock) - 1);
    });
    const report = await tried(body, body);
    expect(report.remedies[0]).toMatchObject({
      remedy: expect.stringMatching(
        /^FOR UPDATE on the read at \S*remedies\.test\.ts:\d+:\d+ and \S*remedies\.test\.ts:\d+:\d+$/,
      ) as string,
      works: true,
    });
  });

  it('one for which no time is left is said not to be tried', async () => {
    const report = await tried(inTransaction(takeOne), inTransaction(takeOne), { maxRemedyRuntime: 1 });
    expect(report.remedies).toMatchObject([
      { remedy: expect.stringContaining('FOR UPDATE on the read') as string, works: undefined, orders: 0 },
      { remedy: expect.stringContaining('SERIALIZABLE') as string, works: undefined, orders: 0 },
    ]);
    expect(report.toString()).toContain('SERIALIZABLE with retry: not tried, no time left ("maxRemedyRuntime")');
    expect(report.toHtml()).toContain('>not tried</strong>');
    expect(() => report.assertSerializable()).toThrow(/Lock the row where it is read/);
  });

  it('a sum cannot be locked, and is not tried to', async () => {
    const report = await tried(inTransaction(addTo(1)), inTransaction(addTo(2)));
    expect(report.remedies).toMatchObject([
      { remedy: 'each actor in one transaction, SERIALIZABLE with retry', works: true },
    ]);
  });

  it('with an invariant too', async () => {
    const invariant = async (): Promise<void> => expect(await stock('select stock from product where id = 1')).toBe(3);
    const report = await tried(inTransaction(takeOne), inTransaction(takeOne), { invariant });
    expect(report.remedies).toMatchObject([{ works: true }, { works: true }]);
  });

  it('one with which actors cannot run is none', async () => {
    const alone = async (): Promise<void> => {
      const left = (await stock('select stock from product where id = 1')) - 1;
      await database.transaction(() => set(1, left), { propagation: 'NEVER' });
    };
    const report = await tried(alone, alone);
    expect(report.remedies.map(({ remedy }) => remedy)).not.toContainEqual(expect.stringContaining('SERIALIZABLE'));
    expect(report.anomalous).toBe(1);
  });

  it('none are tried where nothing is wrong, or where they have no time', async () => {
    const report = await tried(inTransaction(takeOne), () => set(2, 7));
    expect(report).toMatchObject({ anomalies: [], remedies: [] });
    expect(await tried(takeOne, takeOne, { maxRemedyRuntime: 0 })).toMatchObject({ anomalous: 1, remedies: [] });
  });

  it('leave the database as before', async () => {
    await tried(inTransaction(takeOne), inTransaction(takeOne));
    await seed();
    expect(await stock('select stock from product where id = 1')).toBe(5);
    expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
  });
});
