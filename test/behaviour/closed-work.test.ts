// A database that closes ends sagas and durable listeners that run: they have not failed, and go on elsewhere.
import { afterEach, describe, expect, it } from 'vitest';
import { createEvents, createEventTables, defineEvent } from '../../src/events/index.ts';
import type { Database } from '../../src/index.ts';
import { createSagas, createSagaTables, defineSaga } from '../../src/saga/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { until } from '../support/settled.ts';

const server = useTestDatabase();
const count = 4;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A gate that what runs waits at until it is opened, or for ever. */
function gate(): { readonly arrived: () => number; readonly pass: () => Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  return {
    arrived: () => arrived,
    async pass() {
      arrived += 1;
      await promise;
    },
    open: resolve,
  };
}

const ids = Array.from({ length: count }, (_, at) => `order ${at}`);

describe('sagas', () => {
  let undone = 0;
  const open = (database: Database, pass: () => Promise<void>) => {
    const order = defineSaga('order', async (saga, input: { readonly by: string }) => {
      const by = await saga.step('reserve', () => input.by, { compensate: () => void (undone += 1) });
      await saga.step('pay', async () => {
        await database.query('select 1 as one');
        await pass();
      });
      return by;
    });
    const sagas = createSagas(database, { sagas: { order }, lease: 60_000, pollInterval: 20 });
    closing.push(() => sagas.stop({ timeout: 0 }));
    return sagas;
  };

  it('that are ended by the timeout of a close are given back at once, and undo nothing', async () => {
    const database = server.open({ max: count + 1 });
    await createSagaTables(database.current);
    const { arrived, pass } = gate();
    const sagas = open(database, pass);
    sagas.start();
    for (const id of ids) await sagas.order.start({ by: id }, { id });
    // On SQLite there is one writer.
    await until('steps run', () => arrived() > 0);
    await database.close({ timeout: 50 });
    const next = open(server.open(), async () => {});
    next.start();
    expect(await Promise.all(ids.map((id) => next.order.get(id).result({ timeout: 10_000 })))).toEqual(ids);
    expect(undone).toBe(0);
  });

  it('that run when a close begins get its timeout', async () => {
    const database = server.open({ max: count + 1 });
    await createSagaTables(database.current);
    const { arrived, pass, open: go } = gate();
    const sagas = open(database, pass);
    sagas.start();
    await sagas.order.start({ by: 'all of it' }, { id: 'timely' });
    await until('a step runs', () => arrived() === 1);
    const closed = database.close();
    go();
    await closed;
    const { rows } = await server.open().query("select status from sluice_saga where id = 'timely'");
    expect(rows).toEqual([{ status: 'completed' }]);
  });
});

describe('durable listeners', () => {
  it('that are ended by the timeout of a close have not used an attempt up', async () => {
    const database = server.open({ max: count + 1 });
    await createEventTables(database.current);
    const placed = defineEvent<{ readonly id: string }>('placed');
    const { arrived, pass } = gate();
    const events = createEvents(database, { attempts: 1, pollInterval: 20 });
    events.on(placed, { phase: 'durable', id: 'mail' }, async () => {
      await database.query('select 1 as one');
      await pass();
    });
    for (const id of ids) await database.transaction(() => events.publish(placed, { id }));
    events.start();
    await until('listeners run', () => arrived() > 0);
    await database.close({ timeout: 50 });
    const next = server.open();
    const seen: string[] = [];
    const heirs = createEvents(next, { attempts: 1, pollInterval: 20 });
    closing.push(() => heirs.stop({ timeout: 0 }));
    heirs.on(placed, { phase: 'durable', id: 'mail' }, ({ id }, { attempt }) => void seen.push(`${id}: ${attempt}`));
    heirs.start();
    await until('all have come', () => seen.length === count);
    expect(seen.toSorted()).toEqual(ids.map((id) => `${id}: 1`));
  });
});
