import { createHash } from 'node:crypto';
import { type Cache, type CacheStatistics, createCache, MemoryStore, richJson } from '../cache/index.ts';
import type { Database, Db } from '../database/index.ts';
import type { ModelCacheOptions } from './definition.ts';
import { batchLoads } from './batch-loads.ts';
import { Either, everyRow, Operator } from './operators.ts';
import { CacheBackoff } from './cache-backoff.ts';

type Row = Record<string, unknown>;
/** What part of the table a query is about (all of it: nothing), and what it asks. */
type QueryKey = readonly [part: string, hash: string];

/** As much of a definition as matters here. */
export interface CachedTable {
  readonly table: string;
  readonly key: string;
  readonly cache?: (Omit<ModelCacheOptions<object>, 'tags'> & { readonly tags?: Tags | undefined }) | undefined;
}
type Tags = Readonly<Record<string, 'number' | 'text' | undefined>>;

/** What the caches of a model have done in this process. */
export interface ModelCacheStatistics {
  /** The cache of rows by key; undefined where rows are not cached. */
  readonly entity: CacheStatistics | undefined;
  /** The cache of queries; undefined where queries are not cached. */
  readonly query: CacheStatistics | undefined;
  /** Queries go to the database for a while, since too few of their answers were asked for again. */
  readonly isBackedOff: boolean;
}

/** A whole number as servers write it, and text of which no server takes two for the same but for their case. */
const wholeNumber = /^(?:0|-?[1-9]\d{0,30})$/;
const plainText = /^[\u0021-\u007E]{1,200}$/;
/** Every part of a table, for writes that may touch any. */
const everyPart = '*';

/** What is cached of a table on one client. */
export class ModelCaches {
  readonly #entity: Cache<Row | undefined, string> | undefined;
  readonly #query: Cache<unknown, QueryKey> | undefined;
  readonly #tags: Tags;
  readonly #key: string;
  /** Of all queries of the table. */
  readonly #table: string;
  readonly #byDefault: boolean;
  readonly #backoff: CacheBackoff;

