import type { EngineName, FoundLibrary, FrameworkName, LibraryName, Project } from './project.ts';

/** Names from a module. */
export interface Import {
  readonly names: readonly string[];
  readonly from: string;
}

/** What a library adds to the file. */
export interface Part {
  /** The package's own page, without its folder. */
  readonly page: string;
  /** The packages that have to be there. */
  readonly needs: readonly string[];
  readonly imports: readonly Import[];
  /** Declarations, with `export const`. Each type that is TypeScript's alone stands between `‹` and `›`. */
  readonly code: string;
  /** What ends it, before the database is closed. */
  readonly close?: string;
  /** What to do next, once all is installed. */
  readonly next?: string;
}

/** Where a part stands. */
export interface Ground {
  readonly engine: EngineName;
  readonly framework: FrameworkName | undefined;
  readonly packages: ReadonlySet<string>;
}

export function groundOf({ engine = 'postgres', framework, packages }: Project): Ground {
  return { engine, framework, packages };
}

const drivers: Record<EngineName, { readonly needs: readonly string[]; readonly client: string }> = {
  postgres: { needs: ['pg'], client: "postgres({ connectionString: process.env['DATABASE_URL'], max: 10 })" },
  mysql: { needs: ['mysql2'], client: "mysql({ uri: process.env['DATABASE_URL'], max: 10 })" },
  // Node.js has the driver.
  sqlite: { needs: [], client: "sqlite({ file: process.env['DATABASE_FILE'] ?? 'app.db' })" },
};

/** The part that every file has: the database. */
export function databasePart(engine: EngineName, usesPool: boolean): Part {
  const { needs, client } = drivers[engine];
  return {
    page: 'transactions',
    needs: ['sluice', ...needs],
    imports: [
      { names: ['createDatabase'], from: 'sluice' },
      { names: usesPool ? ['ambientPool', engine] : [engine], from: `sluice/${engine}` },
    ],
    code: `/** The one database of this process. Everything below database.transaction() joins it. */
export const database = createDatabase({
  clients: { default: ${client} },
});`,
  };
}

/** Nest makes the data source, of the database that SluiceModule was given. */
const ofNest = (engine: EngineName): Part => ({
  page: 'nestjs',
  needs: ['typeorm'],
  imports: [],
  code: '',
  next: `In place of TypeOrmModule.forRoot(...) import TypeOrmModule.forRootAsync(typeOrmOptions(createDataSource, { useFactory: () => ({ ${engine === 'mysql' ? "type: 'mysql', " : ''}autoLoadEntities: true }) })), with typeOrmOptions of sluice/nestjs and createDataSource of sluice/typeorm.`,
});

function dataSourcePart(engine: EngineName): Part {
  return {
    page: 'typeorm',
    needs: ['typeorm'],
    imports: [{ names: ['createDataSource'], from: 'sluice/typeorm' }],
    code: `/** Follows the transaction that is open where it is used. */
export const dataSource = createDataSource(database, { ${engine === 'mysql' ? "type: 'mysql', " : ''}entities: [] });`,
    close: 'if (dataSource.isInitialized) await dataSource.destroy();',
    next: 'Give dataSource your entities, and call "await dataSource.initialize()" when the program starts.',
  };
}

const parts: Record<LibraryName, (ground: Ground) => Part | undefined> = {
  kysely: ({ engine }) => {
    const dialect = engine === 'postgres' ? 'PostgresDialect' : 'MysqlDialect';
    return {
      page: 'kysely',
      needs: ['kysely'],
      imports: [
        { names: ['Kysely', dialect], from: 'kysely' },
        { names: ['bindKysely'], from: 'sluice/kysely' },
      ],
      code: `‹/** Your tables, as Kysely sees them. */
export interface Tables {
  sale: { product_id: number };
}

›/** Follows the transaction that is open where it is used. */
export const kysely = bindKysely(
  new Kysely‹<Tables>›({ dialect: new ${dialect}({ pool: ambientPool(database) }) }),
  database,
);`,
      close: 'await kysely.destroy();',
    };
  },
  drizzle: ({ engine }) => ({
    page: 'drizzle',
    needs: ['drizzle-orm'],
    imports: [
      { names: ['drizzle'], from: engine === 'postgres' ? 'drizzle-orm/node-postgres' : 'drizzle-orm/mysql2' },
      { names: ['bindDrizzle'], from: 'sluice/drizzle' },
    ],
    code: `/** Follows the transaction that is open where it is used. */
export const db = bindDrizzle(drizzle(ambientPool(database)), database);`,
  }),
  knex: () => ({
    page: 'knex',
    needs: ['knex'],
    imports: [{ names: ['createKnex'], from: 'sluice/knex' }],
    code: `/** Follows the transaction that is open where it is used. */
export const knex = createKnex(database);`,
    close: 'await knex.destroy();',
  }),
  typeorm: ({ engine, framework, packages }) =>
    framework === 'nestjs' && packages.has('@nestjs/typeorm') ? ofNest(engine) : dataSourcePart(engine),
  prisma: ({ engine }) =>
    engine === 'mysql'
      ? undefined
      : {
          page: 'prisma',
          needs: ['@prisma/client', '@prisma/adapter-pg'],
          imports: [
            { names: ['PrismaPg'], from: '@prisma/adapter-pg' },
            { names: ['PrismaClient'], from: '@prisma/client' },
            { names: ['bindPrisma'], from: 'sluice/prisma' },
          ],
          code: `/** Follows the transaction that is open where it is used. */
export const prisma = bindPrisma(new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) }), database);`,
          close: 'await prisma.$disconnect();',
          next: 'If your schema has an "output" for the client, import PrismaClient from there.',
        },
  'mikro-orm': ({ engine }) =>
    engine === 'mysql'
      ? undefined
      : {
          page: 'mikro-orm',
          needs: ['@mikro-orm/core', '@mikro-orm/postgresql', 'kysely', 'pg-cursor'],
          imports: [
            { names: ['MikroORM'], from: '@mikro-orm/postgresql' },
            { names: ['PostgresDialect'], from: 'kysely' },
            { names: ['types'], from: 'pg' },
            { names: ['bindMikroOrm', 'mikroOrmTypes'], from: 'sluice/mikro-orm' },
          ],
          code: `/** Follows the transaction that is open where it is used. Call it once, when the program starts. */
export async function openOrm()‹: Promise<MikroORM>› {
  const pool = ambientPool(database, undefined, { types: mikroOrmTypes(types) });
  const orm = await MikroORM.init({
    dbName: 'app',
    entities: [],
    ensureDatabase: false, // the connection is Sluice's
    driverOptions: new PostgresDialect({ pool }),
  });
  return bindMikroOrm(orm, database);
}`,
          next: 'Give openOrm() your entities, and close what it gives before the database.',
        },
};

/** What a library adds; nothing where Sluice does not carry it, or not on this engine. */
export function libraryPart({ name, tooOld }: FoundLibrary, ground: Ground): Part | undefined {
  return tooOld !== undefined || ground.engine === 'sqlite' ? undefined : parts[name](ground);
}
