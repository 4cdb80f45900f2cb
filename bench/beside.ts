// One of two checkouts in a process of its own: runs a workload when its parent asks, and says how that went.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { mysql as mysqlClient } from '../src/drivers/mysql/index.ts';
import type { postgres as postgresClient } from '../src/drivers/postgres/index.ts';
import type { createDatabase as create, Database } from '../src/index.ts';
import { sluiceNested, sluiceRead, sluiceTransaction, width } from './contenders.ts';
import type { LibraryArena, openLibraryArena } from './libraries.ts';
import { connectionString, mariadbUrl } from './options.ts';
import { measure, type Sample } from './rounds.ts';

/** What the parent asks for. */
export interface Asked {
  readonly workload: string;
  /** In milliseconds. */
  readonly duration: number;
}

/** What it is told: once which workloads there are, and then a sample for each question. */
export type Told = { readonly workloads: readonly string[] } | { readonly sample: Sample };

interface Workload {
  readonly callers: number;
  readonly run: () => Promise<unknown>;
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

/** It is started in the folder of its checkout. */
const root = process.cwd();
const engines = await ofEngines();
const libraries = await openLibraries();
const workloads = new Map([...engines, ...ofLibraries(libraries)]);
process.on('message', ({ workload, duration }: Asked) => {
  const asked = workloads.get(workload);
  if (asked === undefined) throw new RangeError(`there is no workload "${workload}"`);
  void measure(asked.run, { callers: asked.callers, duration }).then((sample) => tell({ sample }));
});
// What the libraries have made on disk and on the server goes with them; the rest ends with the process.
process.on('disconnect', () => void libraries.close().finally(() => process.exit()));
tell({ workloads: [...workloads.keys()] });

function tell(told: Told): void {
  process.send?.(told);
}

async function load(path: string): Promise<unknown> {
  return await import(pathToFileURL(join(root, path)).href);
}

async function ofEngines(): Promise<[string, Workload][]> {
  const { createDatabase } = (await load('src/index.ts')) as { createDatabase: typeof create };
  const { postgres } = (await load('src/drivers/postgres/index.ts')) as { postgres: typeof postgresClient };
  const { mysql } = (await load('src/drivers/mysql/index.ts')) as { mysql: typeof mysqlClient };
  const settings = { max: width, maxLevel: 1, budget: width };
  const clients = {
    PostgreSQL: postgres({ connectionString, ...settings }),
    MariaDB: mysql({ uri: mariadbUrl, ...settings }),
  };
  return Object.entries(clients).flatMap(([engine, client]) => {
    const database = createDatabase({ clients: { default: client } });
    return operations.map(([name, callers, operation]): [string, Workload] => [
      `${engine}, ${name}, ${callers} callers`,
      { callers, run: operation(database) },
    ]);
  });
}

async function openLibraries(): Promise<LibraryArena> {
  const module = (await load('bench/libraries.ts')) as { openLibraryArena: typeof openLibraryArena };
  return await module.openLibraryArena(connectionString);
}

/** Each library on Sluice. */
function ofLibraries({ contenders }: LibraryArena): [string, Workload][] {
  return contenders.flatMap(({ name, transaction, read }) =>
    Object.entries({ transaction, read }).flatMap(([work, { sluice: run }]) =>
      [1, 16].map((callers): [string, Workload] => [
        `libraries: ${name}, ${work}, ${callers} callers`,
        { callers, run },
      ]),
    ),
  );
}
