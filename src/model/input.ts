import { isRecord, isThenable, reading, refuseOtherVersion, typeName } from '../core/index.ts';
import { invalid } from './errors.ts';
import { Either, Operator, type ReadWhere } from './operators.ts';
import { checked } from './where.ts';

/** How deep `either` may be nested. */
const deepest = 20;

/** Reads conditions once. @param columns those of the table, where they are known already @throws InvalidModelCallError */
export function readWhere(where: unknown, columns: ReadonlySet<string> | undefined): ReadWhere {
  return reading('A condition', () => copyWhere(where, columns, 0));
}

function copyWhere(where: unknown, columns: ReadonlySet<string> | undefined, depth: number): ReadWhere {
  if (depth > deepest) throw invalid(`Conditions are nested more than ${deepest} deep`, 'Write them flatter');
  if (where instanceof Either) {
    refuseOtherVersion('A model', 'alternatives', where);
    if (where.conditions.length === 0) throw invalid('either() got no condition', 'Give at least one');
    return new Either(where.conditions.map((each) => copyWhere(each, columns, depth + 1)));
  }
  if (!isRecord(where) || where instanceof Operator)
    throw invalid(`A condition is ${typeName(where)}`, 'Give an object of columns and values, or say everyRow');
  const entries = Object.entries(where).map(([column, value]) => {
    return [columns === undefined ? column : checked(column, columns), copyCondition(column, value)] as const;
  });
  if (entries.length === 0) throw invalid('A condition names no column', 'Name one, or say everyRow');
  return Object.fromEntries(entries);
}

function copyCondition(column: string, value: unknown): unknown {
  if (value === null) return null;
  if (!(value instanceof Operator)) return checkValue(column, value);
  refuseOtherVersion('A model', 'an operator', value);
  const { name, value: operand } = value;
  if (name === 'inList' || name === 'notInList') {
    if (!Array.isArray(operand)) throw invalid(`${name}() got ${typeName(operand)}`, 'Give a list');
    return new Operator(
      name,
      Array.from(operand, (each) => checkValue(column, each)),
    );
  }
  if (name === 'like' && typeof operand !== 'string') throw invalid(`like() got ${typeName(operand)}`, 'Give text');
  return operand === null && name === 'ne' ? value : new Operator(name, checkValue(column, operand));
}

/** A value that a column can hold; other objects may come from JSON and mean anything to a driver. @throws InvalidModelCallError */
function checkValue(column: string, value: unknown): unknown {
  if (value === undefined || value === null)
    throw invalid(`A value for ${shown(column)} is ${String(value)}`, 'Give a value; null alone is a condition');
  if (isSendable(value) && (typeof value !== 'object' || value instanceof Date || value instanceof Uint8Array))
    return value;
  throw invalid(
    `The condition on ${shown(column)} is ${named(value)}`,
    'Give a value, or an operator such as gt() or inList()',
  );
}

/** A row, read once. What is undefined is not given, as in an object that was spread together. @throws InvalidModelCallError */
export function readRow(row: unknown): Record<string, unknown> {
  return reading('A row', () => {
    if (!isRecord(row) || 'then' in row)
      throw invalid(`A row is ${typeName(row)}`, 'Give an object of columns and values; a promise has to be awaited');
    const given = Object.entries(row).filter(([, value]) => value !== undefined);
    const wrong = given.find(([, value]) => !isSendable(value));
    if (wrong === undefined) return Object.fromEntries(given);
    throw invalid(
      `A row has ${named(wrong[1])} for ${shown(wrong[0])}`,
      'Give a value that a column can hold; a promise has to be awaited',
    );
  });
}

/** @throws InvalidModelCallError */
export function readRows(verb: string, rows: unknown): Record<string, unknown>[] {
  if (Array.isArray(rows)) return Array.from(rows, readRow);
  throw invalid(`${verb} got ${typeName(rows)} for its rows`, 'Give a list of rows');
}

/** @throws InvalidModelCallError */
export function readKeys<Key>(verb: string, column: string, keys: readonly Key[]): Key[] {
  if (Array.isArray(keys)) return Array.from(keys, (key) => checkValue(column, key) as Key);
  throw invalid(`${verb} got ${typeName(keys)} for its keys`, 'Give a list of keys');
}

/** What an update sets, and which rows: those of a condition, or the one with the key of the row. @throws InvalidModelCallError */
export function changeOf(
  row: Record<string, unknown>,
  keyColumn: string,
  where: unknown,
): { readonly condition: unknown; readonly values: Record<string, unknown> } {
  const { [keyColumn]: key, ...others } = row;
  const values = where === undefined ? others : row;
  if (where === undefined && (key === undefined || key === null))
    throw invalid(
      'An update got neither a condition nor a row with its key',
      'Give the key, a where, or where: everyRow',
    );
  if (Object.keys(values).length === 0)
    throw invalid('An update got nothing to change', 'Give a column besides the key');
  return { condition: where === undefined ? { [keyColumn]: key } : where, values };
}

/** Kysely would call a function, and no driver sends a symbol, a promise or a date that is none. */
function isSendable(value: unknown): boolean {
  if (value instanceof Date) return !Number.isNaN(value.getTime());
  return typeof value !== 'function' && typeof value !== 'symbol' && !isThenable(value);
}

function named(value: unknown): string {
  return value instanceof Date && !isSendable(value) ? 'an invalid date' : typeName(value);
}

/** A name as it may stand in a message: one that came from outside may be anything. */
function shown(column: string): string {
  return /^[\w$]{1,60}$/.test(column) ? `"${column}"` : 'a column';
}
