import { cacheChecks, type CacheOptions } from '../cache/index.ts';
import {
  aBoolean,
  type Check,
  InvalidOptionError,
  isRecord,
  listOf,
  optionsOf,
  readOptions,
  text,
  calledAs,
} from '../core/index.ts';

/** Names of the columns of a row. */
export type ColumnOf<Row> = keyof Row & string;

/** What of a table is cached. Only writes through the model invalidate it. */
export interface ModelCacheOptions<Row extends object> extends Pick<
  CacheOptions<never, never>,
  'store' | 'ttl' | 'memory' | 'maxSize' | 'commitTimeout' | 'onCacheUnavailable' | 'loadTimeout' | 'storeTimeout'
> {
  /** Rows by their key, for `get` by the key alone and `mget`. Default false. */
  readonly entity?: boolean | undefined;
  /**
   * What `select`, `count` and `get` by other conditions give. With `false` only where a call says `cache: true`. Default: no
   * call may.
   */
  readonly query?: boolean | undefined;
  /**
   * Columns by whose value queries are kept apart: one that asks for one value is not touched by a write to rows with another
   * one. With what the column holds: whole numbers, or text.
   */
  readonly tags?: { readonly [Column in ColumnOf<Row>]?: 'number' | 'text' } | undefined;
}

/** Options of one model. */
export interface ModelOptions<Row extends object, Key extends ColumnOf<Row>> {
  /** The table, perhaps with its schema: `shop.product`. */
  readonly table: string;
  /** The column of the primary key. */
  readonly key: Key;
  /** The client that the table is on. Default: the current one. */
  readonly clientName?: string | undefined;
  /** All columns. Without them the engine is asked, once for each client, by a query that returns no row. */
  readonly columns?: readonly ColumnOf<Row>[] | undefined;
  /** Default: nothing is cached. */
  readonly cache?: ModelCacheOptions<Row> | undefined;
}

/** What a table is; `createModel` and `createApp` make what works on it. */
export interface ModelDefinition<
  Row extends object = object,
  Key extends ColumnOf<Row> = ColumnOf<Row>,
> extends ModelOptions<Row, Key> {
  /** For the type alone. */
  readonly row?: Row;
}

/** What a definition says of its rows. */
export type RowOf<Definition> = Definition extends { readonly row?: infer Row extends object } ? Row : never;
/** The name of the primary key's column, taken from a definition. */
export type KeyOf<Definition> = Definition extends { readonly key: infer Key extends string } ? Key : never;

const modelCacheChecks: Record<keyof ModelCacheOptions<object>, Check> = {
  entity: aBoolean,
  query: aBoolean,
  tags: Object.assign(
    (value: unknown) =>
      isRecord(value) &&
      Object.entries(value).every(
        ([name, kind]) => identifier(name) === undefined && (kind === 'number' || kind === 'text'),
      )
        ? undefined
        : "columns, each 'number' or 'text'",
    { read: (value: unknown) => (isRecord(value) ? { ...value } : value) },
  ),
  store: cacheChecks.store,
  ttl: cacheChecks.ttl,
  memory: cacheChecks.memory,
  maxSize: cacheChecks.maxSize,
  commitTimeout: cacheChecks.commitTimeout,
  onCacheUnavailable: cacheChecks.onCacheUnavailable,
  loadTimeout: cacheChecks.loadTimeout,
  storeTimeout: cacheChecks.storeTimeout,
};

const checks: Record<keyof ModelOptions<object, never>, Check> = {
  table: identifier,
  key: identifier,
  clientName: text(200),
  columns: listOf(identifier, 10_000, 'a list of names of columns', 1),
  cache: optionsOf('The cache of a model', modelCacheChecks),
};

/**
 * Describes a table. `Row` is what a row is read as.
 *
 * ```ts
 * interface PostRow { id: number; title: string }
 * export const post = defineModel<PostRow>({ table: 'post', key: 'id' });
 * ```
 * @throws InvalidOptionError
 */
export function defineModel<Row extends object, Key extends ColumnOf<Row> = DefaultKey<Row>>(
  options: ModelOptions<Row, Key>,
): ModelDefinition<Row, Key> {
  const read = readOptions('defineModel', options, checks, ['table', 'key']);
  const { columns, key, cache } = read;
  for (const name of [key, ...Object.keys(cache?.tags ?? {})]) {
    if (columns === undefined || (columns as readonly string[]).includes(name)) continue;
    const what = name === key ? 'The key of a model' : 'A tag of the cache of a model';
    throw new InvalidOptionError({ what: `${what} is none of its columns`, remedy: 'List it there, too' });
  }
  return Object.freeze(read);
}
calledAs(defineModel, 'defineModel({ table, key })');

/** The key is `id` unless it is named, since a type cannot be given and inferred at once. */
type DefaultKey<Row> = 'id' extends keyof Row ? 'id' & ColumnOf<Row> : ColumnOf<Row>;

/** Names go into the text, quoted; what no table has is a mistake, or worse. */
function identifier(value: unknown): string | undefined {
  return typeof value === 'string' &&
    /^[\p{L}_][\p{L}\p{N}_$]*(?:\.[\p{L}_][\p{L}\p{N}_$]*)?$/u.test(value) &&
    value.length <= 130
    ? undefined
    : 'a name of letters, digits and underscores';
}
