import { type Expression, type ExpressionBuilder, sql, type SqlBool } from 'kysely';
import { typeName } from '../core/index.ts';
import { InvalidModelCallError } from './errors.ts';
import { Either, Operator } from './operators.ts';

/** What a builder of a model knows of its table. */
export type Tables = Record<string, Record<string, unknown>>;

const symbols = { eq: '=', ne: '!=', gt: '>', gte: '>=', lt: '<', lte: '<=', like: 'like' } as const;
/** How deep `either` may be nested. */
const deepest = 20;

/** Writes conditions; `columns` are all that may be named. @throws InvalidModelCallError */
export function writeWhere(
  builder: ExpressionBuilder<Tables, string>,
  where: unknown,
  columns: ReadonlySet<string>,
  depth = 0,
): Expression<SqlBool> {
  if (depth > deepest) throw invalid(`Conditions are nested more than ${deepest} deep`, 'Write them flatter');
  if (where instanceof Either) {
    if (where.conditions.length === 0) throw invalid('either() got no condition', 'Give at least one');
    return builder.or(where.conditions.map((each) => writeWhere(builder, each, columns, depth + 1)));
  }
  if (!isPlain(where)) throw invalid(`A condition is ${typeName(where)}`, 'Give an object of columns and values');
  const entries = Object.entries(where);
  if (entries.length === 0) throw invalid('A condition names no column', "Name one, or say where: 'all'");
  return builder.and(entries.map(([column, value]) => compare(builder, checked(column, columns), value)));
}

/** @throws InvalidModelCallError */
export function checked(column: unknown, columns: ReadonlySet<string>): string {
  if (typeof column === 'string' && columns.has(column)) return column;
  const shown = typeof column === 'string' && /^[\w$]{1,60}$/.test(column) ? `"${column}"` : typeName(column);
  throw invalid(`The model has no column ${shown}`, `Its columns are: ${[...columns].join(', ')}`);
}

function compare(builder: ExpressionBuilder<Tables, string>, column: string, value: unknown): Expression<SqlBool> {
  const reference = sql.ref(column);
  if (!(value instanceof Operator)) {
    if (value === undefined)
      throw invalid(`The condition on "${column}" is undefined`, 'Give a value or null, or leave the column out');
    return value === null ? builder(reference, 'is', null) : builder(reference, '=', sqlValue(column, value));
  }
  const { name, value: operand } = value;
  if (name === 'inList' || name === 'notInList') {
    if (!Array.isArray(operand)) throw invalid(`${name}() on "${column}" got ${typeName(operand)}`, 'Give a list');
    const values = operand.map((each) => sqlValue(column, each));
    if (values.length === 0) return sql<SqlBool>`${sql.lit(name === 'notInList' ? 1 : 0)} = 1`;
    return builder(reference, name === 'inList' ? 'in' : 'not in', values);
  }
  if (operand === null && (name === 'ne' || name === 'eq'))
    return builder(reference, name === 'ne' ? 'is not' : 'is', null);
  return builder(reference, symbols[name], sqlValue(column, operand));
}

/** A value that stands for one in a column; an object that is none may come from JSON and mean anything. @throws InvalidModelCallError */
function sqlValue(column: string, value: unknown): unknown {
  if (value === undefined || value === null)
    throw invalid(`A value for "${column}" is ${String(value)}`, 'Give a value; null alone is a condition');
  if (typeof value !== 'object' || value instanceof Date || value instanceof Uint8Array) return value;
  throw invalid(
    `The condition on "${column}" is ${typeName(value)}`,
    'Give a value, or an operator such as gt() or inList()',
  );
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Operator);
}

export function invalid(what: string, remedy: string): InvalidModelCallError {
  return new InvalidModelCallError({ what, remedy });
}
