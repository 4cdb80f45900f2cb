import type { QueryResult } from '../../../driver/index.ts';
import type { TypeParsers, WireField } from './pg-types.ts';

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
