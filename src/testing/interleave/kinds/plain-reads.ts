import type { OrderRun } from '../orders/index.ts';
import { isSameTable, type Schemas, type Table } from './schemas.ts';
import { accessesOf } from './tables-in-text.ts';

/** What cannot be locked row by row, or is locked. */
const notPlain =
  /\b(?:distinct|group\s+by|having|union|intersect|except|over|with|for\s+(?:update|share|no\s+key|key)|lock\s+in|count|sum|min|max|avg|into)\b/i;

/** Places in the program; `undefined` for those that are not known. */
export type Places = ReadonlySet<string | undefined>;

/** The reads of an order that could lock what they read, with their places. @param table of this table alone */
export function plainReadsIn(run: OrderRun, schemas: Schemas, table: Table | undefined): ReadonlyMap<string, Places> {
  const reads = run.passages.flatMap(({ statements, place }, at) =>
    statements.flatMap((statement) => {
      const { text } = statement;
      if (!/^\s*select\b/i.test(text) || notPlain.test(text)) return [];
      const tables = accessesOf(statement).map((access) => schemas.tableAt(run, at, access.table));
      const isOfTable = table === undefined ? tables.length > 0 : tables.some((each) => isSameTable(each, table));
      return isOfTable ? [[text, place] as const] : [];
    }),
  );
  const places = new Map<string, Set<string | undefined>>();
  for (const [text, place] of reads) places.set(text, (places.get(text) ?? new Set()).add(place));
  return places;
}
