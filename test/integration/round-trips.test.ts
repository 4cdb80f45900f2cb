// The counts are exact: they are taken on the wire, between the client and the server.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, type Sql, sql } from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';
import { startWireProxy, type WireProxy } from '../support/wire-proxy.ts';

const server = useTestDatabase();
const nested = { propagation: 'NESTED' } as const;
const requiresNew = { propagation: 'REQUIRES_NEW' } as const;
let proxy: WireProxy;
let database: Database<'default'>;

beforeAll(async () => {
  proxy = await startWireProxy(server.url);
});
afterAll(() => proxy.close());
beforeEach(async () => {
  database = server.open({ connectionString: proxy.url, max: 1 });
  // Connections are opened beforehand, so that their start-up is not counted.
  await database.transaction(async () => {
    await database.current.query('select 1');
    await database.transaction(() => database.current.query('select 1'), requiresNew);
  });
  proxy.takeRoundTrips();
  proxy.takeWrites();
});
afterEach(() => {
  // Every exchange leaves in one packet: nothing that could have been fused was sent apart.
  expect(proxy.takeWrites()).toBe(counted);
});

let counted = 0;
async function roundTrips(work: () => Promise<unknown>): Promise<number> {
  await work();
  counted = proxy.takeRoundTrips();
  return counted;
}

const insertStatement = (id: number): Sql => sql`insert into product (id) values (${id})`;

describe('round trips', () => {
  it('a transaction that runs no statement: 0', async () => {
    expect(await roundTrips(() => database.transaction(async () => {}))).toBe(0);
  });

  it.each([1, 2, 5])('%i statements: one more', async (count) => {
    const work = async (): Promise<void> => {
      for (let id = 0; id < count; id += 1) await insert(database, id);
    };
    expect(await roundTrips(() => database.transaction(work))).toBe(count + 1);
    expect(await server.products()).toHaveLength(count);
  });

  it.each(['READ_COMMITTED', 'REPEATABLE_READ', 'SERIALIZABLE'] as const)(
    'any isolation level (%s): none more',
    async (isolationLevel) => {
      expect(await roundTrips(() => database.transaction(() => insert(database, 1), { isolationLevel }))).toBe(2);
    },
  );

  it('readOnly: none more', async () => {
    const work = (): Promise<unknown> => database.current.query('select 1');
    expect(await roundTrips(() => database.transaction(work, { readOnly: true }))).toBe(2);
  });

  it('joined scopes: none more', async () => {
    const work = async (): Promise<void> => {
      await database.transaction(() => insert(database, 1));
      await database.transaction(() => database.transaction(() => insert(database, 2)));
    };
    expect(await roundTrips(() => database.transaction(work))).toBe(3);
  });

  it('a NESTED scope: none more, its SAVEPOINT and RELEASE travel with statements', async () => {
    const work = async (): Promise<void> => {
      await insert(database, 1);
      await database.transaction(() => insert(database, 2), nested);
      await insert(database, 3);
    };
    expect(await roundTrips(() => database.transaction(work))).toBe(4);
  });

  it('NESTED scopes first, last, in each other and empty: none more', async () => {
    const work = async (): Promise<void> => {
      await database.transaction(() => insert(database, 1), nested);
      await database.transaction(async () => {}, nested);
      await database.transaction(() => database.transaction(() => insert(database, 2), nested), nested);
    };
    expect(await roundTrips(() => database.transaction(work))).toBe(3);
    expect(await server.products()).toEqual([1, 2]);
  });

  it('outer and REQUIRES_NEW, a statement each: 4', async () => {
    const work = async (): Promise<void> => {
      await insert(database, 1);
      await database.transaction(() => insert(database, 2), requiresNew);
    };
    expect(await roundTrips(() => database.transaction(work))).toBe(4);
  });

  it('a rollback after one statement: 2', async () => {
    const work = async (): Promise<void> => {
      await insert(database, 1);
      throw new Error('declined');
    };
    expect(await roundTrips(() => rejection(database.transaction(work)))).toBe(2);
  });

  it('a rollback to a savepoint: 1 more', async () => {
    const work = async (): Promise<void> => {
      await insert(database, 1);
      await rejection(
        database.transaction(async () => {
          await insert(database, 2);
          throw new Error('declined');
        }, nested),
      );
    };
    expect(await roundTrips(() => database.transaction(work))).toBe(4);
    expect(await server.products()).toEqual([1]);
  });

  it('a batch known in advance: 1', async () => {
    expect(await roundTrips(() => database.transaction.batch([1, 2, 3, 4, 5].map(insertStatement)))).toBe(1);
    expect(await server.products()).toEqual([1, 2, 3, 4, 5]);
  });

  it('a batch with an isolation level: 1', async () => {
    const work = (): Promise<unknown> =>
      database.current.batch([1, 2].map(insertStatement), { isolationLevel: 'SERIALIZABLE' });
    expect(await roundTrips(work)).toBe(1);
  });

  it('a batch inside a transaction: 1, and all of it belongs to that one', async () => {
    const work = async (): Promise<void> => {
      await insert(database, 1);
      await database.current.batch([2, 3].map(insertStatement));
      throw new Error('declined');
    };
    expect(await roundTrips(() => rejection(database.transaction(work)))).toBe(3);
    expect(await server.products()).toEqual([]);
  });

  it('an empty batch: 0', async () => {
    expect(await roundTrips(() => database.transaction.batch([]))).toBe(0);
  });

  it('a batch that fails: all of it is gone, 2 with the rollback', async () => {
    const work = async (): Promise<void> => {
      expect(await rejection(database.transaction.batch([1, 2, 2, 3].map(insertStatement)))).toMatchObject({
        code: '23505',
      });
    };
    expect(await roundTrips(work)).toBe(2);
    expect(await server.products()).toEqual([]);
  });

  it('one statement marked as last: 1', async () => {
    const work = (): Promise<unknown> =>
      database.transaction(() => database.current.query('insert into product (id) values (1)', [], { last: true }));
    expect(await roundTrips(work)).toBe(1);
    expect(await server.products()).toEqual([1]);
  });

  it('three statements, the third marked as last: 3', async () => {
    const work = async (): Promise<void> => {
      await insert(database, 1);
      await insert(database, 2);
      await database.current.query('insert into product (id) values (3)', [], { last: true });
    };
    expect(await roundTrips(() => database.transaction(work))).toBe(3);
  });

  it('a statement outside of a transaction: 1', async () => {
    expect(await roundTrips(() => insert(database, 1))).toBe(1);
  });
});

