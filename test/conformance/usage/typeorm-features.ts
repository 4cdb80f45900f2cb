// What TypeORM does beside transactions, and what goes through them.
import type { EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { engine } from '../../support/database.ts';
import { failureOf } from './suite.ts';
import { Part, Product, type TypeOrmUsage } from './typeorm.ts';

const onMariadb = engine.name === 'mariadb';

/** Waits for five seconds, of which it gets a twentieth of one. */
async function takeTooLong(runner: QueryRunner | undefined): Promise<void> {
  if (onMariadb) {
    await runner?.query('set statement max_statement_time = 0.05 for select id, sleep(5) from product');
  } else {
    await runner?.query("set local statement_timeout = '50ms'");
    await runner?.query('select pg_sleep(5)');
  }
}

export const features: readonly TypeOrmUsage[] = [
  {
    topic: 'timeouts, cancelling and signals',
    name: "the server's own, within a transaction that goes on",
    async run({ client }) {
      return await client.transaction(async (manager) => {
        await manager.insert(Product, { id: 1 });
        const failure = await failureOf(manager.transaction(({ queryRunner }) => takeTooLong(queryRunner)));
        await manager.insert(Product, { id: 2 });
        return failure;
      });
    },
  },
  {
    topic: 'timeouts, cancelling and signals',
    name: 'maxQueryExecutionTime, and the logger that is told',
    async run({ client }) {
      const slow: unknown[] = [];
      const { logger } = client;
      Object.assign(client.options, { maxQueryExecutionTime: 10 });
      client.logger = Object.assign(Object.create(logger) as typeof logger, {
        logQuerySlow: (_: number, query: string) => void slow.push(query),
      });
      try {
        await client.transaction(async (manager) => {
          await manager.insert(Product, { id: 1 });
          await manager.query(engine.sql.sleep(0.05));
        });
      } finally {
        client.logger = logger;
      }
      return slow.filter((query) => query === engine.sql.sleep(0.05));
    },
  },
  {
    topic: 'streams and cursors',
    name: 'a stream of a query builder in a transaction, with statements between the rows',
    async run({ client }) {
      return await client.transaction(async (manager) => {
        await manager.insert(Product, [{ id: 1 }, { id: 2 }, { id: 3 }]);
        const builder = manager.createQueryBuilder(Product, 'product').orderBy('product.id');
        const rows: unknown[] = [];
        for await (const row of await builder.stream()) {
          rows.push(row);
          await manager.increment(Product, { id: rows.length }, 'stock', rows.length);
        }
        return { rows, found: await manager.find(Product, { order: { id: 'ASC' } }) };
      });
    },
  },
  {
    topic: 'streams and cursors',
    name: 'a stream of a query runner, that tells its end, and one that fails',
    async run({ client }) {
      await client.manager.insert(Product, [{ id: 1 }, { id: 2 }]);
      const runner = client.createQueryRunner();
      const told: string[] = [];
      const stream = await runner.stream('select id from product order by id', undefined, () => void told.push('end'));
      const rows: unknown[] = [];
      for await (const row of stream) rows.push(row);
      await runner.release();
      const failed = await failureOf(
        client.transaction(async ({ queryRunner }) => {
          for await (const row of (await queryRunner?.stream('select nothing from product')) ?? []) rows.push(row);
        }),
      );
      return { rows, told, failed, late: await failureOf(Promise.resolve().then(() => runner.stream('select 1'))) };
    },
  },
  {
    topic: 'lazy results',
    name: 'a lazy relation, read in the transaction that loaded it and after its end',
    async run({ client }) {
      const loaded = await client.transaction(async (manager) => {
        await manager.insert(Product, [{ id: 1 }, { id: 2 }]);
        await manager.insert(Part, [
          { id: 1, version: 1, product: { id: 1 } },
          { id: 2, version: 1, product: { id: 2 } },
        ]);
        const products = await manager.find(Product, { order: { id: 'ASC' } });
        return { first: (await products[0]?.parts)?.map(({ id }) => id), second: products[1] };
      });
      const second = (await loaded.second?.parts)?.map(({ id }) => id);
      await client.manager.delete(Part, [1, 2]);
      return { first: loaded.first, second };
    },
  },
  {
    topic: 'lazy results',
    name: 'a promise of a save that is awaited later in the transaction',
    async run({ client }) {
      return await client.transaction(async (manager) => {
        const saving = manager.save(Product, { id: 1, stock: 1 });
        const inserting = manager.insert(Product, { id: 2 });
        const found = manager.findOneBy(Product, { id: 2 });
        return [await found, (await saving).id, (await inserting).identifiers];
      });
    },
  },
  {
    topic: 'pessimistic locks',
    name: 'a row that others cannot lock meanwhile',
    async run({ client, server }) {
      await server.sql('insert into product (id) values (1), (2)');
      return await client.transaction(async (manager) => {
        const held = await manager.findOne(Product, { where: { id: 1 }, lock: { mode: 'pessimistic_write' } });
        const free = await server.sql('select id from product for update skip locked');
        await manager.save(Product, { ...held, id: 1, stock: 1 });
        return { held: held?.id, free };
      });
    },
    keeps: [
      { id: 1, stock: 0 },
      { id: 2, stock: 0 },
    ],
  },
  {
    topic: 'pessimistic locks',
    name: 'outside of a transaction',
    async run({ client }) {
      await client.manager.insert(Product, { id: 1 });
      const locked = client.manager.findOne(Product, { where: { id: 1 }, lock: { mode: 'pessimistic_write' } });
      return await locked.then(
        (product) => product?.id,
        (error: Error) => error.name,
      );
    },
    inside: { on: 'Pessimistic locks', why: 'there is a transaction: the ambient one', sees: 1 },
  },
  {
    topic: 'pessimistic locks',
    name: 'an optimistic one on a version that has passed',
    async run({ client }) {
      await client.manager.save(Part, { id: 1, product: { id: 1 } });
      const failure = await failureOf(
        client.manager.findOne(Part, { where: { id: 1 }, lock: { mode: 'optimistic', version: 7 } }),
      );
      const part = await client.manager.findOne(Part, { where: { id: 1 }, lock: { mode: 'optimistic', version: 1 } });
      await client.manager.delete(Part, 1);
      return { failure, part: part?.id };
    },
  },
  {
    topic: 'hooks and events',
    name: 'a subscriber that reads and writes in the transaction it is told of',
    async run({ client }) {
      const told: unknown[] = [];
      const subscriber: EntitySubscriberInterface<Product> = {
        listenTo: () => 'product',
        beforeInsert: ({ entity }) => void Object.assign(entity, { stock: 5 }),
        async afterInsert({ entity, manager, queryRunner }) {
          told.push([entity.id, await manager.count(Product), queryRunner.isTransactionActive]);
          if (entity.id < 10) await manager.insert(Product, { id: entity.id + 10 });
        },
        afterLoad: ({ id }) => void told.push(`loaded ${id}`),
        async beforeUpdate({ manager, databaseEntity }) {
          told.push(databaseEntity.stock, await manager.countBy(Product, { stock: 5 }));
        },
      };
      client.subscribers.push(subscriber);
      try {
        await client.manager.save(Product, { id: 1 });
        await client.transaction(async (manager) => {
          await manager.save(Product, { id: 2 });
          await manager.save(Product, { id: 1, stock: 6 });
        });
      } finally {
        client.subscribers.length = 0;
      }
      return told;
    },
  },
  {
    topic: 'hooks and events',
    name: 'the events of transactions',
    async run({ client }) {
      const told: string[] = [];
      const events = ['Start', 'Commit', 'Rollback'].flatMap((end) => [
        `beforeTransaction${end}`,
        `afterTransaction${end}`,
      ]);
      client.subscribers.push({
        ...Object.fromEntries(events.map((event) => [event, () => void told.push(event)])),
        afterInsert: ({ entity }) => void told.push(`inserted ${(entity as Product).id}`),
      });
      try {
        await client.transaction(async (manager) => {
          await manager.save(Product, { id: 1 });
          await failureOf(manager.transaction((inner) => inner.insert(Product, { id: 1 })));
        });
        await failureOf(client.transaction((manager) => manager.save(Product, { id: 2, stock: null } as never)));
      } finally {
        client.subscribers.length = 0;
      }
      return told;
    },
    outside: {
      on: 'Events of transactions',
      why: 'savepoints are not told of',
      sees: [
        'beforeTransactionStart',
        'afterTransactionStart',
        'inserted 1',
        'beforeTransactionCommit',
        'afterTransactionCommit',
        'beforeTransactionStart',
        'afterTransactionStart',
        'beforeTransactionRollback',
        'afterTransactionRollback',
      ],
    },
    inside: {
      on: 'Events of transactions',
      why: 'the transaction is the ambient one, which has not ended yet',
      sees: ['beforeTransactionStart', 'afterTransactionStart', 'inserted 1'],
    },
  },
];
