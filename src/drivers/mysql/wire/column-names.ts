/** A column as mysql2 keeps it until it has made what reads the rows. */
interface NamedColumn {
  name: string;
}

/** Names for which mysql2 makes no rows, and gives up the connection instead. */
const refused: ReadonlySet<string> = new Set([
  '__proto__',
  '__defineGetter__',
  '__defineSetter__',
  '__lookupGetter__',
  '__lookupSetter__',
]);
/** Begins no name of a column: servers refuse it. */
const mark = '\0';

/** Gives columns names that mysql2 takes, before it makes what reads the rows. */
export function hideNames(columns: readonly NamedColumn[] | undefined): void {
  if (columns === undefined) return;
  for (const column of columns) if (refused.has(column.name)) column.name = mark + column.name;
}

/**
 * Gives columns their own names back, also in the rows.
 * @param nested rows hold an object for each table
 * @returns the rows
 */
export function showNames(rows: unknown, fields: unknown, nested: boolean): unknown {
  if (!Array.isArray(fields) || !Array.isArray(rows)) return rows;
  // A procedure answers with several sets of rows.
  if (fields.some(Array.isArray)) return rows.map((set, at) => showNames(set, (fields as unknown[])[at], nested));
  const hidden = (fields as (NamedColumn | undefined)[]).filter((column) => column?.name.startsWith(mark) === true);
  if (hidden.length === 0) return rows;
  for (const column of hidden) if (column !== undefined) column.name = column.name.slice(mark.length);
  return rows.map((row) => shownRow(row, nested));
}

function shownRow(row: unknown, nested: boolean): unknown {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return row;
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name.replace(mark, ''), nested ? shownRow(value, false) : value]),
  );
}
