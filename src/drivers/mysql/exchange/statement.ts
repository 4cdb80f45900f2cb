import mysql from 'mysql2';
import { InvalidOptionError, typeName } from '../../../core/index.ts';
import type { QueryResult, Statement } from '../../../driver/index.ts';
import { type ColumnDefinition, inTransactionFlag, type ResultHeader, type RowOptions } from '../wire/mysql2-types.ts';
import { readPlaceholders } from '../sql/tokens.ts';

/** What `native` of a statement holds here: the statement as a library gives it to mysql2. */
export interface NativeStatement {
  /** `query`: values are written into the text. `execute`: they are sent as parameters. */
  readonly method: 'query' | 'execute';
  readonly rows: RowOptions;
  /** How dates are written into the text. */
  readonly timezone: string | undefined;
  /** Is told that a connection has the statement. */
  readonly onSend?: (() => void) | undefined;
}

/** The result of a native statement: what mysql2 would call back with. */
export interface NativeResult {
  readonly native: readonly [rows: unknown, fields: unknown];
}

/** A statement as it is sent: by itself, or prepared with values. */
export interface SentStatement {
  readonly text: string;
  readonly values: readonly unknown[] | undefined;
  readonly rows: RowOptions | undefined;
}

/** @throws InvalidOptionError where the values do not fit the text, or cannot be sent */
export function toSend({ text, values, native }: Statement): SentStatement {
  if (native !== undefined) {
    const { method, rows, timezone, onSend } = native as NativeStatement;
    onSend?.();
    if (method === 'execute') return { text, values: values ?? [], rows };
    return {
      text:
        values === undefined
          ? text
          : mysql.format(text, [...values] as Parameters<typeof mysql.format>[1], false, timezone),
      values: undefined,
      rows,
    };
  }
  if (values === undefined || values.length === 0) return { text, values: undefined, rows: undefined };
  const { text: translated, placeholders, order } = readPlaceholders(text);
  if (placeholders !== values.length) {
    throw new InvalidOptionError({
      what: `A statement has ${placeholders} placeholders and got ${values.length} values; it was not sent`,
      remedy: 'Give one value for each placeholder, ? or $1, $2 and so on',
    });
  }
  const converted = values.map(toValue);
  return {
    text: translated,
    values: order === undefined ? converted : order.map((index) => converted[index]),
    rows: undefined,
  };
}

/** What mysql2 sends for a value. @throws InvalidOptionError for one that cannot be sent */
function toValue(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'bigint':
      return value.toString();
    case 'number':
      if (Number.isFinite(value)) return value;
      break;
    case 'object':
      if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      if (!(value instanceof Date)) return JSON.stringify(value);
      if (!Number.isNaN(value.getTime())) return value;
      break;
    case 'undefined':
    case 'function':
    case 'symbol':
  }
  throw unsendable(value);
}

function unsendable(value: unknown): InvalidOptionError {
  return new InvalidOptionError({
    what: `A value of a statement is ${value instanceof Date ? 'an invalid date' : typeName(value)}, which cannot be sent`,
    remedy: 'Give text, finite numbers, booleans, dates, bytes, null, or what can be written as JSON',
  });
}

/** The result of a statement from what mysql2 calls back with. */
export function resultOf(statement: Statement, rows: unknown, fields: unknown): QueryResult {
  if (statement.native !== undefined)
    return { native: [rows, fields] } satisfies NativeResult as unknown as QueryResult;
  const command = /[a-z]+/i.exec(statement.text)?.[0].toUpperCase() ?? '';
  const sets = setsOf(rows, fields);
  const header = sets.findLast((set) => 'header' in set)?.header;
  const rowSet = sets.find((set) => 'rows' in set);
  if (rowSet === undefined) {
    const { affectedRows = 0, insertId = 0 } = header ?? {};
    const result: QueryResult = { rows: [], rowCount: affectedRows, command, fields: [] };
    return insertId === 0 ? result : { ...result, insertId };
  }
  return {
    rows: rowSet.rows,
    rowCount: rowSet.rows.length,
    command,
    fields: rowSet.fields.map(({ name, columnType }) => ({ name, dataTypeID: columnType })),
  };
}

type ResultSet =
  | {
      readonly rows: Record<string, unknown>[];
      readonly fields: readonly ColumnDefinition[];
      readonly header?: undefined;
    }
  | { readonly header: ResultHeader };

/** A procedure answers with several. */
function setsOf(rows: unknown, fields: unknown): readonly ResultSet[] {
  const several =
    Array.isArray(rows) &&
    rows.length > 0 &&
    Array.isArray(fields) &&
    fields.length === rows.length &&
    (fields.some(Array.isArray) || fields.includes(undefined));
  const list: readonly (readonly [unknown, unknown])[] = several
    ? rows.map((set, index) => [set, (fields as unknown[])[index]])
    : [[rows, fields]];
  return list.map(([set, columns]) =>
    Array.isArray(set)
      ? { rows: set as Record<string, unknown>[], fields: (columns ?? []) as readonly ColumnDefinition[] }
      : { header: set as ResultHeader },
  );
}

/** Whether a transaction is open, where the answer tells; an answer with rows tells it in its packets. */
export function isInTransaction(rows: unknown, fields: unknown): boolean | undefined {
  const header: unknown =
    Array.isArray(fields) && fields.at(-1) === undefined && Array.isArray(rows) ? rows.at(-1) : rows;
  if (Array.isArray(header) || typeof header !== 'object' || header === null || !('serverStatus' in header))
    return undefined;
  return (Number(header.serverStatus) & inTransactionFlag) !== 0;
}