  constructor(
    database: Database,
    { table, key }: CachedTable,
    clientName: string,
    options: NonNullable<CachedTable['cache']>,
  ) {
    const { entity, query, tags, store = new MemoryStore(), ...others } = options;
    this.#table = `${clientName}:${table}`;
    this.#key = key;
    this.#tags = tags ?? {};
    this.#byDefault = query === true;
    this.#backoff = new CacheBackoff(table);
    const shared = { ...others, store, readsOwnWrites: true };
    if (entity === true) this.#entity = createCache(database, { ...shared, name: `row:${this.#table}` });
    if (query !== undefined) {
      this.#query = createCache<unknown, QueryKey>(database, {
        ...shared,
        name: `query:${this.#table}`,
        tags: ([part]) => (part === '' ? [this.#table] : [this.#tag(part), this.#tag(everyPart)]),
        wider: (tag) => (tag === this.#table ? tag : this.#tag(everyPart)),
      });
    }
  }

  get statistics(): ModelCacheStatistics {
    return {
      entity: this.#entity?.statistics,
      query: this.#query?.statistics,
      isBackedOff: this.#backoff.isResting,
    };
  }

  get hasEntities(): boolean {
    return this.#entity !== undefined;
  }

  /** Whether a query is to be looked for here, as its call has it. */
  hasQueries(asked: boolean | undefined): boolean {
    return this.#query !== undefined && (asked ?? this.#byDefault);
  }

  /** The key that conditions ask for and nothing else, where they do. */
  keyIn(where: unknown): string | undefined {
    if (!isPlain(where)) return undefined;
    const names = Object.keys(where);
    return names.length === 1 && names[0] === this.#key ? keyText(where[this.#key]) : undefined;
  }

  /**
   * A row by its key. Keys that a server may take for the same have one place in the cache, in which the row says whose it is;
   * that there is none is not kept, so an insert invalidates nothing.
   */
  async row(db: Db, key: string, load: () => Promise<Row | undefined>): Promise<Row | undefined> {
    if (this.#entity === undefined) return await load();
    const isIt = (row: Row | undefined): boolean => row !== undefined && String(row[this.#key]) === key;
    let isOwn = false;
    const loading = (): Promise<Row | undefined> => {
      isOwn = true;
      return load();
    };
    const row = await this.#entity.getOrSet(key.toLowerCase(), loading, { db, keep: isIt });
    return isOwn || isIt(row) ? row : await load();
  }

  /** Rows by their keys; those that are not kept are loaded together. @param load the rows that there are, by key */
  async rows(
    db: Db,
    keys: readonly unknown[],
    load: (keys: readonly unknown[]) => Promise<ReadonlyMap<string, Row>>,
  ): Promise<(Row | undefined)[]> {
    const loadOne = batchLoads(load);
    return await Promise.all(
      keys.map((key) => {
        const text = keyText(key);
        const loading = async (): Promise<Row | undefined> => (await loadOne(key)).get(String(key));
        return text === undefined ? loading() : this.row(db, text, loading);
      }),
    );
  }

  /** What a query gives. */
  async query<Result>(
    db: Db,
    where: unknown,
    { sql, parameters }: { readonly sql: string; readonly parameters: readonly unknown[] },
    load: () => Promise<Result>,
  ): Promise<Result> {
    if (this.#query === undefined || !this.#backoff.pays) return await load();
    const asked = createHash('sha256').update(sql).update('\0').update(richJson.write(parameters));
    let isHit = true;
    const loading = (): Promise<Result> => {
      isHit = false;
      return load();
    };
    const found = await this.#query.getOrSet([this.#partOf(where), asked.digest('base64url')], loading, { db });
    this.#backoff.count(isHit);
    return found as Result;
  }

  /** Says which rows are about to change: those that conditions meet. @param change what they become */
  async changing(db: Db, where: unknown, change: Row = {}): Promise<void> {
    const keys = where === everyRow ? undefined : this.#keysIn(where);
    const moves = Object.keys(this.#tags).some((column) => Object.hasOwn(change, column));
    const part = where === everyRow || moves ? '' : this.#partOf(where);
    await Promise.all([this.#rowsChanged(db, keys), this.#changed(db, [part === '' ? everyPart : part])]);
  }

  /** Says that rows were inserted, as they are stored. */
  async inserted(db: Db, rows: readonly Row[]): Promise<void> {
    const parts = new Set<string>();
    for (const row of rows) {
      for (const [column, kind] of Object.entries(this.#tags)) {
        const value = row[column];
        // No query for one value is about rows that have none.
        if (value !== null) parts.add(partText(column, kind, value) ?? everyPart);
      }
    }
    await this.#changed(db, parts.has(everyPart) ? [everyPart] : [...parts]);
  }

  /** Says that rows were changed in another way than by the model. @param keys which; without them any may have been */
  async invalidate(db: Db, keys?: readonly unknown[]): Promise<void> {
    const texts = keys?.map(keyText);
    const known = texts?.every((text) => text !== undefined) === true ? texts : undefined;
    await Promise.all([this.#rowsChanged(db, known), this.#changed(db, [everyPart])]);
  }

  async #rowsChanged(db: Db, keys: readonly string[] | undefined): Promise<void> {
    if (keys === undefined) await this.#entity?.clear({ db });
    else
      await this.#entity?.mdel(
        keys.map((key) => key.toLowerCase()),
        { db },
      );
  }

  async #changed(db: Db, parts: readonly string[]): Promise<void> {
    const hasParts = Object.keys(this.#tags).length > 0;
    await this.#query?.invalidate([this.#table, ...(hasParts ? parts.map((part) => this.#tag(part)) : [])], { db });
  }

  #tag(part: string): string {
    return `${this.#table}:${part}`;
  }

  /** The keys that conditions are limited to, where they name them. */
  #keysIn(where: unknown): readonly string[] | undefined {
    if (!isPlain(where) || !Object.hasOwn(where, this.#key)) return undefined;
    const asked = where[this.#key];
    const values = asked instanceof Operator ? (asked.name === 'inList' ? asked.value : undefined) : [asked];
    if (!Array.isArray(values)) return undefined;
    const texts = values.map(keyText);
    return texts.every((text) => text !== undefined) ? texts : undefined;
  }

  /** The part of the table that conditions are limited to; nothing where they are not. */
  #partOf(where: unknown): string {
    if (!isPlain(where)) return '';
    for (const [column, kind] of Object.entries(this.#tags)) {
      const part = Object.hasOwn(where, column) ? partText(column, kind, where[column]) : undefined;
      if (part !== undefined) return part;
    }
    return '';
  }
}

/**
 * A key as text, the same for one that came as a number and as a text, as bigints do. Nothing for a text that a server may take
 * for another one: for a number, or for one without blanks or accents.
 */
function keyText(value: unknown): string | undefined {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value);
  if (typeof value !== 'string' || !plainText.test(value)) return undefined;
  return wholeNumber.test(value) || Number.isNaN(Number(value)) ? value : undefined;
}

/**
 * A value as the name of a part: only where two that the server takes for the same are the same here. Text is compared without
 * its case by some servers; what else they overlook, such as accents and blanks at the end, is not in such a name.
 */
function partText(column: string, kind: 'number' | 'text' | undefined, value: unknown): string | undefined {
  if (kind === 'number') {
    const text = keyText(value);
    return text !== undefined && wholeNumber.test(text) ? `${column}=${text}` : undefined;
  }
  return typeof value === 'string' && plainText.test(value) ? `${column}=${value.toLowerCase()}` : undefined;
}

function isPlain(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !(value instanceof Either || value instanceof Operator);
}
