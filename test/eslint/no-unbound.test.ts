import { describe } from 'vitest';
import { rules } from '../../src/eslint/index.ts';
import { javascript, typed } from './tester.ts';

const raw = (code: string, library: string) => ({ code, errors: [{ messageId: 'unbound', data: dataOf(library) }] });

function dataOf(library: string): Record<string, string> {
  const remedies: Record<string, string> = {
    pg: 'Use ambientPool(database) of sluice/postgres instead',
    mysql2: 'Use ambientPool(database) of sluice/mysql instead',
    'postgres.js': 'Use ambientPool(database) of sluice/postgres instead',
    TypeORM: 'Use createDataSource(database, options) of sluice/typeorm instead',
    Knex: 'Make it with createKnex(database) of sluice/knex',
    Kysely: 'Give it to bindKysely(handle, database) of sluice/kysely where it is made',
    Drizzle: 'Give it to bindDrizzle(handle, database) of sluice/drizzle where it is made',
    Prisma: 'Give it to bindPrisma(handle, database) of sluice/prisma where it is made',
    MikroORM: 'Give it to bindMikroOrm(handle, database) of sluice/mikro-orm where it is made',
  };
  return { library, remedy: remedies[library] ?? '' };
}

describe('in JavaScript', () => {
  javascript.run('no-unbound', rules['no-unbound'], {
    valid: [
      `import { ambientPool } from 'sluice/postgres'; import { database } from './database.js'; const pool = ambientPool(database);`,
      `import { Pool } from './swimming.js'; new Pool();`,
      `class Pool {} new Pool();`,
      `import pg from 'pg'; pg.types.setTypeParser(20, BigInt); throw new pg.DatabaseError('x');`,
      `import { createPool } from 'generic-pool'; createPool();`,
      `import { Kysely, PostgresDialect } from 'kysely'; import { bindKysely } from 'sluice/kysely';
       export const kysely = bindKysely(new Kysely({ dialect: new PostgresDialect({ pool }) }), database);`,
      `import { drizzle } from 'drizzle-orm/node-postgres'; import { bindDrizzle } from 'sluice/drizzle';
       const raw = drizzle(pool); export const db = bindDrizzle(raw, database);`,
      `import { PrismaClient } from './generated/client.js'; import * as sluice from 'sluice/prisma';
       export const prisma = sluice.bindPrisma(new PrismaClient({ adapter }).$extends(extension), database);`,
      `import { MikroORM } from '@mikro-orm/postgresql'; import { bindMikroOrm } from 'sluice/mikro-orm';
       export const orm = bindMikroOrm(await MikroORM.init({}), database);`,
      `import { createKnex } from 'sluice/knex'; export const knex = createKnex(database);`,
      `import { createDataSource } from 'sluice/typeorm'; export const source = createDataSource(database, { entities: [] });`,
      `import { drizzle } from 'drizzle-orm/pg-proxy'; drizzle(send);`,
      `import { DataSource } from 'typeorm'; import { adoptDataSource } from 'sluice/typeorm';
       export const dataSourceFactory = async (options) => adoptDataSource(new DataSource(options)).initialize();`,
      `import { DataSource } from 'typeorm'; import { addTransactionalDataSource } from 'sluice/compat/typeorm-transactional';
       export const source = addTransactionalDataSource(new DataSource({ type: 'postgres' }));`,
      `import { DataSource } from 'typeorm'; import { addTransactionalDataSource } from 'sluice/compat/typeorm-transactional';
       const made = new DataSource({}); addTransactionalDataSource({ name: 'reports', dataSource: made });
       addTransactionalDataSource({ dataSource: new DataSource({ type: 'postgres' }) });`,
      `function knex() {} knex();`,
    ],
    invalid: [
      raw(`import { Pool } from 'pg'; const pool = new Pool();`, 'pg'),
      raw(`import { Pool as Connections } from 'pg'; new Connections();`, 'pg'),
      raw(`import pg from 'pg'; new pg.Pool({ max: 10 });`, 'pg'),
      raw(`import pg from 'pg'; const { Pool } = pg; new Pool();`, 'pg'),
      raw(`import * as pg from 'pg'; new pg.Client();`, 'pg'),
      raw(`const { Pool } = require('pg'); new Pool();`, 'pg'),
      raw(`const { Pool } = await import('pg'); new Pool();`, 'pg'),
      raw(`import mysql from 'mysql2/promise'; mysql.createPool({});`, 'mysql2'),
      raw(`import { createConnection } from 'mysql2'; createConnection({});`, 'mysql2'),
      raw(`import postgres from 'postgres'; const sql = postgres('postgres://shop');`, 'postgres.js'),
      raw(
        `import { DataSource } from 'typeorm'; export const source = new DataSource({ type: 'postgres' });`,
        'TypeORM',
      ),
      raw(`import { DataSource } from 'typeorm'; use({ dataSource: new DataSource({}) });`, 'TypeORM'),
      raw(`import { DataSource } from 'typeorm'; adoptDataSource({ other: new DataSource({}) });`, 'TypeORM'),
      raw(`import { PrismaClient } from '@prisma/client'; export const prisma = new PrismaClient();`, 'Prisma'),
      raw(`import knex from 'knex'; export const db = knex({ client: 'pg' });`, 'Knex'),
      raw(`import { knex } from 'knex'; export const db = knex({ client: 'pg' });`, 'Knex'),
      raw(`import { drizzle } from 'drizzle-orm/mysql2'; const db = drizzle(pool); use(db);`, 'Drizzle'),
      raw(`import { MikroORM } from '@mikro-orm/postgresql'; const orm = await MikroORM.init({});`, 'MikroORM'),
      {
        // A bound Kysely over a pool of its own: what it sends does not join.
        code: `import { Kysely, PostgresDialect } from 'kysely'; import { Pool } from 'pg'; import { bindKysely } from 'sluice/kysely';
               bindKysely(new Kysely({ dialect: new PostgresDialect({ pool: new Pool() }) }), database);`,
        errors: [{ messageId: 'unbound', data: dataOf('pg') }],
      },
      {
        code: `import { Kysely } from 'kysely';\nimport { database } from './database.js';\nexport const kysely = new Kysely({ dialect });`,
        errors: [
          {
            messageId: 'unbound',
            suggestions: [
              {
                messageId: 'bind',
                data: { database: 'database' },
                output: `import { bindKysely } from 'sluice/kysely';\nimport { Kysely } from 'kysely';\nimport { database } from './database.js';\nexport const kysely = bindKysely(new Kysely({ dialect }), database);`,
              },
            ],
          },
        ],
      },
      {
        code: `import { drizzle } from 'drizzle-orm/node-postgres';\nimport { bindDrizzle } from 'sluice/drizzle';\nconst database = createDatabase();\nexport const db = drizzle(pool);`,
        errors: [
          {
            messageId: 'unbound',
            suggestions: [
              {
                messageId: 'bind',
                data: { database: 'database' },
                output: `import { drizzle } from 'drizzle-orm/node-postgres';\nimport { bindDrizzle } from 'sluice/drizzle';\nconst database = createDatabase();\nexport const db = bindDrizzle(drizzle(pool), database);`,
              },
            ],
          },
        ],
      },
    ],
  });
});

describe('in TypeScript', () => {
  typed.run('no-unbound', rules['no-unbound'], {
    valid: [
      `import type { Pool } from 'pg'; export function use(pool: Pool): void {}`,
      `import { Kysely } from 'kysely'; import { bindKysely } from 'sluice/kysely';
       export const kysely = bindKysely(new Kysely<Tables>({ dialect }) as Kysely<Tables>, database);`,
    ],
    invalid: [
      raw(
        `import { Kysely } from 'kysely'; export const kysely = new Kysely<Tables>({ dialect }) satisfies object;`,
        'Kysely',
      ),
      raw(`import { Pool } from 'pg'; class Shop { private readonly pool: Pool = new Pool(); }`, 'pg'),
    ],
  });
});
