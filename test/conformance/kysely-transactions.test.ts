// What Kysely promises of its transactions, over the ambient pool: by themselves and inside of an ambient one.
import { CamelCasePlugin, type Generated, Kysely, PostgresDialect, sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import type { Database } from '../../src/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

interface Tables {
  product: { id: number; stock: Generated<number> };
}

const server = useTestDatabase();
let database: Database<'default'>;
let kysely: Kysely<Tables>;

beforeEach(() => {
  database = server.open({ max: 2 });
  kysely = bindKysely(new Kysely<Tables>({ dialect: new PostgresDialect({ pool: ambientPool(database) }) }), database);
});
afterEach(() => kysely.destroy());

const insert = (handle: Kysely<Tables>, id: number): Promise<unknown> =>
  handle.insertInto('product').values({ id }).execute();
const show = async (handle: Kysely<Tables>, name: string): Promise<unknown> =>
  Object.values((await sql<Record<string, unknown>>`show ${sql.raw(name)}`.execute(handle)).rows[0] ?? {})[0];

describe('a transaction of Kysely', () => {
  it.each(['read uncommitted', 'read committed', 'repeatable read', 'serializable'] as const)(
    'runs at %s, and leaves nothing of it on the connection',
    async (level) => {
      const seen = await kysely
        .transaction()
        .setIsolationLevel(level)
        .execute((trx) => show(trx, 'transaction_isolation'));
      expect(seen).toBe(level);
      expect(await show(kysely, 'transaction_isolation')).toBe('read committed');
    },
  );

  it('is read-only where it was asked to be', async () => {
    const error = await rejection(
      kysely
        .transaction()
        .setAccessMode('read only')
        .execute((trx) => insert(trx, 1)),
    );
    expect(error).toMatchObject({ code: '25006' });
    await kysely
      .transaction()
      .setAccessMode('read write')
      .setIsolationLevel('serializable')
      .execute((trx) => insert(trx, 2));
    expect(await server.products()).toEqual([2]);
  });

  it('gives the result of its function, rolls back on its error, and takes no others', async () => {
    expect(await kysely.transaction().execute(() => Promise.resolve(42))).toBe(42);
    const failed = new Error('failed');
    const thrown = kysely.transaction().execute(async (trx) => {
      await insert(trx, 1);
      throw failed;
    });
    expect(await rejection(thrown)).toBe(failed);
    const within = kysely.transaction().execute((trx) => {
      expect(trx.isTransaction).toBe(true);
      return Promise.resolve().then(() => trx.transaction() as unknown);
    });
    expect((await rejection(within)).message).toContain('not supported');
    expect(await server.products()).toEqual([]);
  });

  it('refuses a handle that was kept after its end', async () => {
    let kept = kysely;
    await kysely.transaction().execute((trx) => {
      kept = trx;
      return insert(trx, 1);
    });
    await rejection(insert(kept, 2));
    expect(await server.products()).toEqual([1]);
  });

  it('commits nothing after a failed statement that its function has caught', async () => {
    const error = await rejection(
      kysely.transaction().execute(async (trx) => {
        await insert(trx, 1);
        await rejection(sql`select 1 / 0`.execute(trx));
      }),
    );
    expect(error).toMatchObject({ code: 'UNEXPECTED_ROLLBACK' });
    expect(await server.products()).toEqual([]);
  });

  it('is bound on copies too', async () => {
    for (const copy of [
      kysely.withSchema('public'),
      kysely.withoutPlugins(),
      kysely.withPlugin(new CamelCasePlugin()),
    ]) {
      await rejection(
        copy.transaction().execute(async (trx) => {
          await insert(trx, 1);
          await insert(kysely, 2);
          throw new Error('all of it');
        }),
      );
    }
    await insert(kysely, 5);
    expect(await server.products()).toEqual([5]);
  });
});

describe.each(['outside of', 'inside of'])('a controlled transaction of Kysely %s an ambient one', (where) => {
  const run = (body: () => Promise<void>): Promise<void> =>
    where === 'outside of' ? body() : database.transaction(body);

  it('is committed by hand', async () => {
    await run(async () => {
      const trx = await kysely.startTransaction().execute();
      await insert(trx, 1);
      await insert(trx, 2);
      await trx.commit().execute();
      expect(trx.isCommitted).toBe(true);
    });
    expect(await server.products()).toEqual([1, 2]);
  });

  it('is rolled back by hand', async () => {
    await run(async () => {
      const trx = await kysely.startTransaction().setIsolationLevel('read committed').execute();
      await insert(trx, 1);
      await trx.rollback().execute();
      expect(trx.isRolledBack).toBe(true);
      await insert(kysely, 2);
    });
    expect(await server.products()).toEqual([2]);
  });

  it('has savepoints, to which it is rolled back, again too, and which are released', async () => {
    await run(async () => {
      const trx = await kysely.startTransaction().execute();
      await insert(trx, 1);
      const first = await trx.savepoint('first').execute();
      await insert(first, 2);
      await first.rollbackToSavepoint('first').execute();
      await insert(first, 3);
      await first.rollbackToSavepoint('first').execute();
      await insert(first, 4);
      const second = await first.savepoint('second').execute();
      await insert(second, 5);
      await second.releaseSavepoint('second').execute();
      const third = await first.savepoint('third').execute();
      await rejection(insert(third, 1));
      await third.rollbackToSavepoint('third').execute();
      await insert(trx, 6);
      await trx.commit().execute();
    });
    expect(await server.products()).toEqual([1, 4, 5, 6]);
  });
});

describe('a connection of Kysely', () => {
  it('is not waited for any more when its signal is aborted', async () => {
    const abort = new AbortController();
    const held = Promise.withResolvers<void>();
    const taken = Promise.withResolvers<void>();
    const only = server.open({ max: 1 });
    const narrow = bindKysely(new Kysely<Tables>({ dialect: new PostgresDialect({ pool: ambientPool(only) }) }), only);
    const holding = narrow.connection().execute(async () => {
      taken.resolve();
      await held.promise;
    });
    await taken.promise;
    const waiting = rejection(narrow.connection().execute((own) => insert(own, 1), { signal: abort.signal }));
    abort.abort(new Error('no longer wanted'));
    expect(await waiting).toMatchObject({ message: 'no longer wanted' });
    held.resolve();
    await holding;
    expect(await server.products()).toEqual([]);
    await narrow.destroy();
  });
});
