import pg from 'pg';
import type { QueryResult } from '../../../driver/index.ts';
import type { NativeRows, NativeStatement } from '../wire/rows.ts';
import type { TypeParsers, WireField } from '../wire/pg-types.ts';

/** pg's own result, which libraries read; `@types/pg` does not name how it is filled. */
interface PgResult {
  command: string | null;
  addFields(fields: readonly WireField[]): void;
  parseRow(values: readonly (string | null)[]): unknown;
  addRow(row: unknown): void;
  addCommandComplete(message: { readonly text: string }): void;
}

type PgResultClass = new (rowMode: 'array' | undefined, types: TypeParsers | undefined) => PgResult;

const Result: PgResultClass = (pg as unknown as { readonly Result?: PgResultClass }).Result ?? classOfResults();

/** Before 8.12 pg does not export it, and its queries have one. */
function classOfResults(): PgResultClass {
  const { _result: result } = new pg.Query('select 1') as unknown as { readonly _result: object };
  return result.constructor as PgResultClass;
}

/** Results as pg gives them: its rows, as objects or arrays, and its description of the columns. */
export function pgResult(rowMode: 'array' | undefined, types: TypeParsers | undefined): NativeStatement {
  return {
    start(): NativeRows {
      let result: PgResult | undefined;
      return {
        describe(fields, parsers) {
          result = new Result(rowMode, types ?? parsers);
          result.addFields(fields);
        },
        row(values) {
          result?.addRow(result.parseRow(values));
        },
        complete(tag) {
          const complete = result ?? new Result(rowMode, types);
          complete.addCommandComplete({ text: tag });
          return complete as unknown as QueryResult;
        },
      };
    },
  };
}

/** What pg would answer to a command that the server was not asked. */
export function commandResult(command: string | null): QueryResult {
  const result = new Result(undefined, undefined);
  result.command = command;
  return result as unknown as QueryResult;
}

/** Rows as the server wrote them, for query objects that read them by themselves. */
export interface RawRows {
  fields: readonly WireField[];
  rows: (readonly (string | null)[])[];
  tag: string;
  parsers: TypeParsers | undefined;
}

export function rawRows(into: RawRows): NativeStatement {
  return {
    start() {
      // It may have been sent before, in vain.
      into.rows = [];
      return {
        describe(fields, parsers) {
          into.fields = fields;
          into.parsers = parsers;
        },
        row: (values) => void into.rows.push([...values]),
        complete(tag) {
          into.tag = tag;
          return commandResult(null);
        },
      };
    },
  };
}

export function noRows(): RawRows {
  return { fields: [], rows: [], tag: '', parsers: undefined };
}
