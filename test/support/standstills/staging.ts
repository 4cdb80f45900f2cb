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
  /** What is drawn at the end of a chain that no one holds. */
  readonly lack?: string;
  /** What the text of it says. */
  readonly text: readonly (string | RegExp)[];
}

/** A standstill that goes on until it is ended. */
export interface Staged {
  /** Those of this process. */
  readonly databases: readonly Database[];
  /** Where its database is, over which its other processes have joined a fleet. */
  readonly url: string;
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
  /** Takes a database that was made otherwise among those of the standstill, and closes it with them. */
  readonly keep: (database: Database) => void;
  /** Keeps work that does not end before the standstill does. */
  readonly run: (work: Promise<unknown>) => void;
  /** Is called at the end, the last one first. */
  readonly atEnd: (end: () => unknown) => void;
}

/** Whether a standstill has the members that are expected; a circle may begin with any. */
export function isAsExpected({ kind, members }: Standstill, expected: Expected): boolean {
  const names = members.map(({ name }) => name);
  if (kind !== expected.kind || names.length !== expected.members.length) return false;
  const turns = kind === 'held' ? [0] : names.keys();
  const fits = (turn: number): boolean =>
    expected.members.every((each, at) => {
      const name = names[(at + turn) % names.length] ?? '';
      return typeof each === 'string' ? each === name : each.test(name);
    });
  return [...turns].some(fits);
}

/** A staging on a database of the server of its own, which has the products 1 and 2. */
export function staging(
  make: (place: Place) => Promise<Expected | { expected: Expected; others: () => Promise<readonly HolderInfo[]> }>,
): Stage {
  return async () => {
    const server = postgresEngine.server();
    await server.start();
    await server.sql('insert into product (id) values (1), (2)');
    const databases: Database[] = [];
    const works: Promise<unknown>[] = [];
    const ends: (() => unknown)[] = [];
    const end = async (): Promise<void> => {
      for (const each of ends.toReversed()) await each();
      await Promise.all(databases.map((database) => database.close({ timeout: 100 })));
      await Promise.all(works);
      await server.drop();
    };
    const place: Place = {
      server,
      open(options = {}, settings = {}) {
        const clients = { default: server.client(options) };
        const database = createDatabase({ lockProbeAfter: false, ...settings, clients });
        databases.push(database);
        return database;
      },
      keep: (database) => void databases.push(database),
      run: (work) => void works.push(work.catch(() => {})),
      atEnd: (each) => void ends.push(each),
    };
    try {
      const made = await make(place);
      const { expected, others = async () => [] } = 'expected' in made ? made : { expected: made };
      const holders = async (): Promise<readonly HolderInfo[]> =>
        (await Promise.all([...databases.map((each) => each.holders()), others()])).flat();
      return { databases, url: server.url, expected, holders, end };
    } catch (error) {
      await end();
      throw error;
    }
  };
}

/** Locks a product in what is ambient. */
export async function lock(database: Database<'default'>, id: number): Promise<void> {
  await database.query('update product set stock = stock + 1 where id = $1', [id]);
}
