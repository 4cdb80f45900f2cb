import { aBoolean, anything, type Check, listOf, typeName } from '../core/index.ts';
import type { ColumnOf } from './definition.ts';
import { invalid } from './errors.ts';
import type { everyRow, Where } from './operators.ts';

/** Options of `select()`. */
export interface SelectOptions<Row extends object, Column extends ColumnOf<Row> = ColumnOf<Row>> {
  /** Conditions that the rows have to meet. Default: all rows. */
  readonly where?: Where<Row> | undefined;
  /** Default: all. */
  readonly columns?: readonly Column[] | undefined;
  /** Columns, the first first; ascending unless told otherwise. */
  readonly orders?: readonly (ColumnOf<Row> | readonly [ColumnOf<Row>, 'asc' | 'desc'])[] | undefined;
  /** The most rows to return. Default: all. */
  readonly limit?: number | undefined;
  /** How many rows to skip before the first that is returned. Default 0. */
  readonly offset?: number | undefined;
  /** Whether the answer may come from the cache, where the model has one for queries. Default: as the model says. */
  readonly cache?: boolean | undefined;
}

/** Options of `update()`. */
export interface UpdateOptions<Row extends object> {
  /** Which rows; `everyRow` says on purpose that it is all of them. Default: the one with the key that the row holds. */
  readonly where?: Where<Row> | typeof everyRow | undefined;
}

function wholeNumber(name: string): Check {
  const read = (value: unknown): unknown => {
    if (Number.isSafeInteger(value) && Number(value) >= 0) return value;
    throw invalid(`"${name}" is ${typeName(value)}`, 'Give a whole number from 0 on');
  };
  return Object.assign((): undefined => undefined, { read });
}

const aName: Check = (value) => (typeof value === 'string' ? undefined : 'text');
const readOrder = (order: unknown): unknown => {
  const [column, direction = 'asc', ...more] = Array.isArray(order) ? (order as unknown[]) : [order];
  if ((direction !== 'asc' && direction !== 'desc') || more.length > 0)
    throw invalid('An order has no direction that there is', "Give 'asc' or 'desc'");
  return [column, direction];
};
const aList = listOf(anything, 10_000, 'a list of columns');
const orders: Check = Object.assign((value: unknown) => aList(value), {
  read: (value: unknown) => (Array.isArray(value) ? Array.from(value as unknown[], readOrder) : value),
});
/** The checks of what calls are given besides. */
export const selectChecks: Record<keyof SelectOptions<object>, Check> = {
  // Read with the columns, as far as they are known.
  where: anything,
  columns: listOf(aName, 10_000, 'a list of columns'),
  orders,
  limit: wholeNumber('limit'),
  offset: wholeNumber('offset'),
  cache: aBoolean,
};
export const countChecks: Record<'cache', Check> = { cache: aBoolean };
export const updateChecks: Record<keyof UpdateOptions<object>, Check> = {
  where: anything,
};
