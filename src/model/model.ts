import { type CompiledQuery, type Kysely, sql } from 'kysely';
import { typeName } from '../core/index.ts';
import type { Database, Db } from '../database/index.ts';
import type { ModelCaches, ModelCacheStatistics } from './caching.ts';
import type { ColumnOf, ModelDefinition } from './definition.ts';
import { kyselyOn } from './dialect.ts';
import { inList, type Where } from './operators.ts';
import { SharedByInstances } from './shared.ts';
import { checked, invalid, type Tables, writeWhere } from './where.ts';

export interface SelectOptions<Row extends object, Column extends ColumnOf<Row> = ColumnOf<Row>> {
  readonly where?: Where<Row> | undefined;
  /** Default: all. */
  readonly columns?: readonly Column[] | undefined;
  /** Columns, the first first; ascending unless told otherwise. */
  readonly orders?: readonly (ColumnOf<Row> | readonly [ColumnOf<Row>, 'asc' | 'desc'])[] | undefined;
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  /** Whether the answer may come from the cache, where the model has one for queries. Default: as the model says. */
  readonly cache?: boolean | undefined;
}

export interface UpdateOptions<Row extends object> {
  /** Which rows; `all` says on purpose that it is all of them. Default: the one with the key that the row holds. */
  readonly where?: Where<Row> | 'all' | undefined;
}

/** A table on one client, as a call finds it. */
interface Opened {
  readonly db: Db;
  readonly dialect: string;
  readonly builder: Kysely<Tables>;
  readonly columns: ReadonlySet<string>;
  readonly caches: ModelCaches | undefined;
}

/** The most rows that one statement inserts. */
const rowsAtOnce = 500;

/** The verbs of a table. Each runs in the transaction that is ambient where it is called. */
export class Model<Row extends object, Key extends ColumnOf<Row> = ColumnOf<Row>> {
  readonly definition: ModelDefinition<Row, Key>;
  readonly #db: () => Db;
  readonly #shared: SharedByInstances;

  /** @param shared what all instances of the model have in common */
  constructor(definition: ModelDefinition<Row, Key>, db: () => Db, shared: SharedByInstances) {
    this.definition = definition;
    this.#db = db;
    this.#shared = shared;
  }

