// Pongo over an ambient pool: documents beside everything else, in one transaction.
import { type PongoClient, pongoClient, type PongoCollection } from '@event-driven-io/pongo';
import { beforeEach, describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import type { Database } from '../../src/index.ts';
import { bindEntries } from '../../src/ports/library/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

type User = { readonly _id?: string; readonly name: string };

class Undo extends Error {}

const server = useTestDatabase();

describe.each([1, 10])('Pongo with max: %i', (max) => {
  let database: Database<'default'>;
  let client: PongoClient;
  let users: PongoCollection<User>;

  beforeEach(async () => {
    database = server.open({ max }, { unbound: 'error' });
    client = pongoClient('postgres://127.0.0.1:1/test', { connectionOptions: { pool: ambientPool(database) } });
    users = client.db().collection<User>('users');
    await users.createCollection();
    await server.sql('truncate users');
  });

  const names = async (): Promise<unknown[]> =>
    (await server.sql("select data ->> 'name' as name from users order by name")).map(({ name }) => name);

  it('writes in the ambient transaction', async () => {
    const undone = await rejection(
      database.transaction(async () => {
        await users.insertOne({ name: 'Ann' });
        await insert(database, 1);
        expect(String(await users.countDocuments())).toBe('1');
        throw new Undo();
      }),
    );
    expect(undone).toBeInstanceOf(Undo);
    expect([await names(), await server.products()]).toEqual([[], []]);
  });

  it('has transactions of its own that everything below joins', async () => {
    const failing = (fails: boolean): Promise<void> =>
      client.withSession((session) =>
        bindEntries(database, session, ['withTransaction']).withTransaction(async () => {
          await insert(database, fails ? 1 : 2);
          await users.insertOne({ name: fails ? 'Ann' : 'Bob' }, { session });
          if (fails) throw new Undo();
        }),
      );
    expect(await rejection(failing(true))).toBeInstanceOf(Undo);
    await failing(false);
    expect([await names(), await server.products()]).toEqual([['Bob'], [2]]);
  });

  it('undoes its own transaction alone inside of another', async () => {
    await database.transaction(async () => {
      await insert(database, 1);
      const undone = await rejection(
        client.withSession((session) =>
          bindEntries(database, session, ['withTransaction']).withTransaction(async () => {
            await users.insertOne({ name: 'Ann' }, { session });
            throw new Undo();
          }),
        ),
      );
      expect(undone).toBeInstanceOf(Undo);
      await users.insertOne({ name: 'Bob' });
    });
    expect([await names(), await server.products()]).toEqual([['Bob'], [1]]);
  });

  it('makes its table inside of a transaction, and takes it back with that', async () => {
    const undone = await rejection(
      database.transaction(async () => {
        await client.db().collection('drafts').insertOne({ name: 'one' });
        throw new Undo();
      }),
    );
    expect(undone).toBeInstanceOf(Undo);
    expect(await server.sql("select to_regclass('drafts') as made")).toEqual([{ made: null }]);
  });
});
