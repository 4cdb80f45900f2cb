// Sluice as it is against Sluice as it was in another checkout, in one process. What is 1 is the other one.
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { mysql as mysqlClient } from '../src/drivers/mysql/index.ts';
import type { postgres as postgresClient } from '../src/drivers/postgres/index.ts';
import type { createDatabase as create, Database } from '../src/index.ts';
import { openArena, sluiceNested, sluiceRead, sluiceTransaction, table, width } from './contenders.ts';
import { type EngineArena, fill, pair } from './engines.ts';
import type { LibraryArena, openLibraryArena } from './libraries.ts';

/** Where the servers are. */
interface Urls {
  readonly postgres: string;
  readonly mariadb: string;
}

type Operation = (database: Database<'default'>) => () => Promise<unknown>;

const transactionOf =
  (statements: number): Operation =>
  (database) =>
    sluiceTransaction({ database }, statements);

/** Joined scopes take less than a microsecond, so that an operation is many of them. */
const joinedScopes: Operation =
  ({ transaction }) =>
  () =>
    transaction(async () => {
      for (let count = 0; count < 1_000; count += 1) await transaction(async () => {});
    });

const nestedScope: Operation = (database) => () =>
  database.transaction(async () => {
    await database.transaction(sluiceTransaction({ database }, 1), { propagation: 'NESTED' });
  });

const operations: readonly (readonly [name: string, callers: number, operation: Operation])[] = [
  ...[1, 16, 64].flatMap((callers) =>
    [1, 5].map((count) => [`statements: ${count}`, callers, transactionOf(count)] as const),
  ),
  ['outer and REQUIRES_NEW', 5, (database) => sluiceNested({ database })],
  ['NESTED', 16, nestedScope],
  ['plain read', 16, (database) => sluiceRead({ database })],
  ['1,000 joined scopes', 1, joinedScopes],
];

/**
 * @param folder another checkout of this project, with its dependencies installed
 * @param only what the names of the workloads have in common
 */
export async function openBeforeArena(folder: string, urls: Urls, only: string): Promise<EngineArena> {
  const raw = await openArena(urls.postgres);
  const [before, now] = [await openBoth(resolve(folder), urls), await openBoth(resolve('.'), urls)];
  await fill(now.MariaDB);
  const libraries = await openLibraries(folder, urls.postgres);
  const workloads = (['PostgreSQL', 'MariaDB'] as const).flatMap((engine) =>
    operations.map(([name, callers, operation]) => ({
      name: `${engine}, ${name}, ${callers} callers`,
      callers,
      contenders: pair(operation(before[engine]), operation(now[engine])),
    })),
  );
  return {
    workloads: [...workloads, ...libraries.workloads].filter(({ name }) => name.includes(only)),
    async close() {
      await now.MariaDB.current.query(`drop table ${table}`);
      for (const database of [...Object.values(before), ...Object.values(now)]) await database.close();
      await libraries.close();
      await raw.close();
    },
  };
}

async function openBoth(root: string, urls: Urls): Promise<Record<'PostgreSQL' | 'MariaDB', Database<'default'>>> {
  const load = async (path: string): Promise<unknown> => await import(pathToFileURL(join(root, 'src', path)).href);
  const { createDatabase } = (await load('index.ts')) as { createDatabase: typeof create };
  const { postgres } = (await load('drivers/postgres/index.ts')) as { postgres: typeof postgresClient };
  const { mysql } = (await load('drivers/mysql/index.ts')) as { mysql: typeof mysqlClient };
  const settings = { max: width, maxLevel: 1, budget: width };
  return {
    PostgreSQL: createDatabase({ clients: { default: postgres({ connectionString: urls.postgres, ...settings }) } }),
    MariaDB: createDatabase({ clients: { default: mysql({ uri: urls.mariadb, ...settings }) } }),
  };
}

/** Each library on Sluice, of both checkouts. */
async function openLibraries(folder: string, url: string): Promise<EngineArena> {
  const load = async (root: string): Promise<LibraryArena> => {
    const module: unknown = await import(pathToFileURL(join(resolve(root), 'bench/libraries.ts')).href);
    return await (module as { openLibraryArena: typeof openLibraryArena }).openLibraryArena(url);
  };
  const [before, now] = [await load(folder), await load('.')];
  const contenders = now.contenders.flatMap(({ name, ...works }) => {
    const theirs = before.contenders.find((each) => each.name === name);
    return (['transaction', 'read'] as const).flatMap((work) =>
      theirs === undefined
        ? []
        : [1, 16].map((callers) => ({
            name: `libraries: ${name}, ${work}, ${callers} callers`,
            callers,
            contenders: pair(theirs[work].sluice, works[work].sluice),
          })),
    );
  });
  return {
    workloads: contenders,
    async close() {
      await before.close();
      await now.close();
    },
  };
}
