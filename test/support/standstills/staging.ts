import {
  createDatabase,
  type Database,
  type DatabaseOptions,
  type HolderInfo,
  type Standstill,
} from '../../../src/index.ts';
import type { ClientOptions, TestServer } from '../engines/engine.ts';
import { postgresEngine } from '../engines/postgres.ts';

/** What is found of a standstill. */
export interface Expected {
  readonly kind: Standstill['kind'];
  /** The members by name, in their order; a circle may begin with any. */
  readonly members: readonly (string | RegExp)[];
  /** What the text of it says. */
  readonly text: readonly (string | RegExp)[];
}

/** A standstill that goes on until it is ended. */
export interface Staged {
  /** Those that have one client. */
  readonly databases: readonly Database<'default'>[];
  readonly expected: Expected;
  /** What all processes of it say of their holders. */
  holders(): Promise<readonly HolderInfo[]>;
  /** Ends it, and all that was opened for it. */
  end(): Promise<void>;
}

/** Makes a standstill on a server. */
export type Stage = () => Promise<Staged>;

/** What a staging is made with. */
export interface Place {
  readonly server: TestServer;
  /** A database on the server, with one client. */
  readonly open: (
    options?: ClientOptions,
    settings?: Omit<DatabaseOptions, 'clients' | 'defaultClient'>,
  ) => Database<'default'>;
  /** Keeps work that does not end before the standstill does. */
  readonly run: (work: Promise<unknown>) => void;
  /** Is called at the end, the last one first. */
  readonly atEnd: (end: () => unknown) => void;
}

/** A staging on a database of the server of its own, which has the products 1 and 2. */
export function staging(
  make: (place: Place) => Promise<Expected | { expected: Expected; others: () => Promise<readonly HolderInfo[]> }>,
): Stage {
  return async () => {
    const server = postgresEngine.server();
    await server.start();
    await server.sql('insert into product (id) values (1), (2)');
    const databases: Database<'default'>[] = [];
    const works: Promise<unknown>[] = [];
    const ends: (() => unknown)[] = [];
    const made = await make({
      server,
      open(options = {}, settings = {}) {
        const database = createDatabase({
          lockProbeAfter: false,
          ...settings,
          clients: { default: server.client(options) },
        });
        databases.push(database);
        return database;
      },
      run: (work) => void works.push(work.catch(() => {})),
      atEnd: (end) => void ends.push(end),
    });
    const { expected, others = async () => [] } = 'expected' in made ? made : { expected: made };
    return {
      databases,
      expected,
      holders: async () => (await Promise.all([...databases.map((each) => each.holders()), others()])).flat(),
      async end() {
        for (const end of ends.toReversed()) await end();
        await Promise.all(databases.map((database) => database.close({ timeout: 100 })));
        await Promise.all(works);
        await server.drop();
      },
    };
  };
}

/** Locks a product in what is ambient. */
export async function lock(database: Database<'default'>, id: number): Promise<void> {
  await database.query('update product set stock = stock + 1 where id = $1', [id]);
}
