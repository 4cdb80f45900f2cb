import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { InvalidOptionError } from '../core/index.ts';
import type { Db } from '../database/index.ts';
import { TransactionControlError } from '../driver/index.ts';

const parts = {
  postgres: [PostgresAdapter, PostgresQueryCompiler, PostgresIntrospector],
  mysql: [MysqlAdapter, MysqlQueryCompiler, MysqlIntrospector],
  sqlite: [SqliteAdapter, SqliteQueryCompiler, SqliteIntrospector],
} as const;

/** A Kysely that builds for the engine of a handle, and runs on the handle. @throws InvalidOptionError for an engine that Kysely has not */
export function kyselyOn<Tables>(db: Db): Kysely<Tables> {
  const { dialect } = db;
  if (!(dialect in parts)) {
    throw new InvalidOptionError({
      what: `Models do not support the engine ${dialect}`,
      remedy: `Use one of: ${Object.keys(parts).join(', ')}`,
    });
  }
  const [Adapter, QueryCompiler, Introspector] = parts[dialect as keyof typeof parts];
  const made: Dialect = {
    createAdapter: () => new Adapter(),
    createDriver: () => new DbDriver(db),
    createQueryCompiler: () => new QueryCompiler(),
    createIntrospector: (kysely) => new Introspector(kysely as Kysely<unknown>),
  };
  return new Kysely<Tables>({ dialect: made });
}

/** Statements go where the handle stands: into the ambient transaction, or by themselves. */
class DbDriver implements Driver {
  readonly #connection: DatabaseConnection;

  constructor(db: Db) {
    this.#connection = {
      async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
        const { rows, rowCount, insertId, fields } = await db.query<Row>(sql, parameters);
        if (fields.length > 0) return { rows };
        return {
          rows,
          numAffectedRows: BigInt(rowCount),
          ...(insertId === undefined ? {} : { insertId: BigInt(insertId) }),
        };
      },
      streamQuery: () => {
        throw notHere('stream()', "a Kysely over the engine's ambientPool");
      },
    };
  }

  init(): Promise<void> {
    return Promise.resolve();
  }
  acquireConnection(): Promise<DatabaseConnection> {
    return Promise.resolve(this.#connection);
  }
  beginTransaction(): Promise<never> {
    return Promise.reject(notHere('transaction()', 'db.transaction.begin(), which everything joins'));
  }
  commitTransaction(): Promise<void> {
    return Promise.resolve();
  }
  rollbackTransaction(): Promise<void> {
    return Promise.resolve();
  }
  releaseConnection(): Promise<void> {
    return Promise.resolve();
  }
  destroy(): Promise<void> {
    return Promise.resolve();
  }
}

function notHere(what: string, instead: string): TransactionControlError {
  return new TransactionControlError({
    what: `${what} was called on the builder of a model, which has no connection of its own`,
    remedy: `Use ${instead}`,
  });
}
