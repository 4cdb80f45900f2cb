import { mkdtempSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EntitySchema } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/postgresql';
import { PrismaPg } from '@prisma/adapter-pg';
import { PostgresDialect } from 'kysely';
import pg from 'pg';
import { ambientPool } from '../src/drivers/postgres/index.ts';
import type { Database } from '../src/index.ts';
import { bindMikroOrm, mikroOrmTypes } from '../src/integrations/mikro-orm/index.ts';
import { bindPrisma } from '../src/integrations/prisma/index.ts';
import { generatePrismaClient, type ProductClient } from '../test/support/prisma-client.ts';
import { anyId, both, type LibraryContender, type Row, table } from './library-contender.ts';

interface OpenLibrary {
  readonly contender: LibraryContender;
  close(): Promise<unknown>;
}

const RowSchema = new EntitySchema<Row>({
  name: 'Row',
  tableName: table,
  properties: { id: { type: 'integer', primary: true }, value: { type: 'integer' } },
});

export async function openMikroOrm(database: Database<'default'>, pool: pg.Pool): Promise<OpenLibrary> {
  const ambient = ambientPool(database, undefined, { types: mikroOrmTypes(pg.types) });
  const orms = { alone: await mikroOrmOver(pool), sluice: bindMikroOrm(await mikroOrmOver(ambient), database) };
  return {
    contender: {
      name: 'MikroORM',
      transaction: both(orms, ({ em }) =>
        em.fork().transactional((inner) => inner.nativeUpdate(RowSchema, { id: anyId() }, { value: 1 })),
      ),
      read: both(orms, ({ em }) => em.fork().findOne(RowSchema, { id: anyId() })),
    },
    // The pool is ended by whoever has opened it.
    close: () => orms.sluice.close(),
  };
}

function mikroOrmOver(pool: pg.Pool): Promise<MikroORM> {
  return MikroORM.init({
    dbName: 'the one of the pool',
    ensureDatabase: false,
    entities: [RowSchema],
    driverOptions: new PostgresDialect({ pool }),
  });
}

export async function openPrisma(database: Database<'default'>, pool: pg.Pool): Promise<OpenLibrary> {
  const folder = mkdtempSync(fileURLToPath(new URL('.prisma-', import.meta.url)));
  const PrismaClient = await generatePrismaClient(folder);
  const over = (of: pg.Pool): ProductClient => new PrismaClient({ adapter: new PrismaPg(of) });
  const clients = { alone: over(pool), sluice: bindPrisma(over(ambientPool(database)), database) };
  return {
    contender: {
      name: 'Prisma',
      transaction: both(clients, (prisma) =>
        prisma.$transaction(
          async (inner) =>
            await inner.$executeRawUnsafe(`update ${table} set value = value + 1 where id = $1`, anyId()),
        ),
      ),
      read: both(
        clients,
        async (prisma) => await prisma.$queryRawUnsafe(`select * from ${table} where id = $1`, anyId()),
      ),
    },
    async close() {
      await Promise.all([clients.alone.$disconnect(), clients.sluice.$disconnect()]);
      rmSync(folder, { recursive: true });
    },
  };
}
