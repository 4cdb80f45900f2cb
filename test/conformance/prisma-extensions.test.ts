// Clients that extend others, and several clients at once: in an ambient transaction each is what it is outside of one.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import type { Database } from '../../src/index.ts';
import { bindPrisma } from '../../src/integrations/prisma/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { generatePrismaClient, type ProductClient } from '../support/prisma-client.ts';
import { rejection, signal } from '../support/settled.ts';

const folder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), '.prisma-'));
const PrismaClient = await generatePrismaClient(folder);
afterAll(() => rmSync(folder, { recursive: true }));

interface Query {
  readonly args: { readonly where?: object };
  readonly query: (args: object) => PromiseLike<unknown>;
}
/** Hides what has no stock: a soft delete, or a tenant's filter. */
const inStock = {
  query: {
    product: {
      findMany: ({ args, query }: Query) => query({ ...args, where: { ...args.where, stock: { gt: 0 } } }),
      count: ({ args, query }: Query) => query({ ...args, where: { ...args.where, stock: { gt: 0 } } }),
    },
  },
};
const upToTwo = {
  query: {
    product: {
      $allOperations: ({ args, query, operation }: Query & { operation: string }) =>
        operation === 'findMany' ? query({ ...args, where: { ...args.where, id: { lte: 2 } } }) : query(args),
    },
  },
};
const labels = {
  result: {
    product: { label: { needs: { id: true }, compute: ({ id }: { id: number }) => `product ${id}` } },
  },
};
interface Methods {
  readonly product: {
    /** Answers at once. */
    isId(value: unknown): boolean;
    /** Asks. */
    exists(id: number): Promise<boolean>;
    /** Asks without awaiting. */
    one(id: number): PromiseLike<{ id: number } | null>;
    /** By the client that it belongs to. */
    countByParent(): Promise<number>;
  };
  $name(): string;
  $total(): Promise<number>;
}
const methods = {
  model: {
    product: {
      isId: (value: unknown) => typeof value === 'number',
      async exists(this: ProductClient['product'], id: number) {
        return (await this.findFirst({ where: { id } })) !== null;
      },
      one(this: ProductClient['product'], id: number) {
        return this.findFirst({ where: { id } });
      },
      async countByParent(this: { $parent: ProductClient }) {
        return await this.$parent.product.count();
      },
    },
  },
  client: {
    $name: () => 'shop',
    async $total(this: ProductClient) {
      return await this.product.count();
    },
  },
};

const server = useTestDatabase();
const ids = async (client: ProductClient): Promise<number[]> =>
  (await client.product.findMany({ select: { id: true }, orderBy: { id: 'asc' } })).map(({ id }) => id);

beforeEach(() => server.sql('insert into product (id, stock) values (1, 1), (2, 0), (3, 3)'));

type Extend = (database: Database<'default'>, ...extensions: object[]) => ProductClient;
const bare = (database: Database<'default'>): ProductClient =>
  new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) });
const all = (client: ProductClient, extensions: readonly object[]): ProductClient =>
  extensions.reduce<ProductClient>((extended, extension) => extended.$extends(extension), client);
const orders: Record<string, Extend> = {
  bindPrisma: (database, ...extensions) => all(bindPrisma(bare(database), database), extensions),
  $extends: (database, ...extensions) => bindPrisma(all(bare(database), extensions), database),
};

