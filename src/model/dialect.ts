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
import { clientOf, type Db } from '../database/index.ts';
import { type ModelDialect, TransactionControlError } from '../driver/index.ts';
import type { Tables } from './where.ts';

const ofKysely = {
  postgres: partsOf(PostgresAdapter, PostgresQueryCompiler, PostgresIntrospector),
  mysql: partsOf(MysqlAdapter, MysqlQueryCompiler, MysqlIntrospector),
  sqlite: partsOf(SqliteAdapter, SqliteQueryCompiler, SqliteIntrospector),
} as const;

function partsOf(
  Adapter: new () => ReturnType<Dialect['createAdapter']>,
  QueryCompiler: new () => ReturnType<Dialect['createQueryCompiler']>,
  Introspector: new (kysely: Kysely<unknown>) => ReturnType<Dialect['createIntrospector']>,
): Omit<Dialect, 'createDriver'> {
  return {
    createAdapter: () => new Adapter(),
    createQueryCompiler: () => new QueryCompiler(),
    createIntrospector: (kysely) => new Introspector(kysely as Kysely<unknown>),
  };
}

/** How models write for the engine of a handle. @throws InvalidOptionError for one whose driver does not say it */
function modelDialect(db: Db): ModelDialect {
  const { models, dialect } = clientOf(db).driver;
  if (models !== undefined && (typeof models.sql !== 'string' || Object.hasOwn(ofKysely, models.sql))) return models;
  throw new InvalidOptionError({
    what: `Models do not support the engine ${dialect}`,
    remedy: `Use one of: ${Object.keys(ofKysely).join(', ')}; or a driver with "models", whose "sql" is one of these or has parts for Kysely`,
  });
}

/** What the verbs of models write with. */
export interface ModelSql {
  readonly builder: Kysely<Tables>;
  /** Whether an insert gives the rows. */
  readonly returning: boolean;
}

const ofHandles = new WeakMap<Db, ModelSql>();

/** Made once for a handle: no other code has its builder, or can destroy it. @throws as `modelDialect` does */
export function modelSqlOn(db: Db): ModelSql {
  const known = ofHandles.get(db);
  if (known !== undefined) return known;
  const made = { builder: kyselyOn<Tables>(db), returning: modelDialect(db).returning };
  ofHandles.set(db, made);
  return made;
}

/** A Kysely that builds for the engine of a handle, and runs on the handle. @throws InvalidOptionError for an engine without models */
export function kyselyOn<Tables>(db: Db): Kysely<Tables> {
  const { sql } = modelDialect(db);
  const parts = typeof sql === 'string' ? ofKysely[sql] : (sql as typeof ofKysely.postgres);
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => parts.createAdapter(),
      createDriver: () => new DbDriver(db),
      createQueryCompiler: () => parts.createQueryCompiler(),
      createIntrospector: (kysely) => parts.createIntrospector(kysely),
    },
  });
}

/** Statements go where the handle stands: into the ambient transaction, or by themselves. */
class DbDriver implements Driver {
  readonly #db: Db;
  readonly #connection: DatabaseConnection;

  constructor(db: Db) {
    this.#db = db;
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
        throw notHere(db, 'stream()', "a Kysely over the engine's ambientPool");
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
    return Promise.reject(notHere(this.#db, 'transaction()', 'db.transaction.begin(), which everything joins'));
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

function notHere({ clientName, level }: Db, what: string, instead: string): TransactionControlError {
  return new TransactionControlError({
    what: `${what} was called on the builder of a model, which has no connection of its own`,
    remedy: `Use ${instead}`,
    at: { clientName, level },
  });
}
