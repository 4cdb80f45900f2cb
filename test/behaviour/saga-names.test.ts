// The longest names and ids of sagas, and those of their children, which are made of them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { createSagas, createSagaTables, defineSaga, findSaga } from '../../src/saga/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const quick = { pollInterval: 20, retryDelay: 10 } as const;
const stops: (() => Promise<void>)[] = [];
let database: Database<'default'>;
let run = 0;
beforeEach(async () => {
  run += 1;
  database = server.open();
  await createSagaTables(database.current);
});
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

/** A name that no other test has. */
const named = (name: string): string => `${name}-${run}`;

describe('a child', () => {
  it('has an id of its own, which can be asked for, however long that of its parent is', async () => {
    const charged: string[] = [];
    const charge = defineSaga(named('charge'), async (saga, amount: number) => {
      await saga.step('charge', () => charged.push(`${amount} as ${saga.id}`));
      return amount;
    });
    const parent = defineSaga(named('parent'), async (saga) => [
      await saga.child('charge-1', charge, 3),
      await saga.child('charge-2', charge, 4),
    ]);
    const sagas = createSagas(database, { sagas: { parent, charge }, ...quick });
    stops.push(() => sagas.stop({ timeout: 1_000 }));
    for (const id of ['x'.repeat(195), '\u{1F600}'.repeat(100)]) {
      charged.length = 0;
      expect(await sagas.parent.run(undefined, { id, timeout: 10_000 })).toEqual([3, 4]);
      const children = (await findSaga(database.current, parent.name, id))?.children ?? [];
      expect(charged).toEqual(children.map((child, at) => `${at + 3} as ${child.id}`));
      for (const [at, child] of children.entries()) {
        expect(child.id.length).toBeLessThanOrEqual(200);
        expect(await sagas.charge.get(child.id).result()).toBe(at + 3);
      }
    }
    await sagas.parent.run(undefined, { id: 'short' });
    expect(await sagas.charge.get('short/charge-1').result()).toBe(3);
  });

  it('tells its parent of its end, however long the name of its step is', async () => {
    const charge = defineSaga(named('charge'), (_, amount: number) => amount);
    const [one, other] = [`${'n'.repeat(199)}1`, `${'n'.repeat(199)}2`];
    const parent = defineSaga(named('parent'), async (saga) => [
      await saga.child(one, charge, 3),
      await saga.child(other, charge, 4),
    ]);
    const sagas = createSagas(database, { sagas: { parent, charge }, ...quick });
    stops.push(() => sagas.stop({ timeout: 1_000 }));
    expect(await sagas.parent.run(undefined, { timeout: 10_000 })).toEqual([3, 4]);
  });

  it('is cancelled with its parent, however long its id is', async () => {
    const undone: string[] = [];
    const charge = defineSaga(named('charge'), async (saga) => {
      await saga.step('one', () => 1, { compensate: () => void undone.push(saga.id) });
      await saga.waitFor('never');
    });
    const parent = defineSaga(named('parent'), async (saga) => {
      await saga.child('charge', charge, undefined);
    });
    const sagas = createSagas(database, { sagas: { parent, charge }, ...quick });
    stops.push(() => sagas.stop({ timeout: 1_000 }));
    const handle = await sagas.parent.start(undefined, { id: 'y'.repeat(200) });
    sagas.start();
    const childId = async (): Promise<string | undefined> =>
      (await findSaga(database.current, parent.name, handle.id))?.children.find(({ status }) => status === 'waiting')
        ?.id;
    await until('the child waits', async () => (await childId()) !== undefined);
    const id = await childId();
    await handle.cancel();
    expect(await rejection(handle.result({ timeout: 10_000 }))).toMatchObject({ code: 'SAGA_CANCELLED' });
    expect(undone).toEqual([id]);
  });
});

describe('the longest names', () => {
  it('are stored as they are, and told apart by their last character', async () => {
    const last = (end: string): string => `${'l'.repeat(199)}${end}`;
    const order = defineSaga(
      `o${run}`.padEnd(100, 'o'),
      async (saga) => {
        const steps = [await saga.step(last('1'), () => 1), await saga.step(last('2'), () => 2)];
        return [...steps, await saga.waitFor<number>(last('3')), await saga.waitFor<number>(last('4'))];
      },
      { version: 1_000_000 },
    );
    const sagas = createSagas(database, { sagas: { order }, ...quick });
    stops.push(() => sagas.stop({ timeout: 1_000 }));
    for (const id of [last('5'), last('6')]) {
      const handle = await sagas.order.start(undefined, { id });
      await handle.signal(last('3'), 3);
      await handle.signal(last('4'), 4);
      expect(await handle.result({ timeout: 10_000 })).toEqual([1, 2, 3, 4]);
    }
  });
});
