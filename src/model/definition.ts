import { type Check, checkOptions, InvalidOptionError, text } from '../core/index.ts';

/** Names of the columns of a row. */
export type ColumnOf<Row> = keyof Row & string;

export interface ModelOptions<Row extends object, Key extends ColumnOf<Row>> {
  /** The table, perhaps with its schema: `shop.product`. */
  readonly table: string;
  /** The column of the primary key. */
  readonly key: Key;
  /** The client that the table is on. Default: the current one. */
  readonly client?: string | undefined;
  /** All columns. Without them the engine is asked, once for each client, by a query that returns no row. */
  readonly columns?: readonly ColumnOf<Row>[] | undefined;
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
export type KeyOf<Definition> = Definition extends { readonly key: infer Key extends string } ? Key : never;

const checks: Record<keyof ModelOptions<object, never>, Check> = {
  table: identifier,
  key: identifier,
  client: text(200),
  columns: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((name) => identifier(name) === undefined)
      ? undefined
      : 'a list of names of columns',
};

/**
 * Describes a table. `Row` is what a row is read as.
 *
 * ```
 * interface PostRow { id: number; title: string }
 * export const post = defineModel<PostRow>({ table: 'post', key: 'id' });
 * ```
 * @throws InvalidOptionError
 */
export function defineModel<Row extends object, Key extends ColumnOf<Row> = DefaultKey<Row>>(
  options: ModelOptions<Row, Key>,
): ModelDefinition<Row, Key> {
  checkOptions('defineModel', options, checks);
  for (const name of ['table', 'key'] as const) {
    if (options[name] !== undefined) continue;
    throw new InvalidOptionError({ what: `defineModel got no "${name}"`, remedy: 'Give the table and its key' });
  }
  const { columns, key } = options;
  if (columns !== undefined && !columns.includes(key)) {
    throw new InvalidOptionError({ what: 'The key of a model is none of its columns', remedy: 'List it there, too' });
  }
  return Object.freeze({ ...options });
}

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