describe.each(Object.keys(orders))('an extended client of Prisma, %s first,', (first) => {
  const extend = orders[first] as Extend;

  /** Runs the body outside of a transaction, in one, and in a scope that nests in it, and expects the same of each. */
  async function everywhere(
    client: ProductClient,
    database: Database<'default'>,
    ask: () => Promise<unknown>,
  ): Promise<unknown> {
    // What is computed on results is not a property of theirs before it is read.
    const body = async (): Promise<unknown> => JSON.parse(JSON.stringify(await ask()));
    try {
      const outside = await body();
      const inside = await database.transaction(async () => {
        const nested = await database.transaction(body, { propagation: 'NESTED' });
        const own = await client.$transaction(body);
        return [await body(), nested, own];
      });
      expect(inside).toEqual([outside, outside, outside]);
      return outside;
    } finally {
      await client.$disconnect();
    }
  }

  it('keeps what it adds to queries, and sees what others wrote', async () => {
    const database = server.open({ max: 1 });
    const client = extend(database, inStock);
    const seen = await everywhere(client, database, async () => [
      await ids(client),
      await client.product.count(),
      await client.$transaction((tx) => ids(tx)),
      await client.$transaction([client.product.count(), client.$queryRawUnsafe('select 1 as one')]),
    ]);
    expect(seen).toEqual([[1, 3], 2, [1, 3], [2, [{ one: 1 }]]]);
    await rejection(
      database.transaction(async () => {
        await database.current.query('insert into product (id, stock) values (4, 4), (5, 0)');
        expect(await ids(client)).toEqual([1, 3, 4]);
        throw new Error('roll back');
      }),
    );
  });

  it('keeps what it adds to results and models, and its own methods as they are', async () => {
    const database = server.open({ max: 1 });
    const client = extend(database, labels, methods) as ProductClient & Methods;
    const seen = await everywhere(client, database, async () => [
      await client.product.findFirst({ where: { id: 3 }, select: { label: true } }),
      client.product.isId(1),
      await client.product.exists(2),
      await client.product.exists(4),
      await client.product.one(3),
      await client.product.countByParent(),
      client.$name(),
      await client.$total(),
    ]);
    expect(seen).toEqual([
      { label: 'product 3' },
      true,
      true,
      false,
      { id: 3, stock: 3, name: null, label: 'product 3' },
      3,
      'shop',
      3,
    ]);
    await rejection(
      database.transaction(async () => {
        await database.current.query('insert into product (id) values (4)');
        expect([await client.product.exists(4), await client.product.countByParent(), await client.$total()]).toEqual([
          true,
          4,
          4,
        ]);
        throw new Error('roll back');
      }),
    );
  });

  it('keeps the extensions of those that it extends, which have none of its own', async () => {
    const database = server.open({ max: 1 });
    const one = extend(database, inStock);
    const both = one.$extends(upToTwo);
    const seen = await everywhere(both, database, async () => [await ids(one), await ids(both)]);
    expect(seen).toEqual([[1, 3], [1]]);
  });

  it('is bound where an extension is a function, whose transactions join too', async () => {
    const database = server.open({ max: 1 });
    // Row level security, as the manual of Prisma has it: a setting goes before each query, in one transaction.
    const forTenant = (tenant: string) => (client: ProductClient) =>
      client.$extends({
        query: {
          $allModels: {
            async $allOperations({ args, query }: Query) {
              const set = client.$executeRawUnsafe(`select set_config('app.tenant', $1, true)`, tenant);
              const results = await client.$transaction([set, query(args)]);
              return results[1];
            },
          },
        },
      });
    const client = extend(database, forTenant('shop'));
    expect(await everywhere(client, database, () => ids(client))).toEqual([1, 2, 3]);
    await database.transaction(async () => {
      await client.product.create({ data: { id: 4 } });
      const { rows } = await database.current.query("select current_setting('app.tenant') as tenant");
      expect(rows).toEqual([{ tenant: 'shop' }]);
      expect(await server.products()).toEqual([1, 2, 3]);
    });
    expect(await server.products()).toEqual([1, 2, 3, 4]);
  });
});

describe('clients of Prisma', () => {
  it('that are used for the first time in the same moment of a transaction all join it', async () => {
    const database = server.open({ max: 1 });
    const clients = [bare(database), bare(database)].map((client) => bindPrisma(client, database));
    const [one] = clients as [ProductClient];
    clients.push(one.$extends(inStock), one.$extends(upToTwo));
    const create = (id: number): Promise<unknown[]> =>
      Promise.all(clients.map(async (client, at) => await client.product.create({ data: { id: id + at } })));
    await rejection(
      database.transaction(async () => {
        await create(10);
        expect(await one.product.count()).toBe(7);
        throw new Error('roll back');
      }),
    );
    await database.transaction(async () => {
      await database.transaction(() => create(20), { propagation: 'NESTED' });
      expect(await server.products()).toEqual([1, 2, 3]);
    });
    expect(await server.products()).toEqual([1, 2, 3, 20, 21, 22, 23]);
    expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
    await Promise.all(clients.map((client) => client.$disconnect()));
  });

  it('ask for the isolation of their options in transactions of their own, and join others as they are', async () => {
    const database = server.open({ max: 1 });
    const adapter = new PrismaPg(ambientPool(database));
    const transactionOptions = { isolationLevel: 'Serializable' } as const;
    const prisma = bindPrisma(new PrismaClient({ adapter, transactionOptions }), database);
    const isolation = (client: ProductClient): PromiseLike<unknown> =>
      client.$queryRawUnsafe('show transaction_isolation');
    await database.transaction(async () => {
      await database.current.query('select 1');
      expect(await isolation(prisma)).toEqual([{ transaction_isolation: 'read committed' }]);
    });
    await database.transaction(async () => {
      expect(await isolation(prisma)).toEqual([{ transaction_isolation: 'read committed' }]);
    });
    expect(await prisma.$transaction(isolation as (client: ProductClient) => Promise<unknown>)).toEqual([
      { transaction_isolation: 'serializable' },
    ]);
    await prisma.$disconnect();
  });

  it('read in the own transaction through a model that was kept from before', async () => {
    const database = server.open({ max: 3 });
    const prisma = bindPrisma(bare(database), database);
    const { product } = prisma;
    const together = signal();
    let arrived = 0;
    const seen = await Promise.all(
      [1, 2, 3].map((id) =>
        database.transaction(async () => {
          await database.current.query('update product set stock = $1 where id = $2', [id * 10, id]);
          arrived += 1;
          if (arrived === 3) together.fire();
          await together.promise;
          // Prisma batches what is asked for in one moment.
          return (await product.findUnique({ where: { id } }))?.stock;
        }),
      ),
    );
    expect(seen).toEqual([10, 20, 30]);
    await prisma.$disconnect();
  });
});
