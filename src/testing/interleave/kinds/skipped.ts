import type { Statement } from '../../../driver/index.ts';
import { countOf, endOf, type OrderRun, rowsOf } from '../orders/index.ts';
import { isSameTable, type Schemas, type Table } from './schemas.ts';
import { accessesOf } from './tables-in-text.ts';

/** That an actor was given fewer rows than it asked for, while a transaction of another one was open that had come to the table. */
export interface Skipped {
  readonly actor: string;
  readonly tables: readonly Table[];
}

const skipsLocked = /\bskip\s+locked\b/i;
const limit = /\b(?:limit|fetch\s+(?:first|next))\s+(?:(\d+)|\$(\d+)|(\?))/i;

/** Where SKIP LOCKED may have skipped rows: whether there were some, its answer does not tell. */
export function skippedIn(run: OrderRun, schemas: Schemas): readonly Skipped[] {
  return run.passages.flatMap((passage, at) =>
    passage.statements.flatMap((statement, index) => {
      const result = passage.exchange?.results[index];
      if (result === undefined || !skipsLocked.test(statement.text)) return [];
      const given = Math.max(rowsOf(result).length, countOf(result) ?? 0);
      const tables = tablesOf(statement, run, at, schemas);
      return given < limitOf(statement) && areHeldBeside(run, at, tables, schemas)
        ? [{ actor: passage.actor.name, tables }]
        : [];
    }),
  );
}

function tablesOf(statement: Statement, run: OrderRun, at: number, schemas: Schemas): readonly Table[] {
  return accessesOf(statement).map(({ table }) => schemas.tableAt(run, at, table));
}

/** Whether a transaction of another actor was open then that had come to one of these tables. */
function areHeldBeside(run: OrderRun, at: number, tables: readonly Table[], schemas: Schemas): boolean {
  const actor = run.passages[at]?.actor;
  return run.passages
    .slice(0, at)
    .some(
      (passage, before) =>
        passage.actor !== actor &&
        endOf(run, before) > at &&
        passage.statements
          .flatMap((statement) => tablesOf(statement, run, before, schemas))
          .some((each) => tables.some((table) => isSameTable(each, table))),
    );
}

/** How many rows a statement asks for at most. */
function limitOf({ text, values = [] }: Statement): number {
  const found = limit.exec(text);
  if (found === null) return Number.POSITIVE_INFINITY;
  const [, literal, number] = found;
  if (literal !== undefined) return Number(literal);
  const marks = [...text.slice(0, found.index).matchAll(/\?/g)].length;
  const value = Number(values[number === undefined ? marks : Number(number) - 1]);
  return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
}