describe('a statement marked as last', () => {
  it('has committed when it resolves, and its hooks run when the scope ends', async () => {
    const seen: string[] = [];
    counted = 1;
    await database.transaction(async () => {
      database.current.commit(() => seen.push('commit'));
      await database.current.query('insert into product (id) values (1)', [], { last: true });
      expect(await server.products()).toEqual([1]);
      expect(seen).toEqual([]);
      database.current.commit(() => seen.push('registered after it'));
    });
    expect(seen).toEqual(['commit', 'registered after it']);
  });

  it('refuses statements that follow', async () => {
    counted = 1;
    const error = await rejection(
      database.transaction(async () => {
        await database.current.query('insert into product (id) values (1)', [], { last: true });
        await insert(database, 2);
      }),
    );
    expect(error).toMatchObject({ code: 'AFTER_COMMIT', cause: { code: 'TRANSACTION_ENDED' } });
    expect(await server.products()).toEqual([1]);
  });

  it('commits nothing in a scope that joins or nests, or when the transaction is to be rolled back', async () => {
    counted = 4;
    await rejection(
      database.transaction(async () => {
        for (const [id, options] of [
          [1, {}],
          [2, nested],
        ] as const) {
          await database.transaction(
            () => database.current.query('insert into product (id) values ($1)', [id], { last: true }),
            options,
          );
        }
        database.current.transaction.active?.setRollbackOnly();
        await database.current.query('insert into product (id) values (3)', [], { last: true });
      }),
    );
    expect(await server.products()).toEqual([]);
  });

  it('waits with the COMMIT for hooks before it', async () => {
    counted = 3;
    await database.transaction(async () => {
      database.current.beforeCommit(() => insert(database, 2));
      await database.current.query('insert into product (id) values (1)', [], { last: true });
    });
    expect(await server.products()).toEqual([1, 2]);
  });
});
