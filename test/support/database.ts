import { afterAll, afterEach, beforeAll, it } from 'vitest';
import { createDatabase, type Database, type DatabaseOptions } from '../../src/index.ts';
import { until } from './settled.ts';
import type { Ability, ClientOptions, Engine, TestServer } from './engines/engine.ts';
import { mariadbEngine } from './engines/mariadb.ts';
import { postgresEngine } from './engines/postgres.ts';
import { sqliteEngine } from './engines/sqlite.ts';

const engines: readonly Engine[] = [postgresEngine, mariadbEngine, sqliteEngine];

/** The engine that this run of the tests is on; the projects of vitest.config.ts say which. */
export const engine: Engine =
  engines.find(({ name }) => name === (process.env['SLUICE_TEST_ENGINE'] ?? 'postgres')) ?? postgresEngine;

/** A test of what not every engine can do: on others it is skipped, and the reason is in its name. */
export function itWith(...abilities: readonly Ability[]): typeof it {
  const lacking = abilities.find((ability) => engine.lacks[ability] !== undefined);
  return lacking === undefined ? it : (it.skip as typeof it);
}

/** Of the database, beside its clients. */
export type Settings = Omit<DatabaseOptions, 'clients' | 'defaultClient'>;

export interface TestDatabase extends Omit<TestServer, 'sql' | 'start' | 'empty' | 'drop'> {
  /** Runs SQL beside Sluice, on a connection of its own. */
  sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  /** A database of Sluice on it, closed after the test. */
  open(options?: ClientOptions, settings?: Settings): Database<'default'>;
  /** As `open`, and it has a connection: how long one takes to open, nobody can say. */
  connect(options: ClientOptions): Promise<Database<'default'>>;
  /** The ids in `product`, in order. */
  products(): Promise<number[]>;
}

/** Gives a test file a database of its own with the table `product`, emptied before each test. */
export function useTestDatabase(...schema: string[]): TestDatabase {
  const server = engine.server();
  const opened: Database<'default'>[] = [];

  beforeAll(async () => {
    await server.start();
    for (const statement of schema) await server.sql(statement);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((database) => database.close({ timeout: 1_000 })));
    await server.empty();
  });
  afterAll(() => server.drop());

  const open = (options: ClientOptions = {}, settings: Settings = {}): Database<'default'> => {
    const database = createDatabase({ ...settings, clients: { default: server.client(options) } });
    opened.push(database);
    return database;
  };

  return {
    ...server,
    open,
    async connect(options) {
      const database = open(options);
      const answers = (): Promise<boolean> =>
        database.current.query('select 1').then(
          () => true,
          () => false,
        );
      await until('the server has answered', answers);
      return database;
    },
    sql: async <Row>(text: string, values?: unknown[]) => (await server.sql(text, values)) as Row[],
    async products() {
      return (await server.sql('select id from product order by id')).map(({ id }) => Number(id));
    },
  };
}

/** Adds a product in whatever is ambient. */
export async function insert(database: Database<'default'>, id: number): Promise<void> {
  await database.current.query('insert into product (id) values ($1)', [id]);
}

/** What the server says of the transaction that is ambient here. */
export async function characteristicsOf(
  database: Database<'default'>,
): Promise<{ readonly isolation: unknown; readonly readOnly: unknown }> {
  await database.current.query('select id from product');
  let row: { isolation: unknown; read_only: unknown } | undefined;
  await until('the server tells of the transaction', async () => {
    // MariaDB keeps what it tells of transactions until nobody has asked for a tenth of a second.
    await new Promise((resolve) => setTimeout(resolve, engine.outOfDate * (1 + Math.random())));
    [row] = (await database.current.query<{ isolation: unknown; read_only: unknown }>(engine.sql.showTransaction)).rows;
    return row !== undefined;
  });
  return { isolation: row?.isolation, readOnly: row?.read_only };
}
