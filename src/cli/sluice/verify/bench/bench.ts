import type { Database, QueryResult, Sql } from '../../../../index.ts';
import type { ConnectOptions } from '../../servers/client-definition.ts';
import type { Pooler } from '../../servers/pooler.ts';
import type { Proxy } from './proxy.ts';
import type { Row } from '../row.ts';

/** What the topics work with. */
export interface Bench {
  readonly kind: 'postgres' | 'mysql';
  /** Product and version. */
  readonly product: string;
  readonly pooler: Pooler | undefined;
  /** Whether statements can be prepared behind the pooler; undefined without one, or where that could not be seen. */
  readonly preparesBehindPooler: boolean | undefined;
  /** Whether the server, or the user, takes no writes. */
  readonly isReadOnly: boolean;
  /** Whether two sessions can be open at once. */
  readonly hasSessions: boolean;
  /** The table of the schema that is there for this run; undefined where none could be made. */
  readonly item: Sql | undefined;
  /** Why there is no table. */
  readonly withoutItem: string;
  /** How long an answer takes, in milliseconds. */
  readonly roundTrip: number;
  /** A database for all that needs no other one. */
  readonly database: Database;
  /** Aborts when the time is up, or the run is ended. */
  readonly signal: AbortSignal;
  /** Another one, which is closed at the end. */
  open(options?: ConnectOptions): Promise<Database>;
  /** One whose connections pass through a proxy; undefined where that cannot be. */
  openProxied(): Promise<{ readonly database: Database; readonly proxy: Proxy } | undefined>;
  /** The same with `resolveCommit`; on MySQL and MariaDB in the database of this run. */
  openResolving(): Promise<{ readonly database: Database; readonly proxy: Proxy } | undefined>;
  /** A number that no other run has. */
  number(): number;
}

/** One thing that is looked into. To add one, write a file with it and add it to the list in topics/index.ts. */
export interface Topic {
  readonly name: string;
  run(bench: Bench): Promise<readonly Row[]>;
}

/** The value of the first column of the first row. */
export function valueOf(result: QueryResult): unknown {
  return Object.values(result.rows[0] ?? {})[0];
}

/** Says which session of the server a statement runs in. */
export async function sessionOf({ kind, database }: Bench): Promise<unknown> {
  return valueOf(await database.query(kind === 'mysql' ? 'select connection_id()' : 'select pg_backend_pid()'));
}
