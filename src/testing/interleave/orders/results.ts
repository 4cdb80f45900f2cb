import { fieldOf } from '../../../core/index.ts';
import type { QueryResult } from '../../../driver/index.ts';

/** The rows of a result; a library on MySQL gets them in the words of mysql2. */
export function rowsOf(result: QueryResult): readonly object[] {
  const native: unknown = fieldOf(result, 'native');
  const rows = [fieldOf(result, 'rows'), fieldOf(native, 'rows'), fieldOf(native, '0')].find(
    (each) => Array.isArray(each) && each.length > 0,
  );
  return Array.isArray(rows) ? rows.map((row: unknown) => Object(row) as object) : [];
}

/** The cells of a row of a result, by the names of the columns. */
export function namedCells(result: QueryResult, row: object): readonly (readonly [string, unknown])[] {
  if (!Array.isArray(row)) return Object.entries(row);
  const native: unknown = fieldOf(result, 'native');
  const fields = [fieldOf(result, 'fields'), fieldOf(native, 'fields'), fieldOf(native, '1')].find(
    (each) => Array.isArray(each) && each.length > 0,
  );
  if (!Array.isArray(fields)) return [];
  return row.map((cell: unknown, at) => [String(fieldOf(fields[at], 'name')), cell] as const);
}

/** The cells of the rows of a result. */
export function cellsOf(result: QueryResult): readonly unknown[] {
  return rowsOf(result).flatMap((row) => Object.values(row) as unknown[]);
}

/** How many rows a result counts; a library on MySQL gets it in the words of mysql2. */
export function countOf(result: QueryResult): number | undefined {
  const header: unknown = fieldOf(fieldOf(result, 'native'), '0');
  const counts = [fieldOf(result, 'rowCount'), fieldOf(header, 'affectedRows')];
  return counts.find((count) => typeof count === 'number');
}
