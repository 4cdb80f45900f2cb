import { sql } from 'kysely';
import { checkStoreOf } from '../cache/index.ts';
import { checkHandle, type Database, type Db } from '../database/index.ts';
import { type CachedTable, ModelCaches } from './caching.ts';
import { kyselyOn } from './dialect.ts';
import type { Tables } from './where.ts';

/** As much of a definition as is needed here. */
interface TableDefinition extends CachedTable {
  readonly columns?: readonly string[] | undefined;
}

/** The table of a model on each client, for all instances of the model: its columns and its caches. */
export class TableByClient {
  readonly #database: Database;
  readonly #definition: TableDefinition;
  readonly #declared: ReadonlySet<string> | undefined;
  readonly #columns = new Map<string, Promise<ReadonlySet<string>>>();
  /** Those that the engine has told. */
  readonly #told = new Map<string, ReadonlySet<string>>();
  readonly #caches = new Map<string, ModelCaches>();

  /** @throws InvalidOptionError for a store of its cache that lacks what the options need */
  constructor(database: Database, definition: TableDefinition) {
    const { table, cache } = definition;
    if (cache !== undefined) checkStoreOf(database, `The cache of the model "${table}"`, cache);
    this.#database = database;
    this.#definition = definition;
    this.#declared = definition.columns === undefined ? undefined : new Set(definition.columns);
  }

  /** The columns of the table: as declared, or as the engine says, which is asked once for each client. */
  async columnsOn(db: Db): Promise<ReadonlySet<string>> {
    if (this.#declared !== undefined) return this.#declared;
    const known = this.#columns.get(db.clientName) ?? askColumns(db, this.#definition.table);
    this.#columns.set(db.clientName, known);
    try {
      const columns = await known;
      this.#told.set(db.clientName, columns);
      return columns;
    } catch (error) {
      this.#columns.delete(db.clientName);
      throw error;
    }
  }

  /** The same, without a query; undefined where one would be needed. */
  knownColumnsOn({ clientName }: Db): ReadonlySet<string> | undefined {
    return this.#declared ?? this.#told.get(clientName);
  }

  /** @throws InvalidOptionError for what is no handle on a client of the database */
  checkHandle(db: Db): void {
    checkHandle(this.#database, db);
  }

  /** Nothing for a model that caches nothing. */
  cachesOn(clientName: string): ModelCaches | undefined {
    const { cache } = this.#definition;
    if (cache === undefined) return undefined;
    const known = this.#caches.get(clientName);
    if (known !== undefined) return known;
    const made = new ModelCaches(this.#database, this.#definition, clientName, cache);
    this.#caches.set(clientName, made);
    return made;
  }
}

/** By a query that gives no row. */
async function askColumns(db: Db, table: string): Promise<ReadonlySet<string>> {
  const { sql: text } = kyselyOn<Tables>(db)
    .selectFrom(table)
    .selectAll()
    .where(sql`1 = 0` as never)
    .compile();
  return new Set((await db.query(text)).fields.map(({ name }) => name));
}
