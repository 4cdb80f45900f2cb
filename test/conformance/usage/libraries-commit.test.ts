// A library's commit that comes from a transaction which is nested in what it would commit.
import type { Knex } from 'knex';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../src/index.ts';
import { insert, useTestDatabase } from '../../support/database.ts';
import { rejection } from '../../support/settled.ts';
import { openings as knexOpenings } from './knex.ts';
import { openings as typeOrmOpenings, Product, schema } from './typeorm.ts';

const server = useTestDatabase(...schema);
let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 4 });
});

type Around = (body: () => Promise<unknown>) => Promise<unknown>;
const around: Readonly<Record<string, Around>> = {
  'by itself': (body) => body(),
  'in an ambient transaction': (body) => database.transaction(body),
};
const refused = { code: 'TRANSACTION_CONTROL', message: expect.stringContaining('nested in it') as string };

describe.each(Object.entries(around))('from a nested transaction, %s', (_, run) => {
  const nested: Readonly<Record<string, (trx: Knex.Transaction, body: () => Promise<unknown>) => Promise<unknown>>> = {
    'of the database': (__, body) => database.transaction(body),
    'of the handle': (trx, body) => trx.transaction(body),
    'of the database, in two': (__, body) => database.transaction(() => database.transaction(body)),
  };

  it.each(Object.entries(nested))('%s, a commit of Knex fails it, and says why', async (__, nest) => {
    const knex = await knexOpenings.bound(database);
    await run(async () => {
      const outcome = knex.transaction(async (trx) => {
        await trx('product').insert({ id: 1 });
        await nest(trx, async () => await trx.commit());
      });
      expect(await rejection(Promise.resolve(outcome))).toMatchObject(refused);
      await insert(database, 2);
    });
    expect(await server.products()).toEqual([2]);
    expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
    await knexOpenings.close(knex);
  });

  it('a commit of TypeORM is refused, and commits where the nested one has ended', async () => {
    const dataSource = await typeOrmOpenings.bound(database);
    await run(() =>
      dataSource.transaction(async (manager) => {
        await manager.insert(Product, { id: 1 });
        await database.transaction(async () => {
          await insert(database, 2);
          expect(await rejection(manager.queryRunner?.commitTransaction() ?? Promise.resolve())).toMatchObject(refused);
        });
      }),
    );
    expect(await server.products()).toEqual([1, 2]);
    await typeOrmOpenings.close(dataSource);
  });
});
