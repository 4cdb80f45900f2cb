import { type CompiledQuery, type Kysely, sql } from 'kysely';
import { knownToCopies, readOptions } from '../core/index.ts';
import { type Database, type Db, checkDatabase } from '../database/index.ts';
import type { ModelCaches, ModelCacheStatistics } from './caching.ts';
import { type ColumnOf, defineModel, type ModelDefinition } from './definition.ts';
import { kyselyOn, type ModelSql, modelSqlOn } from './dialect.ts';
import { invalid } from './errors.ts';
import { changeOf, readKeys, readRow, readRows, readWhere } from './input.ts';
import { insertRow, insertRows } from './insert-rows.ts';
import { everyRow, inList, type ReadWhere, type Where } from './operators.ts';
import { countChecks, selectChecks, type SelectOptions, updateChecks, type UpdateOptions } from './options.ts';
import { TableByClient } from './table-by-client.ts';
import { checkColumns, checked, writeWhere } from './where.ts';

/** A table on one client, as a call finds it. */
interface Opened extends ModelSql {
  readonly db: Db;
  readonly columns: ReadonlySet<string>;
  readonly caches: ModelCaches | undefined;
}

/** The verbs of a table. Each runs in the transaction that is ambient where it is called. */
export class Model<Row extends object, Key extends ColumnOf<Row> = ColumnOf<Row>> {
  static {
    knownToCopies(Model, 'model');
  }

  /** The definition that the model was made from. */
  readonly definition: ModelDefinition<Row, Key>;
  readonly #db: () => Db;
  readonly #tables: TableByClient;

  /** @param tables the table on each client, for all instances of the model */
  constructor(definition: ModelDefinition<Row, Key>, db: () => Db, tables: TableByClient) {
    this.definition = definition;
    this.#db = db;
    this.#tables = tables;
  }

