// What sagas cost on the wire, asleep, and many at once.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { currentContext, type Database, withContext } from '../../src/index.ts';
import { createSagas, createSagaTables, defineSaga, type SagaDefinition, type Sagas } from '../../src/saga/index.ts';
import { postgresSagas } from '../../src/drivers/postgres/dialect/sagas.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';
import { startWireProxy, type WireProxy } from '../support/wire-proxy.ts';

const server = useTestDatabase();
let proxy: WireProxy;
let stop: (() => Promise<void>) | undefined;
beforeAll(async () => {
  proxy = await startWireProxy(server.url);
  await createSagaTables(server.open().current);
});
afterAll(() => proxy.close());
afterEach(() => stop?.());

function open<Input, Result>(
  database: Database<'default'>,
  definition: SagaDefinition<Input, Result>,
  more: object = {},
): Sagas<{ it: SagaDefinition<Input, Result> }> {
  const sagas = createSagas(database, { sagas: { it: definition }, pollInterval: 20, ...more });
  stop = () => sagas.stop({ timeout: 1_000 });
  return sagas;
}

/** Waits until nothing is sent any longer. @returns how much was sent until then */
async function quiet(): Promise<number> {
  let all = 0;
  for (let sent = -1; sent !== 0; all += sent) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    sent = proxy.takeRoundTrips();
  }
  return all;
}

describe('round trips', () => {
  it('a saga of 5 steps has 3 more than its bodies as transactions: its beginning, its end, and a look for the next one', async () => {
    const database = server.open({ connectionString: proxy.url, max: 1 });
    const bodies = [1, 2, 3, 4, 5].map((id) => async () => {
      await insert(database, id);
      await insert(database, id + 10);
    });
    const saga = defineSaga('five', async (five) => {
      for (const [at, body] of bodies.entries()) await five.step(`${at}`, body);
    });
    // Nobody looks for what is due meanwhile; the connections are open.
    const sagas = open(database, saga, { pollInterval: 60_000 });
    await sagas.it.run(undefined, { id: 'before' });
    await quiet();
    await server.sql('delete from product');
    for (const body of bodies) await database.transaction(body);
    const alone = proxy.takeRoundTrips();
    await server.sql('delete from product');
    await sagas.it.run(undefined, { id: 'counted' });
    const recorded = proxy.takeRoundTrips() + (await quiet());
    expect(alone).toBe(15);
    // Its beginning, its end, and a look for what is due after it.
    expect(recorded - alone).toBe(3);
    expect(await server.products()).toHaveLength(10);
  });
});

describe('many sagas', () => {
  it('10,000 asleep keep no timer and no connection, and one that is signalled goes on at once', async () => {
    const database = server.open({ max: 2 });
    const saga = defineSaga('asleep', async (asleep) => await asleep.waitFor<string>('go'));
    const sagas = open(database, saga, { concurrency: 50 });
    await server.sql(
      `insert into sluice_saga (saga, id, definition, status, context, seed, waits_for, created_at, wake_at)
        select 'asleep', 'a' || n, 'asleep@1', 'running', '{}', 'seed', '{"names":["go"]}', 0,
          case when n % 2 = 0 then 9999999999999 end from generate_series(1, 10000) n`,
    );
    // What is due is found by the index alone.
    await server.sql('analyze sluice_saga');
    const due = `explain select 1 from sluice_saga where wake_at <= ${postgresSagas.now} and definition = 'asleep@1' limit 1`;
    expect(JSON.stringify(await server.sql(due))).toContain('Index Cond');
    const timers = (): number => process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length;
    const before = timers();
    sagas.start();
    await until('it is idle', () => database.stats().clients.default.oldestHolder === undefined);
    expect(timers() - before).toBeLessThanOrEqual(5);
    const handle = sagas.it.get('a5000');
    await handle.signal('go', 'gone');
    expect(await handle.result({ timeout: 10_000 })).toBe('gone');
  });

  it('1,000 at once end at two connections', { timeout: 120_000 }, async () => {
    const database = server.open({ max: 2, acquireTimeout: 60_000 });
    const saga = defineSaga('many', async (many, id: number) => {
      await many.step('one', () => insert(database, id));
      return await many.step('two', () => id);
    });
    const sagas = open(database, saga, { concurrency: 20 });
    const ids = Array.from({ length: 1_000 }, (_, at) => at + 1);
    const results = await Promise.all(ids.map((id) => sagas.it.run(id, { id: `m${id}` })));
    expect(results).toEqual(ids);
    expect(await server.products()).toHaveLength(1_000);
  });
});

describe('the context', () => {
  it('of who started a saga is there in its body, its steps and its compensations', async () => {
    const seen: unknown[] = [];
    const see = (): void => void seen.push(currentContext().tenant);
    const database = server.open();
    const saga = defineSaga('tenant', async (tenant) => {
      see();
      await tenant.step('one', see, { compensate: see });
      await tenant.waitFor('go', { timeout: 10 });
    });
    const sagas = open(database, saga);
    const handle = await withContext({ tenant: 'acme' }, () => sagas.it.start(undefined, { id: 't' }));
    sagas.start();
    expect(await rejection(handle.result())).toMatchObject({ code: 'SAGA_FAILED' });
    expect(seen.length).toBeGreaterThanOrEqual(3);
    expect(new Set(seen)).toEqual(new Set(['acme']));
  });
});
