// Deleting sagas that have ended, with their records on all clients: which go and which stay, by how many, and by which index.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, type Database } from '../../src/index.ts';
import { createSagas, createSagaTables, defineSaga, forgetEndedSagas, listSagas } from '../../src/saga/index.ts';
import { endedSagas } from '../../src/saga/upkeep/forget.ts';
import { tables } from '../../src/saga/tables.ts';
import { engine, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const other = engine.server();
const all = ['sluice_saga', 'sluice_saga_signal', 'sluice_saga_step', 'sluice_saga_fence'];
const open = () =>
  createDatabase({
    clients: { default: server.client(), payments: other.client() },
    defaultClient: 'default',
  });

let database: Database<'default' | 'payments'>;
let stop = async (): Promise<void> => {};
beforeAll(async () => {
  await other.start();
  const first = open();
  await createSagaTables(first.current);
  await createSagaTables(first.getDb({ clientName: 'payments' }));
  await first.close();
});
afterAll(() => other.drop());
beforeEach(async () => {
  database = open();
  for (const table of all) for (const each of [server, other]) await each.sql(`delete from ${table}`);
});
afterEach(async () => {
  await stop();
  await database.close({ timeout: 1_000 });
});

/** How many rows there are, on both clients. */
async function rows(): Promise<number> {
  let sum = 0;
  for (const table of all) {
    for (const each of [server, other]) sum += (await each.sql(`select 1 from ${table}`)).length;
  }
  return sum;
}
const left = async (): Promise<string[]> => (await listSagas(database.current)).sagas.map(({ id }) => id);
const forget = (more: object = {}): Promise<number> => forgetEndedSagas(database, { olderThan: 0, ...more });
/** Makes sagas end as long ago as is said. */
async function endedAgo(days: number): Promise<void> {
  await server.sql(`update sluice_saga set ended_at = ended_at - ${days * 86_400_000} where ended_at is not null`);
}

const paid = defineSaga('paid', async (saga, fails: boolean) => {
  await saga.step('reserve', () => 1, { compensate: () => {} });
  await saga.step('pay', { clientName: 'payments' }, () => 2, { compensate: () => {} });
  if (fails) throw new Error('declined');
});
const child = defineSaga('child', async (saga) => await saga.step('one', () => 1));
const parent = defineSaga('parent', async (saga) => {
  await saga.child('part', child, undefined);
  await saga.waitFor('go');
});
const broken = defineSaga('broken', async (saga) => {
  const compensate = (): void => {
    throw new Error('away');
  };
  await saga.step('one', () => 1, { compensate });
  throw new Error('declined');
});

function start() {
  const sagas = createSagas(database, {
    sagas: { paid, parent, child, broken },
    pollInterval: 20,
    retryDelay: 10,
    attempts: 1,
  });
  sagas.start();
  stop = () => sagas.stop({ timeout: 1_000 });
  return sagas;
}

describe('forgetEndedSagas', () => {
  it('deletes what has ended, with its records on all clients, and frees its id', async () => {
    const { paid: calls } = start();
    await calls.run(false, { id: 'completed' });
    await rejection(calls.run(true, { id: 'failed' }));
    expect(await rows()).toBeGreaterThan(10);
    expect(await forget()).toBe(2);
    expect(await rows()).toBe(0);
    expect(await forget()).toBe(0);
    // It is a new one, and may have another input.
    await rejection(calls.run(true, { id: 'completed' }));
    expect(await left()).toEqual(['completed']);
  });

  it('deletes what is old enough, oldest first, and as many as is asked for', async () => {
    const { paid: calls } = start();
    for (const id of ['a', 'b', 'c']) await calls.run(false, { id });
    await endedAgo(10);
    await calls.run(false, { id: 'young' });
    expect(await forget({ olderThan: '11 days' })).toBe(0);
    expect(await forget({ olderThan: '9 days', limit: 2 })).toBe(2);
    expect(await left()).toEqual(['c', 'young']);
    expect(await forget({ olderThan: '9 days', limit: 2 })).toBe(1);
    expect(await left()).toEqual(['young']);
  });

  it('leaves what waits and what is stuck, and a child as long as its parent has not ended', async () => {
    const sagas = start();
    const waits = await sagas.parent.start(undefined, { id: 'waits' });
    const stuck = await sagas.broken.start(undefined, { id: 'stuck' });
    await until('one waits', async () => (await waits.status()).waitsFor[0] === 'go');
    await until('one is stuck', async () => (await stuck.status()).status === 'stuck');
    expect(await sagas.child.get('waits/part').status()).toMatchObject({ status: 'completed' });
    await endedAgo(10);
    const before = await rows();
    expect(await forget()).toBe(0);
    expect(await rows()).toBe(before);
    await waits.signal('go');
    await waits.result();
    // The child goes before its parent, although that seems to have ended earlier, as by a clock that was set back.
    await server.sql('update sluice_saga set ended_at = number where ended_at is not null');
    expect(await forget({ limit: 1 })).toBe(1);
    expect(await left()).toEqual(['waits', 'stuck']);
    expect(await forget()).toBe(1);
    expect(await left()).toEqual(['stuck']);
  });

  it('deletes nothing of those whose client the program does not have', async () => {
    await start().paid.run(false, { id: 'a' });
    await stop();
    const before = await rows();
    const lacking = server.open();
    expect(await rejection(forgetEndedSagas(lacking, { olderThan: 0 }))).toMatchObject({ code: 'UNKNOWN_CLIENT' });
    expect(await rows()).toBe(before);
  });

  itWith('several writers')('is beside the transactions of who calls it', async () => {
    await start().paid.run(false, { id: 'a' });
    const error = new Error('roll back');
    const payments = database.getDb({ clientName: 'payments' });
    const inBoth = database.transaction(() =>
      payments.transaction.begin(async () => {
        await payments.query('select 1');
        expect(await forget()).toBe(1);
        throw error;
      }),
    );
    expect(await rejection(inBoth)).toBe(error);
    expect(await rows()).toBe(0);
  });

  itWith('row locks')('leaves those that another call is deleting', async () => {
    const { paid: calls } = start();
    for (const id of ['a', 'b']) await calls.run(false, { id });
    await database.transaction(async () => {
      await database.query("select id from sluice_saga where saga = 'paid' and id = 'a' for update");
      const beside = createDatabase({
        clients: { default: server.client(), payments: other.client() },
        defaultClient: 'default',
      });
      expect(await forgetEndedSagas(beside, { olderThan: 0 })).toBe(1);
      await beside.close();
    });
    expect(await left()).toEqual(['a']);
  });

  it('says what to do where the tables are missing', async () => {
    const without = engine.server();
    await without.start();
    const empty = createDatabase({ clients: { default: without.client() } });
    expect(await rejection(forgetEndedSagas(empty, { olderThan: 0 }))).toMatchObject({ code: 'SAGA_TABLES_MISSING' });
    await empty.close();
    await without.drop();
  });

  it('finds them by an index', async () => {
    // In tables of their own: MariaDB counts what others have deleted. Few are old enough, and the engine has to know of the others.
    const own = engine.server();
    await own.start();
    const large = createDatabase({ clients: { default: own.client() } });
    await createSagaTables(large.current);
    const values = Array.from({ length: 1_000 }, (_, n) => {
      const parent = n % 2 === 0 ? 'null, null' : `'paid', 'n${n - 1}'`;
      return `('paid', 'n${n}', 'paid@1', 'completed', '{}', 's', 0, ${n < 2 ? n : 9_999_999_999_999}, ${parent})`;
    });
    const columns = 'saga, id, definition, status, context, seed, created_at, ended_at, parent_saga, parent_id';
    await own.sql(`insert into sluice_saga (${columns}) values ${values.join()}`);
    await own.sql(engine.name === 'mariadb' ? 'analyze table sluice_saga' : 'analyze sluice_saga');
    const { text } = endedSagas(tables.of(large.current), 0, 1_000);
    const explain = engine.name === 'sqlite' ? 'explain query plan' : 'explain';
    const plan = JSON.stringify(await own.sql(`${explain} ${text.replace('$1', '1000')}`));
    await large.close();
    await own.drop();
    expect(plan).toMatch(/sluice_saga_ended/);
    expect(plan).not.toMatch(/Seq Scan|SCAN|AUTOMATIC|"type":"(ALL|index)"|MATERIALIZED/);
  });
});
