import { type CompiledQuery, type DatabaseConnection, type Driver, Kysely, type QueryResult } from 'kysely';
import { InvalidOptionError } from '../core/index.ts';
import { clientOf, type Db } from '../database/index.ts';
import { TransactionControlError } from '../driver/index.ts';
import { type DialectParts, dialectPartsOf, enginesOfKysely, kyselyResult } from '../kysely-parts/index.ts';
import type { Tables } from './where.ts';

/** How models write for the engine of a handle. @throws InvalidOptionError for one whose driver does not say it */
function modelDialect(db: Db): { readonly parts: DialectParts; readonly returning: boolean } {
  const { driver } = clientOf(db);
  const parts = dialectPartsOf(driver);
  if (parts !== undefined && driver.models !== undefined) return { parts, returning: driver.models.returning };
  throw new InvalidOptionError({
    what: `Models do not support the engine ${driver.dialect}`,
    remedy: `Use one of: ${enginesOfKysely.join(', ')}; or a driver with "models", whose "sql" is one of these or has parts for Kysely`,
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
  const { parts } = modelDialect(db);
  return new Kysely<Tables>({ dialect: { ...parts, createDriver: () => new DbDriver(db) } });
}

/** Statements go where the handle stands: into the ambient transaction, or by themselves. */
class DbDriver implements Driver {
  readonly #db: Db;
  readonly #connection: DatabaseConnection;

  constructor(db: Db) {
    this.#db = db;
    this.#connection = {
      async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
        return kyselyResult(await db.query<Row>(sql, parameters));
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