  /** The same model on a handle: another client, or another level. */
  newInstance(db: Db): Model<Row, Key> {
    return new Model(this.definition, () => db, this.#shared);
  }

  /** What the caches of the model have done in this process, on the client that is current. */
  get cacheStatistics(): ModelCacheStatistics | undefined {
    return this.#shared.cachesOn(this.#db().clientName)?.statistics;
  }

  /**
   * Says that rows were changed in another way than by the verbs, in the transaction that is open here if there is one.
   * @param keys which ones; without them any may have been
   */
  async invalidate(keys?: readonly Row[Key][]): Promise<void> {
    const db = this.#db();
    await this.#shared.cachesOn(db.clientName)?.invalidate(db, keys);
  }

  /** The builder, for what has no verb. It runs where the model does, and has no transactions of its own. */
  query(): Kysely<Record<string, Row>> {
    return kyselyOn(this.#db());
  }

  /** @returns the row as it is stored, with what the engine has filled in */
  async insert(row: Partial<Row>): Promise<Row> {
    const opened = await this.#open();
    const { caches, columns, db } = opened;
    const values = this.#valuesOf(row, columns);
    if (caches === undefined) return await this.#insert(opened, values);
    return await db.transaction.begin(async () => {
      const inserted = await this.#insert(opened, values);
      await caches.inserted(db, [inserted as Record<string, unknown>]);
      return inserted;
    });
  }

  async #insert({ builder, dialect, db }: Opened, values: Record<string, unknown>): Promise<Row> {
    const insert = builder.insertInto(this.#table);
    const filled = Object.keys(values).length === 0 ? insert.defaultValues() : insert.values(values);
    if (dialect !== 'mysql') return (await filled.returningAll().executeTakeFirstOrThrow()) as Row;
    return await db.transaction.begin(async () => {
      const { insertId } = await filled.executeTakeFirstOrThrow();
      const key = values[this.#key] ?? (insertId === undefined ? undefined : Number(insertId));
      if (key === undefined)
        throw invalid('A row was inserted without its key, and the engine gave none', 'Give the key');
      return (await builder
        .selectFrom(this.#table)
        .selectAll()
        .where(this.#key, '=', key)
        .executeTakeFirstOrThrow()) as Row;
    });
  }

  /** Inserts rows, all or none. @returns them in their order */
  async insertBulk(rows: readonly Partial<Row>[]): Promise<Row[]> {
    const { builder, columns, dialect, db, caches } = await this.#open();
    const all = rows.map((row) => this.#valuesOf(row, columns));
    return await db.transaction.begin(async () => {
      const inserted: Row[] = [];
      if (dialect === 'mysql') {
        for (const row of rows) inserted.push(await this.insert(row));
        return inserted;
      }
      // One statement has one list of columns.
      for (let at = 0; at < all.length;) {
        const names = Object.keys(all[at] ?? {}).join();
        let end = at;
        while (end < all.length && end - at < rowsAtOnce && Object.keys(all[end] ?? {}).join() === names) end += 1;
        if (names === '') {
          inserted.push(await this.insert({}));
          at += 1;
          continue;
        }
        const insert = builder.insertInto(this.#table).values(all.slice(at, end)).returningAll();
        inserted.push(...((await insert.execute()) as Row[]));
        at = end;
      }
      await caches?.inserted(db, inserted as Record<string, unknown>[]);
      return inserted;
    });
  }

  /** The row for which the conditions hold, the first by its key where there are several. */
  async get(where: Where<Row>): Promise<Row | undefined> {
    const db = this.#db();
    const caches = this.#shared.cachesOn(db.clientName);
    const key = caches?.hasEntities === true ? caches.keyIn(where) : undefined;
    const load = async (cache?: boolean): Promise<Row | undefined> => {
      const [row] = await this.select({ where, orders: [this.definition.key], limit: 1, cache });
      return row as Row | undefined;
    };
    if (caches === undefined || key === undefined) return await load();
    return (await caches.row(db, key, () => load(false) as Promise<Record<string, unknown> | undefined>)) as
      | Row
      | undefined;
  }

  /** Rows by their keys, in that order; nothing for a key that there is not. */
  async mget(keys: readonly Row[Key][]): Promise<(Row | undefined)[]> {
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

  async select<Column extends ColumnOf<Row> = ColumnOf<Row>>(
    options: SelectOptions<Row, Column> = {},
  ): Promise<Pick<Row, Column>[]> {
    const opened = await this.#open();
    const { builder, columns } = opened;
    checkNames(options, ['where', 'columns', 'orders', 'limit', 'offset', 'cache'], 'select()');
    const { where, limit, offset } = options;
    let query = builder.selectFrom(this.#table);
    if (where !== undefined) query = query.where((eb) => writeWhere(eb, where, columns));
    for (const order of options.orders ?? []) {
      const [column, direction = 'asc'] = Array.isArray(order) ? (order as [unknown, unknown?]) : [order];
      if (direction !== 'asc' && direction !== 'desc')
        throw invalid('An order has no direction that there is', "Give 'asc' or 'desc'");
      query = query.orderBy(sql.ref(checked(column, columns)), direction);
    }
    if (limit !== undefined) query = query.limit(count('limit', limit));
    if (offset !== undefined) {
      // MySQL and SQLite know an offset only behind a limit.
      if (limit === undefined) query = query.limit(Number.MAX_SAFE_INTEGER);
      query = query.offset(count('offset', offset));
    }
    const names = options.columns?.map((name) => checked(name, columns));
    if (names?.length === 0) throw invalid('select() got an empty list of columns', 'Name one, or leave it out');
    const selected = names === undefined ? query.selectAll() : query.select(names);
    return await this.#ask(
      opened,
      options,
      () => selected.compile(),
      () => selected.execute() as Promise<Pick<Row, Column>[]>,
    );
  }

  /** From the cache, where the call may and the model has one. */
  async #ask<Result>(
    { db, caches }: Opened,
    { where, cache }: Pick<SelectOptions<Row>, 'where' | 'cache'>,
    compiled: () => CompiledQuery,
    execute: () => Promise<Result>,
  ): Promise<Result> {
    return caches?.hasQueries(cache) === true ? await caches.query(db, where, compiled(), execute) : await execute();
  }

  async count(where?: Where<Row>, options: Pick<SelectOptions<Row>, 'cache'> = {}): Promise<number> {
    const opened = await this.#open();
    const { builder, columns } = opened;
    checkNames(options, ['cache'], 'count()');
    let query = builder.selectFrom(this.#table).select(({ fn }) => fn.countAll().as('rows'));
    if (where !== undefined) query = query.where((eb) => writeWhere(eb, where, columns));
    const counted = query;
    const ask = { where, cache: options.cache };
    return await this.#ask(
      opened,
      ask,
      () => counted.compile(),
      async () => Number((await counted.executeTakeFirst())?.rows ?? 0),
    );
  }

  /** @returns how many rows it has met */
  async update(row: Partial<Row>, options: UpdateOptions<Row> = {}): Promise<number> {
    const opened = await this.#open();
    const { builder, columns } = opened;
    checkNames(options, ['where'], 'update()');
    const values = this.#valuesOf(row, columns);
    const where = options.where ?? this.#byKey(values, 'update()');
    if (options.where === undefined) delete values[this.#key];
    if (Object.keys(values).length === 0)
      throw invalid('update() got nothing to change', 'Give a column besides the key');
    let query = builder.updateTable(this.#table).set(values);
    if (where !== 'all') query = query.where((eb) => writeWhere(eb, where, columns));
    const update = query;
    return await this.#change(opened, where, values, async () =>
      Number((await update.executeTakeFirst()).numUpdatedRows),
    );
  }

  /** Updates each row by the key that it holds, all or none. @returns how many rows it has met */
  async updateBulk(rows: readonly Partial<Row>[]): Promise<number> {
    const db = this.#db();
    return await db.transaction.begin(async () => {
      let updated = 0;
      for (const row of rows) updated += await this.update(row);
      return updated;
    });
  }

  /** @returns how many rows there were */
  async delete(where: Where<Row> | 'all'): Promise<number> {
    const opened = await this.#open();
    const { builder, columns } = opened;
    if (where === undefined) throw invalid('delete() got no condition', "Give one, or say 'all'");
    let query = builder.deleteFrom(this.#table);
    if (where !== 'all') query = query.where((eb) => writeWhere(eb, where, columns));
    const deletion = query;
    return await this.#change(opened, where, {}, async () =>
      Number((await deletion.executeTakeFirst()).numDeletedRows),
    );
  }

  /** What is cached is told before it changes, in the same transaction. */
  async #change(
    { db, caches }: Opened,
    where: Where<Row> | 'all',
    values: Record<string, unknown>,
    execute: () => Promise<number>,
  ): Promise<number> {
    if (caches === undefined) return await execute();
    return await db.transaction.begin(async () => {
      await caches.changing(db, where, values);
      return await execute();
    });
  }

  /** @returns how many rows there were */
  async deleteBulk(keys: readonly Row[Key][]): Promise<number> {
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
    const caches = this.#shared.cachesOn(db.clientName);
    const columns = await this.#shared.columnsOn(db);
    return { db, dialect: db.dialect, builder: kyselyOn<Tables>(db), columns, caches };
  }

  #valuesOf(row: unknown, columns: ReadonlySet<string>): Record<string, unknown> {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      throw invalid(`A row is ${typeName(row)}`, 'Give an object of columns and values');
    }
    // What is undefined is not given, as in an object that was spread together.
    const given = Object.entries(row).filter(([, value]) => value !== undefined);
    return Object.fromEntries(given.map(([name, value]) => [checked(name, columns), value as unknown]));
  }

  #byKey(values: Record<string, unknown>, verb: string): Where<Row> {
    const key = values[this.#key];
    if (key === undefined || key === null) {
      throw invalid(`${verb} got neither a condition nor a row with its key`, `Give the key, a where, or where: 'all'`);
    }
    return { [this.#key]: key } as Where<Row>;
  }
}

function count(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw invalid(`"${name}" is ${typeName(value)}`, 'Give a whole number from 0 on');
}

function checkNames(options: object, names: readonly string[], verb: string): void {
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw invalid(`${verb} has no option "${unknown.slice(0, 40)}"`, `Its options are: ${names.join(', ')}`);
}

/** Makes what works on a table of a database. @throws InvalidOptionError, UnknownClientError when it is used */
export function createModel<Row extends object, Key extends ColumnOf<Row>>(
  database: Database,
  definition: ModelDefinition<Row, Key>,
): Model<Row, Key> {
  const { client } = definition;
  return new Model(
    definition,
    () => (client === undefined ? database.current : database.getDb({ clientName: client })),
    new SharedByInstances(database, definition),
  );
}
