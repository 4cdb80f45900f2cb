import type { Field, QueryResult } from '../../../driver/index.ts';
import type { TypeParser, TypeParsers, WireField } from './pg-types.ts';

/** How the rows of a statement are built; kept with a prepared statement, so it is found out once. */
export interface RowShape {
  readonly fields: readonly Field[];
  /** As the server described them. */
  readonly described: readonly WireField[];
  readonly names: readonly string[];
  readonly parsers: readonly TypeParser[];
}

export const noColumns: RowShape = { fields: [], described: [], names: [], parsers: [] };

export function shapeOf(fields: readonly WireField[], types: TypeParsers): RowShape {
  return {
    fields: fields.map(({ name, dataTypeID }) => ({ name, dataTypeID })),
    described: fields,
    names: fields.map(({ name }) => name),
    parsers: fields.map(({ dataTypeID }) => types.getTypeParser(dataTypeID, 'text')),
  };
}

export function buildRow({ names, parsers }: RowShape, values: readonly (string | null)[]): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index];
    const name = names[index] ?? '';
    const parsed = value === null || value === undefined ? null : parsers[index]?.(value);
    // A plain assignment would set the row's prototype.
    if (name === '__proto__')
      Object.defineProperty(row, name, { value: parsed, enumerable: true, configurable: true, writable: true });
    else row[name] = parsed;
  }
  return row;
}

/** The command and the count of a command tag such as `INSERT 0 5` or `CREATE TABLE`. */
export function readTag(tag: string): { readonly command: string; readonly rowCount: number } {
  const end = tag.indexOf(' ');
  if (end < 0) return { command: tag, rowCount: 0 };
  const count = Number(tag.slice(tag.lastIndexOf(' ') + 1));
  return { command: tag.slice(0, end), rowCount: Number.isNaN(count) ? 0 : count };
}

/** Takes what the server says to a statement, instead of rows as `query()` gives them. */
export interface NativeRows {
  /** `parsers`: those of the connection. */
  describe(fields: readonly WireField[], parsers: TypeParsers): void;
  /** The values of a row, as the server wrote them. */
  row(values: readonly (string | null)[]): void;
  /** The statement has succeeded, with the server's tag, such as `INSERT 0 5`. */
  complete(tag: string): QueryResult;
}

/** What `native` of a statement holds on PostgreSQL: makes the taker of its rows. */
export interface NativeStatement {
  readonly start: () => NativeRows;
}

export function nativeRows(native: object | undefined): NativeRows | undefined {
  return native === undefined ? undefined : (native as NativeStatement).start();
}
