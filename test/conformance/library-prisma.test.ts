import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { afterAll, describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { bindPrisma } from '../../src/integrations/prisma/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { generatePrismaClient, type ProductClient } from '../support/prisma-client.ts';
import { rejection, signal } from '../support/settled.ts';
import { type Library, librarySuite, type LibraryTransaction } from './library-suite.ts';

const folder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), '.prisma-'));
const PrismaClient = await generatePrismaClient(folder);
afterAll(() => rmSync(folder, { recursive: true }));

const levels = { serializable: 'Serializable', 'read committed': 'ReadCommitted' } as const;

/** Prisma gives a transaction of its own 5 s, which a machine that is busy may need. */
const patient = { timeout: 120_000, maxWait: 120_000 };

function libraryOf(prisma: ProductClient): Library {
  const insert = async (client: ProductClient, id: number): Promise<unknown> =>
    await client.product.create({ data: { id } });
  const increment = async (client: ProductClient, id: number): Promise<unknown> => {
    const product = await client.product.findUnique({ where: { id } });
    return await client.product.update({ where: { id }, data: { stock: (product?.stock ?? 0) + 1 } });
  };
  const within = (client: ProductClient): LibraryTransaction => ({
    insert: (id) => insert(client, id),
    increment: (id) => increment(client, id),
    // Before Prisma 7 the handle of a transaction has none.
    nested: (body) =>
      ('$transaction' in client ? client : prisma).$transaction((inner) => body(within(inner)), patient),
  });
  return {
    insert: (id) => insert(prisma, id),
    increment: (id) => increment(prisma, id),
    ids: async () =>
      (await prisma.product.findMany({ select: { id: true }, orderBy: { id: 'asc' } })).map(({ id }) => id),
    fail: async () => await prisma.$queryRawUnsafe('select 1 / 0'),
    transaction: (body, isolation) =>
      prisma.$transaction(
        (transaction) => body(within(transaction)),
        isolation === undefined ? patient : { ...patient, isolationLevel: levels[isolation] },
      ),
    close: () => prisma.$disconnect(),
  };
}

librarySuite('Prisma', {
  mergesReads: true,
  open: (database) =>
    libraryOf(bindPrisma(new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) }), database)),
  openUnbound: (database) => libraryOf(new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) })),
  openAlone: (url) => libraryOf(new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })),
});

describe('Prisma', () => {
  const server = useTestDatabase();

  it('reads in the own transaction what it batches, of many that ask in the same moment', async () => {
    const database = server.open({ max: 10 });
    const prisma = bindPrisma(new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) }), database);
    try {
      await server.sql('insert into product (id, stock) select id, 0 from generate_series(1, 10) id');
      const all = signal();
      let arrived = 0;
      const seen = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          database.transaction(async () => {
            await database.current.query('update product set stock = $1 where id = $1', [index + 1]);
            // Prisma batches what is asked for in one moment.
            arrived += 1;
            if (arrived === 10) all.fire();
            await all.promise;
            const [own, other] = await Promise.all([
              prisma.product.findUnique({ where: { id: index + 1 } }),
              prisma.product.findUnique({ where: { id: ((index + 1) % 10) + 1 } }),
            ]);
            return [own?.stock, other?.id];
          }),
        ),
      );
      expect(seen).toEqual(Array.from({ length: 10 }, (_, index) => [index + 1, ((index + 1) % 10) + 1]));
    } finally {
      await prisma.$disconnect();
    }
  });

  it('runs lists of queries as one, in a transaction and outside', async () => {
    const database = server.open({ max: 1 });
    const prisma = bindPrisma(new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) }), database);
    const create = (id: number): PromiseLike<unknown> => prisma.product.create({ data: { id } });
    try {
      expect(await prisma.$transaction([create(1), create(2)])).toMatchObject([{ id: 1 }, { id: 2 }]);
      await rejection(prisma.$transaction([create(3), create(1)]));
      await database.transaction(async () => {
        await rejection(prisma.$transaction([create(4), create(1)]));
        await prisma.$transaction([create(5), create(6)]);
        await prisma.$executeRawUnsafe('insert into product (id) values (7)');
      });
      expect(await server.products()).toEqual([1, 2, 5, 6, 7]);
    } finally {
      await prisma.$disconnect();
    }
  });

  describe('a raw text that begins, marks or ends a transaction', () => {
    type Raw = (client: ProductClient, text: string) => PromiseLike<unknown>;
    const template = (text: string): TemplateStringsArray => Object.assign([text], { raw: [text] });
    const ways: Readonly<Record<string, Raw>> = {
      $executeRawUnsafe: (client, text) => client.$executeRawUnsafe(text),
      $queryRawUnsafe: (client, text) => client.$queryRawUnsafe(text),
      $executeRaw: (client, text) => client.$executeRaw(template(text)),
      $queryRaw: (client, text) => client.$queryRaw(template(text)),
    };
    const texts = ['BEGIN', '/* now */ start transaction', 'COMMIT', 'ROLLBACK', 'SAVEPOINT one', 'RELEASE one'];
    const refused = { code: 'TRANSACTION_CONTROL' };

    it.each(Object.entries(ways))('by %s of the client is refused in an ambient transaction', async (name, raw) => {
      const database = server.open({ max: 2 });
      const prisma = bindPrisma(new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) }), database);
      await database.transaction(async () => {
        await prisma.product.create({ data: { id: 1 } });
        // Never awaited.
        raw(prisma, 'BEGIN');
        for (const text of [...texts, 'set transaction read only']) {
          const error = await rejection(Promise.resolve(raw(prisma, text)));
          expect(error).toMatchObject({ ...refused, message: expect.stringContaining(`(${name})`) as string });
        }
        await database.current.query('insert into product (id) values (2)');
        await prisma.product.create({ data: { id: 3 } });
      });
      expect(await server.products()).toEqual([1, 2, 3]);
      await prisma.$disconnect();
    });

    it("by a transaction's handle is that transaction's alone", async () => {
      const database = server.open({ max: 2 });
      const prisma = bindPrisma(new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) }), database);
      await database.transaction(async () => {
        await prisma.product.create({ data: { id: 1 } });
        await prisma.$transaction(async (tx) => {
          await tx.product.create({ data: { id: 2 } });
          await tx.$executeRawUnsafe('SAVEPOINT one');
          await tx.product.create({ data: { id: 3 } });
          await tx.$executeRawUnsafe('ROLLBACK TO SAVEPOINT one');
          expect(await rejection(Promise.resolve(tx.$executeRawUnsafe('BEGIN')))).toMatchObject(refused);
        }, patient);
      });
      expect(await server.products()).toEqual([1, 2]);
      await prisma.$disconnect();
    });
  });

  it('is refused where it is no client', () => {
    const database = server.open();
    expect(() => bindPrisma({}, database)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});
