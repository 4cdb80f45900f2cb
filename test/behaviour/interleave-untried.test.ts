// What `interleave` says where nothing was tried that could go wrong.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { interleave, type InterleaveOptions, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 4, options: '-c deadlock_timeout=300' });
});

const run = (text: string) => database.query(text);
const seed = async (): Promise<void> => {
  await run('delete from product');
  await run('insert into product (id, stock) values (1, 5), (2, 5)');
};
const stock = async (): Promise<number> =>
  Number((await run('select stock from product where id = 1')).rows[0]?.['stock']);
const takeOne = async (): Promise<void> => {
  await database.transaction(async () => {
    const left = (await stock()) - 1;
    await run(`update product set stock = ${left} where id = 1`);
  });
};

describe.skipIf(engine.name === 'sqlite')('a report of orders in which no actor came between', () => {
  const tried = (changes: Partial<InterleaveOptions>): Promise<InterleaveReport> =>
    interleave(database, { setup: seed, actors: { alice: takeOne, bob: takeOne }, maxRemedyRuntime: 0, ...changes });

  it.each([
    ['no time for any', { maxRuntime: 1 }, 0],
    ['one', { maxSchedules: 1 }, 1],
    ['the serial ones alone', { maxSchedules: 2 }, 2],
  ])('asserts nothing: %s', async (_, changes, orders) => {
    const report = await tried(changes);
    expect(report).toMatchObject({ orders, interleaved: 0, anomalies: [], isComplete: false });
    expect(report.toString()).toMatch(/^No anomaly in (0|2) orders, not all|^No anomaly in 1 order, not all/);
    expect(report.toString()).toContain('In no order that was tried did one actor come between');
    const error = await rejection(Promise.resolve().then(() => report.assertSerializable()));
    expect(error).toMatchObject({
      code: 'NOTHING_INTERLEAVED',
      message: expect.stringMatching(/Nothing was tried that could go wrong.*"maxRuntime".*"maxSchedules"/s) as string,
    });
  });

  it('asserts nothing: with an invariant', async () => {
    const report = await tried({ maxSchedules: 2, invariant: () => {} });
    expect(() => report.assertSerializable()).toThrow(/Nothing was tried/);
  });

  it('asserts nothing: an actor sleeps before its first statement, and the others do not wait for it', async () => {
    const late = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 2_300));
      await takeOne();
    };
    const report = await tried({ actors: { alice: takeOne, bob: late }, maxSchedules: 2, invariant: () => {} });
    expect(() => report.assertSerializable()).toThrow(/Nothing was tried/);
  });

  it('passes where there are no others', async () => {
    const one = (id: number) => () => run(`update product set stock = stock - 1 where id = ${id}`);
    const report = await tried({ actors: { alice: one(1), bob: one(2) } });
    expect(report).toMatchObject({ orders: 2, interleaved: 0, isComplete: true });
    report.assertSerializable();
  });

  it('passes where all others are equivalent', async () => {
    const reads = (): Promise<unknown> => database.transaction(async () => [await stock(), await stock()]);
    const report = await tried({ actors: { alice: reads, bob: reads }, reduce: true });
    expect(report).toMatchObject({ isComplete: true, isReduced: true });
    report.assertSerializable();
  });

  it('finds the lost update with the first order in which one comes between', async () => {
    const report = await tried({ maxSchedules: 3 });
    expect(report).toMatchObject({ interleaved: 1, anomalous: 1 });
  });
});

it.skipIf(engine.name === 'sqlite')('a call that still runs is named as one that a test may have left', async () => {
  const options = { setup: seed, actors: { alice: takeOne, bob: takeOne }, maxSchedules: 3 };
  const [first, second] = await Promise.allSettled([interleave(database, options), interleave(database, options)]);
  expect(first.status).toBe('fulfilled');
  expect(second).toMatchObject({
    reason: {
      code: 'INTERLEAVE_SETUP',
      message: expect.stringMatching(
        /a test that its runner gave up at its timeout.*timeout above "maxRuntime"/,
      ) as string,
    },
  });
});
