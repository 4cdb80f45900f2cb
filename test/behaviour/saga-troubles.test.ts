// Sagas where something goes wrong around their steps, on each engine: answers that are lost, bodies that hang, ids that are taken.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { channelNames, createDatabase, type Database } from '../../src/index.ts';
import { createSagas, createSagaTables, defineSaga, type SagaDefinition, type Sagas } from '../../src/saga/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { MortalProcess } from '../support/mortal-client.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
beforeAll(() => createSagaTables(server.open().current));

const quick = { pollInterval: 20, retryDelay: 10, lease: 600 } as const;
const never = (): Promise<never> => new Promise(() => {});
let reported: unknown[] = [];
const note = (message: unknown): unknown => reported.push((message as { readonly error: unknown }).error);
beforeEach(() => {
  reported = [];
  subscribe(channelNames.backgroundError, note);
});
afterEach(() => unsubscribe(channelNames.backgroundError, note));

async function using<Definitions extends Readonly<Record<string, SagaDefinition<never>>>>(
  database: Database,
  definitions: Definitions,
  work: (sagas: Sagas<Definitions>) => Promise<void>,
): Promise<void> {
  const sagas = createSagas(database, { sagas: definitions, ...quick });
  sagas.start();
  try {
    await work(sagas);
  } finally {
    await sagas.stop({ timeout: 500 });
  }
}

const remove = (database: Database<'default'>, id: number) => (): Promise<unknown> =>
  database.current.query('delete from product where id = $1', [id]);

describe('an end whose answer is lost', () => {
  it.each(['completed', 'cancelled', 'failed'])('is the end of a saga that is %s', async (status) => {
    const mortal = new MortalProcess({ at: 'ended_at =', how: 'unanswered' });
    const database = createDatabase({ clients: { default: mortal.client(server.client()) } });
    let [undone, later] = [0, 0];
    const order = defineSaga(`order-${status}`, async (saga) => {
      const undo = { compensate: () => void (undone += 1) };
      await saga.step('first', () => insert(database, 1), undo);
      if (status === 'cancelled') await saga.waitFor('go');
      await saga.step('later', () => void (later += 1));
      if (status === 'failed') throw new Error('no');
    });
    const next = defineSaga('next', async (saga) => await saga.step('one', () => 1));
    await using(database, { order, next }, async (sagas) => {
      const handle = await sagas.order.start(undefined, { id: 'a' });
      if (status === 'cancelled') {
        await until('it waits', async () => (await handle.status()).status === 'waiting');
        await handle.cancel();
      }
      await mortal.lost;
      await until('the loss was reported', () => reported.length > 0);
      // What drives sagas here has come by after that.
      await sagas.next.run(undefined, { id: status });
      const [row] = await server.sql<{ status: string; wake_at: unknown }>(
        `select status, wake_at from sluice_saga where saga = 'order-${status}'`,
      );
      expect(row).toMatchObject({ status, wake_at: null });
    });
    expect(undone).toBe(status === 'completed' ? 0 : 1);
    expect(later).toBe(status === 'cancelled' ? 0 : 1);
    await database.close();
  });
});

describe('a body that hangs outside of its steps', () => {
  it('is reported, and undone when it is cancelled', async () => {
    const database = server.open();
    const order = defineSaga('hangs', async (saga) => {
      await saga.step('one', () => insert(database, 1), { compensate: remove(database, 1) });
      await never();
    });
    await using(database, { order }, async (sagas) => {
      const handle = await sagas.order.start(undefined, { id: 'a' });
      const isReported = (): boolean => reported.some((error) => String(error).includes('what is no step'));
      await until('it was reported', isReported);
      await handle.cancel();
      expect(await rejection(handle.result({ timeout: 20_000 }))).toMatchObject({ code: 'SAGA_CANCELLED' });
      expect(await server.products()).toEqual([]);
    });
  });

  it('does not keep its place from others once another driver has it', async () => {
    const database = server.open();
    const stepped = Promise.withResolvers<void>();
    const order = defineSaga('hangs-first', async (saga) => {
      await saga.step('one', () => 1);
      stepped.resolve();
      await never();
    });
    const next = defineSaga('next-in-place', async (saga) => await saga.step('one', () => 1));
    const sagas = createSagas(database, { sagas: { order, next }, ...quick, concurrency: 1 });
    const handle = await sagas.order.start(undefined, { id: 'a' });
    sagas.start();
    await stepped.promise;
    await handle.cancel();
    const following = await sagas.next.start(undefined, { id: 'a' });
    expect(await following.result({ timeout: 20_000 })).toBe(1);
    await sagas.stop({ timeout: 500 });
  });
});

describe('a child whose id is taken', () => {
  it('fails as a step does, which says so', async () => {
    const database = server.open();
    const child = defineSaga('child', async (saga) => await saga.step('one', () => 1));
    const parent = defineSaga('parent', async (saga) => {
      await saga.step('before', () => insert(database, 1), { compensate: remove(database, 1) });
      return await saga.child('c', child, undefined);
    });
    await using(database, { child, parent }, async (sagas) => {
      await sagas.child.run(undefined, { id: 'o/c' });
      const error = await rejection(sagas.parent.run(undefined, { id: 'o', timeout: 20_000 }));
      expect(error).toMatchObject({
        code: 'SAGA_FAILED',
        step: 'c',
        cause: {
          failure: { code: 'SAGA_CONFLICT', message: expect.stringContaining('another one has started') as string },
        },
      });
      expect(await server.products()).toEqual([]);
    });
  });
});

describe('a signal with the name of the end of a child', () => {
  it('is refused: it would end the wait for the child', async () => {
    const database = server.open();
    const child = defineSaga('asked', async (saga) => await saga.waitFor('go'));
    const parent = defineSaga('asking', async (saga) => await saga.child('c', child, undefined));
    await using(database, { child, parent }, async (sagas) => {
      const handle = await sagas.parent.start(undefined, { id: 'p' });
      expect(await rejection(handle.signal('child:c', 'mine'))).toMatchObject({ code: 'INVALID_OPTION' });
      await until('the child is there', async () => {
        const [found] = await server.sql("select 1 from sluice_saga where saga = 'asked'");
        return found !== undefined;
      });
      await sagas.child.get('p/c').signal('go', 'its own');
      expect(await handle.result({ timeout: 20_000 })).toBe('its own');
    });
  });
});
