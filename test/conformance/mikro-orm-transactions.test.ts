// MikroORM's own words for transactions, inside of an ambient one and by themselves.
import { EntitySchema, LockMode, TransactionPropagation } from '@mikro-orm/core';
import { type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { PostgresDialect } from 'kysely';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import type { Database } from '../../src/index.ts';
import { bindMikroOrm, mikroOrmTypes } from '../../src/integrations/mikro-orm/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

interface Product {
  id: number;
  stock: number;
}
const Product = new EntitySchema<Product>({
  name: 'Product',
  tableName: 'product',
  properties: { id: { type: 'integer', primary: true }, stock: { type: 'integer', default: 0 } },
});

const server = useTestDatabase();
let database: Database<'default'>;
let orm: MikroORM;

beforeEach(async () => {
  database = server.open({ max: 1 });
  orm = bindMikroOrm(
    await MikroORM.init({
      dbName: 'the one of the pool',
      ensureDatabase: false,
      entities: [Product],
      driverOptions: new PostgresDialect({
        pool: ambientPool(database, undefined, { types: mikroOrmTypes(pg.types) }),
      }),
    }),
    database,
  );
});
afterEach(() => orm.close());

class Refusal extends Error {}
const all = Object.values(TransactionPropagation);

/** Adds a product in a transaction of MikroORM. */
const add = (
  propagation: TransactionPropagation,
  id: number,
  em: EntityManager = orm.em.fork(),
  then = (): void => {},
) =>
  em.transactional(
    (inner) => {
      inner.create(Product, { id, stock: 0 });
      then();
    },
    { propagation },
  );

describe("MikroORM's propagation in an ambient transaction", () => {
  const independent: readonly TransactionPropagation[] = [
    TransactionPropagation.REQUIRES_NEW,
    TransactionPropagation.NOT_SUPPORTED,
  ];
  const joining = all.filter((word) => !independent.includes(word) && word !== TransactionPropagation.NEVER);

  /** Rolls an ambient transaction back, or one of MikroORM. */
  const rolledBack = {
    'of Sluice': (body: (em: EntityManager) => Promise<unknown>) =>
      rejection(
        database.transaction(async () => {
          await body(orm.em.fork());
          throw new Refusal();
        }),
      ),
    'of MikroORM': (body: (em: EntityManager) => Promise<unknown>) =>
      rejection(
        orm.em.fork().transactional(async (em) => {
          await body(em);
          throw new Refusal();
        }),
      ),
  };

  describe.each(Object.keys(rolledBack) as (keyof typeof rolledBack)[])('%s', (whose) => {
    it.each(independent)('%s is independent of it, at a pool of one', async (propagation) => {
      const error = await rolledBack[whose](async (em) => {
        await database.current.query('insert into product (id) values (1)');
        await add(propagation, 2, em);
        expect(await server.products()).toEqual([2]);
      });
      expect(error).toBeInstanceOf(Refusal);
      expect(await server.products()).toEqual([2]);
    });

    it.each(joining)('%s goes with it', async (propagation) => {
      const error = await rolledBack[whose](async (em) => {
        await database.current.query('insert into product (id) values (1)');
        await add(propagation, 2, em);
        await em.flush();
        expect(await em.fork().count(Product)).toBe(2);
      });
      expect(error).toBeInstanceOf(Refusal);
      expect(await server.products()).toEqual([]);
    });

    it('never is refused', async () => {
      const error = await rolledBack[whose](async (em) => {
        await rejection(add(TransactionPropagation.NEVER, 2, em));
      });
      expect(error).toBeInstanceOf(Refusal);
      expect(await server.products()).toEqual([]);
    });
  });

  it('required leaves it no other end where it fails, and nested is rolled back alone', async () => {
    const fail = (): never => {
      throw new Refusal();
    };
    const whole = await rejection(
      database.transaction(async () => {
        await database.current.query('insert into product (id) values (1)');
        await rejection(add(TransactionPropagation.REQUIRED, 2, orm.em.fork(), fail));
      }),
    );
    expect(whole).toMatchObject({ code: 'UNEXPECTED_ROLLBACK' });
    await database.transaction(async () => {
      await database.current.query('insert into product (id) values (1)');
      await rejection(add(TransactionPropagation.NESTED, 2, orm.em.fork(), fail));
    });
    expect(await server.products()).toEqual([1]);
  });

  it.each(all)('%s is as ever outside of one', async (propagation) => {
    const added = add(propagation, 1);
    if (propagation === TransactionPropagation.MANDATORY) await rejection(added);
    else await added;
    expect(await server.products()).toEqual(propagation === TransactionPropagation.MANDATORY ? [] : [1]);
  });
});

describe('locks of MikroORM', () => {
  const lock: Record<string, (em: EntityManager) => Promise<unknown>> = {
    'findOne with lockMode': (em) => em.findOneOrFail(Product, 1, { lockMode: LockMode.PESSIMISTIC_WRITE }),
    'find with lockMode': (em) => em.find(Product, { id: 1 }, { lockMode: LockMode.PESSIMISTIC_WRITE }),
    'em.lock': async (em) => {
      await em.lock(await em.findOneOrFail(Product, 1), LockMode.PESSIMISTIC_WRITE);
    },
    'refresh with lockMode': async (em) => {
      await em.refresh(await em.findOneOrFail(Product, 1), { lockMode: LockMode.PESSIMISTIC_WRITE });
    },
    'a query builder': (em) => em.createQueryBuilder(Product).setLockMode(LockMode.PESSIMISTIC_WRITE).getResult(),
  };
  const steal = (): Promise<unknown> => server.sql('select id from product for update nowait');

  beforeEach(() => server.sql('insert into product (id) values (1)'));

  it.each(Object.keys(lock))('%s holds until the ambient transaction ends, which it is part of', async (form) => {
    await database.transaction(async () => {
      await database.current.query('insert into product (id) values (2)');
      const em = orm.em.fork();
      await lock[form]?.(em);
      expect(await rejection(steal())).toMatchObject({ code: '55P03' });
      expect(await em.fork().count(Product)).toBe(2);
      await database.transaction(() => lock[form]?.(orm.em.fork()) ?? Promise.resolve(), { propagation: 'NESTED' });
    });
    await steal();
  });

  it.each(Object.keys(lock))('%s is refused outside of a transaction, as ever', async (form) => {
    const error = await rejection(Promise.resolve().then(() => lock[form]?.(orm.em.fork())));
    expect(error.message).toContain('transaction');
  });
});