  /** The same model on a handle: another client, or another level. */
  newInstance(db: Db): Model<Row, Key> {
    this.#tables.checkHandle(db);
    return new Model(this.definition, () => db, this.#tables);
  }

  /** What the caches of the model have done in this process, on the client that is current. */
  get cacheStatistics(): ModelCacheStatistics | undefined {
    return this.#tables.cachesOn(this.#db().clientName)?.statistics;
  }

  /**
   * Says that rows were changed in another way than by the verbs, in the transaction that is open here if there is one.
   * @param keys which ones; without them any may have been
   */
  async invalidate(keys?: readonly Row[Key][]): Promise<void> {
    const db = this.#db();
    const read = keys === undefined ? undefined : readKeys('invalidate()', this.#key, keys);
    await this.#tables.cachesOn(db.clientName)?.invalidate(db, read);
  }

  /** A Kysely builder, for queries without a verb. It runs in the ambient transaction and cannot begin transactions itself. */
  query(): Kysely<Record<string, Row>> {
    return kyselyOn(this.#db());
  }

  /**
   * Inserts one row.
   * @returns the row as it is stored, with what the engine has filled in
   * @throws InvalidModelCallError for an unknown column, before anything is sent
   */
  async insert(row: Partial<Row>): Promise<Row> {
    const given = readRow(row);
    const opened = await this.#open();
    checkColumns(given, opened);
    return (await insertRow(opened, this.definition, given)) as Row;
  }

  /**
   * Inserts rows, all or none.
   * @returns them in their order
   */
  async insertBulk(rows: readonly Partial<Row>[]): Promise<Row[]> {
    const all = readRows('insertBulk()', rows);
    const opened = await this.#open();
    for (const row of all) checkColumns(row, opened);
    return (await insertRows(opened, this.definition, all)) as Row[];
  }

  /** Gets the row that meets the conditions; where several do, the one with the lowest key. Undefined where none does. */
  async get(where: Where<Row>): Promise<Row | undefined> {
    const db = this.#db();
    const read = this.#readWhere(where);
    const caches = this.#tables.cachesOn(db.clientName);
    const key = caches?.hasEntities === true ? caches.keyIn(read) : undefined;
    const load = async (cache?: boolean): Promise<Row | undefined> => {
      const options = { orders: [[this.#key, 'asc']], limit: 1, cache } as unknown as SelectOptions<Row>;
      const [row] = await this.#select(read, options);
      return row as Row | undefined;
    };
    if (caches === undefined || key === undefined) return await load();
    return (await caches.row(db, key, () => load(false) as Promise<Record<string, unknown> | undefined>)) as
      | Row
      | undefined;
  }

  /** Gets rows by their keys, in that order; undefined for a missing row. */
  async mget(given: readonly Row[Key][]): Promise<(Row | undefined)[]> {
    const keys = readKeys('mget()', this.#key, given);
    if (keys.length === 0) return [];
    const opened = await this.#open();
    const load = (some: readonly unknown[]): Promise<Map<string, Row>> => this.#byKeys(opened, some);
    if (opened.caches?.hasEntities !== true) {
      const byKey = await load(keys);
      return keys.map((key) => byKey.get(String(key)));
    }
    const rows = await opened.caches.rows(opened.db, keys, load as () => Promise<Map<string, Record<string, unknown>>>);
    return rows as (Row | undefined)[];
  }

  async #byKeys({ builder }: Opened, keys: readonly unknown[]): Promise<Map<string, Row>> {
    const rows = await builder
      .selectFrom(this.#table)
      .selectAll()
      .where((eb) => writeWhere(eb, { [this.#key]: inList(keys) }, new Set([this.#key])))
      .execute();
    return new Map(rows.map((row) => [String(row[this.#key]), row as Row]));
  }

  /**
   * Selects rows. Without `where`, all of them.
   *
   * ```ts
   * const scarce = await product.select({ where: { stock: lt(3) }, columns: ['id', 'name'], orders: [['stock', 'asc']] });
   * ```
   * @throws InvalidModelCallError before anything is sent
   */
  async select<Column extends ColumnOf<Row> = ColumnOf<Row>>(
    options: SelectOptions<Row, Column> = {},
  ): Promise<Pick<Row, Column>[]> {
    const { where, ...read } = readOptions('select()', options, selectChecks);
    return await this.#select(where === undefined ? undefined : this.#readWhere(where), read);
  }

  /** @param options as they were read, each order with its direction */
  async #select<Column extends ColumnOf<Row>>(
    where: ReadWhere | undefined,
    options: Omit<SelectOptions<Row, Column>, 'where'>,
  ): Promise<Pick<Row, Column>[]> {
    const opened = await this.#open();
    const { builder, columns } = opened;
    const { limit, offset } = options;
    let query = builder.selectFrom(this.#table);
    if (where !== undefined) query = query.where((eb) => writeWhere(eb, where, columns));
    for (const [column, direction] of (options.orders ?? []) as unknown as readonly [string, 'asc' | 'desc'][]) {
      query = query.orderBy(sql.ref(checked(column, columns)), direction);
    }
    if (limit !== undefined) query = query.limit(limit);
    if (offset !== undefined) {
      // MySQL and SQLite know an offset only behind a limit.
      if (limit === undefined) query = query.limit(Number.MAX_SAFE_INTEGER);
      query = query.offset(offset);
    }
    const names = options.columns?.map((name) => checked(name, columns));
    if (names?.length === 0) throw invalid('select() got an empty list of columns', 'Name one, or leave it out');
    const selected = names === undefined ? query.selectAll() : query.select(names);
    return await this.#ask(
      opened,
      { where, cache: options.cache },
      () => selected.compile(),
      () => selected.execute() as Promise<Pick<Row, Column>[]>,
    );
  }

  /** From the cache, where the call may and the model has one. */
  async #ask<Result>(
    { db, caches }: Opened,
    { where, cache }: { readonly where: ReadWhere | undefined; readonly cache: boolean | undefined },
    compiled: () => CompiledQuery,
    execute: () => Promise<Result>,
  ): Promise<Result> {
    return caches?.hasQueries(cache) === true ? await caches.query(db, where, compiled(), execute) : await execute();
  }

  /**
   * Counts rows. Without conditions, all of them.
   * @throws InvalidModelCallError before anything is sent
   */
  async count(conditions?: Where<Row>, options: Pick<SelectOptions<Row>, 'cache'> = {}): Promise<number> {
    const { cache } = readOptions('count()', options, countChecks);
    const where = conditions === undefined ? undefined : this.#readWhere(conditions);
    const opened = await this.#open();
    const { builder, columns } = opened;
    let query = builder.selectFrom(this.#table).select(({ fn }) => fn.countAll().as('rows'));
    if (where !== undefined) query = query.where((eb) => writeWhere(eb, where, columns));
    const counted = query;
    const ask = { where, cache };
    return await this.#ask(
      opened,
      ask,
      () => counted.compile(),
      async () => Number((await counted.executeTakeFirst())?.rows ?? 0),
    );
  }

  /**
   * Updates rows: those of `where`, else the one whose key `row` holds.
   * @returns how many rows it has met
   * @throws InvalidModelCallError before anything is sent
   */
  async update(row: Partial<Row>, options: UpdateOptions<Row> = {}): Promise<number> {
    const { where } = readOptions('update()', options, updateChecks);
    const change = this.#changeOf(readRow(row), where);
    const opened = await this.#open();
    checkColumns(change.values, opened);
    return await this.#update(opened, change);
  }

  async #update(opened: Opened, { where, values }: Change): Promise<number> {
    const { builder, columns } = opened;
    let query = builder.updateTable(this.#table).set(values);
    if (where !== everyRow) query = query.where((eb) => writeWhere(eb, where, columns));
    const update = query;
    return await this.#change(opened, where, values, async () =>
      Number((await update.executeTakeFirst()).numUpdatedRows),
    );
  }

  /**
   * Updates each row by the key that it holds, all or none.
   * @returns how many rows it has met
   */
  async updateBulk(rows: readonly Partial<Row>[]): Promise<number> {
    const changes = readRows('updateBulk()', rows).map((row) => this.#changeOf(row, undefined));
    const opened = await this.#open();
    for (const { values } of changes) checkColumns(values, opened);
    return await opened.db.transaction.begin(async () => {
      let updated = 0;
      for (const change of changes) updated += await this.#update(opened, change);
      return updated;
    });
  }

  /**
   * Deletes the rows that meet the conditions; all of them only for `everyRow`.
   * @returns how many rows there were
   * @throws InvalidModelCallError before anything is sent
   */
  async delete(conditions: Where<Row> | typeof everyRow): Promise<number> {
    if (conditions === undefined) throw invalid('delete() got no condition', 'Give one, or say everyRow');
    const where = this.#readWhereOrEvery(conditions);
    const opened = await this.#open();
    const { builder, columns } = opened;
    let query = builder.deleteFrom(this.#table);
    if (where !== everyRow) query = query.where((eb) => writeWhere(eb, where, columns));
    const deletion = query;
    return await this.#change(opened, where, {}, async () =>
      Number((await deletion.executeTakeFirst()).numDeletedRows),
    );
  }

  /** What is cached is told before it changes, in the same transaction. */
  async #change(
    { db, caches }: Opened,
    where: ReadWhere | typeof everyRow,
    values: Record<string, unknown>,
    execute: () => Promise<number>,
  ): Promise<number> {
    if (caches === undefined) return await execute();
    return await db.transaction.begin(async () => {
      await caches.changing(db, where, values);
      return await execute();
    });
  }

  /**
   * Deletes rows by their keys, in one statement; no keys delete nothing.
   * @returns how many rows there were
   */
  async deleteBulk(given: readonly Row[Key][]): Promise<number> {
    const keys = readKeys('deleteBulk()', this.#key, given);
    if (keys.length === 0) return 0;
    return await this.delete({ [this.#key]: inList(keys) } as Where<Row>);
  }

  get #table(): string {
    return this.definition.table;
  }
  get #key(): string {
    return this.definition.key;
  }

  async #open(): Promise<Opened> {
    const db = this.#db();
    const caches = this.#tables.cachesOn(db.clientName);
    const columns = await this.#tables.columnsOn(db);
    const { builder, returning } = modelSqlOn(db);
    return { db, builder, returning, columns, caches };
  }

  /** @throws InvalidModelCallError before anything is sent */
  #readWhere(where: unknown): ReadWhere {
    return readWhere(where, this.#tables.knownColumnsOn(this.#db()));
  }

  #readWhereOrEvery(where: unknown): ReadWhere | typeof everyRow {
    return where === everyRow ? everyRow : this.#readWhere(where);
  }

  #changeOf(row: Record<string, unknown>, where: unknown): Change {
    const { condition, values } = changeOf(row, this.#key, where);
    return { where: this.#readWhereOrEvery(condition), values };
  }
}

/** Rows and what they become. */
interface Change {
  readonly where: ReadWhere | typeof everyRow;
  readonly values: Record<string, unknown>;
}

/**
 * Makes what works on a table of a database.
 *
 * ```ts
 * const product = createModel(database, defineModel<Product>({ table: 'product', key: 'id' }));
 * await product.insert({ name: 'chair', stock: 5 });
 * ```
 * @throws InvalidOptionError, UnknownClientError when it is used
 */
export function createModel<Row extends object, Key extends ColumnOf<Row>>(
  database: Database,
  given: ModelDefinition<Row, Key>,
): Model<Row, Key> {
  checkDatabase('createModel', database);
  const definition = defineModel<Row, Key>(given);
  const { clientName } = definition;
  return new Model(
    definition,
    () => (clientName === undefined ? database.current : database.getDb({ clientName })),
    new TableByClient(database, definition),
  );
}
