// Sagas on MariaDB: who locks what before what, and what is made of a deadlock.
import { beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { createSagas, createSagaTables, defineSaga } from '../../src/saga/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { signal as opened, until } from '../support/settled.ts';

const server = useTestDatabase();
const order = defineSaga('order', async (saga) => await saga.waitFor<number>('go'));
let database: Database<'default'>;
beforeEach(async () => {
  database = server.open();
  await createSagaTables(database.current);
});

it('signals sagas in transactions while they are claimed, without a deadlock', async () => {
  await using sagas = createSagas(database, { sagas: { order }, pollInterval: 10 });
  sagas.start();
  for (let round = 0; round < 30; round += 1) {
    await Promise.all(
      Array.from({ length: 4 }, async (_, at) => {
        const id = `${round}-${at}`;
        const handle = await sagas.order.start(undefined, { id });
        await database.transaction(() => handle.signal('go', at));
      }),
    );
  }
});

it('repeats a signal in a transaction of its own that a deadlock has undone', async () => {
  await using sagas = createSagas(database, { sagas: { order }, pollInterval: 10_000 });
  await database.transaction(() => sagas.order.start(undefined, { id: 'a' }));
  const other = server.open({ max: 1 });
  const [hasWritten, mayLock] = [opened(), opened()];
  // It has written more, so that the server undoes the signal.
  const transaction = other.transaction(async () => {
    for (const name of ['go', ...Array.from({ length: 50 }, (_, at) => `other ${at}`)]) {
      await other.query(`insert into sluice_saga_signal (saga, id, name, at) values ('order', 'a', $1, 0)`, [name]);
    }
    hasWritten.fire();
    await mayLock.promise;
    await other.query(`update sluice_saga set attempts = 0 where saga = 'order' and id = 'a'`);
    throw new Error('undo it');
  });
  await hasWritten.promise;
  const given = sagas.signal('a', 'go', 1);
  await until('the signal waits for the other transaction', async () => {
    const waiting = await server.sql(
      `select 1 from information_schema.processlist where db = database() and info like '%into sluice_saga_signal%' and state <> ''`,
    );
    return waiting.length > 1;
  });
  mayLock.fire();
  await expect(transaction).rejects.toThrow('undo it');
  await given;
  expect(await server.sql(`select name from sluice_saga_signal where id = 'a'`)).toEqual([{ name: 'go' }]);
});
