import { type Expression, type ExpressionBuilder, sql, type SqlBool } from 'kysely';
import { typeName } from '../core/index.ts';
import { invalid } from './errors.ts';
import { Either, Operator, type ReadWhere } from './operators.ts';

/** What a builder of a model knows of its table. */
export type Tables = Record<string, Record<string, unknown>>;

const symbols = { ne: '!=', gt: '>', gte: '>=', lt: '<', lte: '<=', like: 'like' } as const;

/** Writes conditions that were read; `columns` are all that may be named. @throws InvalidModelCallError */
export function writeWhere(
  builder: ExpressionBuilder<Tables, string>,
  where: ReadWhere,
  columns: ReadonlySet<string>,
): Expression<SqlBool> {
  if (where instanceof Either) {
    return builder.or(where.conditions.map((each) => writeWhere(builder, each as ReadWhere, columns)));
  }
  return builder.and(Object.entries(where).map(([column, value]) => compare(builder, checked(column, columns), value)));
}

/** @throws InvalidModelCallError */
export function checked(column: unknown, columns: ReadonlySet<string>): string {
  if (typeof column === 'string' && columns.has(column)) return column;
  const shown = typeof column === 'string' && /^[\w$]{1,60}$/.test(column) ? `"${column}"` : typeName(column);
  throw invalid(`The model has no column ${shown}`, `Its columns are: ${[...columns].join(', ')}`);
}

/** @throws InvalidModelCallError */
export function checkColumns(
  row: Record<string, unknown>,
  { columns }: { readonly columns: ReadonlySet<string> },
): void {
  for (const name of Object.keys(row)) checked(name, columns);
}

function compare(builder: ExpressionBuilder<Tables, string>, column: string, value: unknown): Expression<SqlBool> {
  const reference = sql.ref(column);
  if (!(value instanceof Operator)) return builder(reference, value === null ? 'is' : '=', value);
  const { name, value: operand } = value;
  if (name === 'inList' || name === 'notInList') {
    const values = operand as readonly unknown[];
    if (values.length === 0) return sql<SqlBool>`${sql.lit(name === 'notInList' ? 1 : 0)} = 1`;
    return builder(reference, name === 'inList' ? 'in' : 'not in', values);
  }
  if (operand === null) return builder(reference, 'is not', null);
  return builder(reference, symbols[name], operand);
}
