import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { channelNames, type Database } from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();
let events: [name: string, message: object][] = [];

function note(message: unknown, name: string | symbol): void {
  events.push([String(name), message as object]);
}
beforeEach(() => {
  events = [];
  for (const name of Object.values(channelNames)) subscribe(name, note);
});
afterEach(() => {
  for (const name of Object.values(channelNames)) unsubscribe(name, note);
});

describe('events', () => {
  it('tell of a transaction and its connection from beginning to end', async () => {
    const database = server.open();
    await database.transaction(() => insert(database, 1), { name: 'checkout' });
    const transaction = { clientName: 'default', level: 0, transaction: 'checkout' };
    expect(events).toEqual([
      [channelNames.transactionStart, transaction],
      [channelNames.connectionOpen, { clientName: 'default', open: 1 }],
      [channelNames.connectionRelease, { clientName: 'default', level: 0, heldFor: expect.any(Number) as number }],
      [channelNames.transactionEnd, { ...transaction, outcome: 'committed', duration: expect.any(Number) as number }],
    ]);
    await database.close();
    expect(events.at(-1)).toEqual([channelNames.connectionClose, { clientName: 'default', open: 0 }]);
  });

  it('tell of a rollback', async () => {
    const database = server.open();
    await rejection(
      database.transaction(() => {
        throw new Error('declined');
      }),
    );
    expect(events.at(-1)).toMatchObject([channelNames.transactionEnd, { outcome: 'rolledBack' }]);
  });

  it('tell of a request that has to wait', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const release = signal();
    const holder = database.transaction(async () => {
      await insert(database, 1);
      await release.promise;
    });
    await until('the connection is held', () => database.stats().clients.default.oldestHolder !== undefined);
    const waiting = insert(database, 2);
    expect(events.at(-1)).toEqual([channelNames.acquireWait, { clientName: 'default', level: 0, waiting: 1 }]);
    release.fire();
    await Promise.all([holder, waiting]);
  });

  it.each<[string, (database: Database<'default'>) => Promise<unknown>, taken: number]>([
    ['a transaction', (database) => database.transaction(() => insert(database, 1)), 1],
    ['one without a statement', (database) => database.transaction(async () => {}), 0],
    [
      'one that rolls back',
      (database) =>
        rejection(
          database.transaction(async () => {
            await insert(database, 1);
            throw new Error('declined');
          }),
        ),
      1,
    ],
    [
      'one with a savepoint that is rolled back',
      (database) =>
        database.transaction(async () => {
          await insert(database, 1);
          const failing = (): Promise<void> => insert(database, 1);
          await rejection(database.transaction(failing, { propagation: 'NESTED' }));
        }),
      1,
    ],
    ['a statement that carries the COMMIT', (database) => database.transaction(() => lastInsert(database)), 1],
    ['a statement alone', (database) => insert(database, 1), 1],
    ['one that fails', (database) => rejection(database.query('select nothing from nowhere')), 1],
  ])('%s gives each connection back that it took, once', async (_what, run, taken) => {
    const database = server.open();
    await run(database);
    const released = events.filter(([name]) => name === channelNames.connectionRelease);
    expect(released).toHaveLength(taken);
  });
});

async function lastInsert(database: Database<'default'>): Promise<void> {
  await database.query('insert into product (id) values (1)', [], { last: true });
}
