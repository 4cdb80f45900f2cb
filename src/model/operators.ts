import { knownToCopies } from '../core/index.ts';

/** What a column is compared with; made by the functions here alone, so that no JSON can be one. */
export class Operator<Value = unknown> {
  static {
    knownToCopies(Operator, 'operator');
  }

  /** The comparison. */
  readonly name: 'ne' | 'gt' | 'gte' | 'lt' | 'lte' | 'like' | 'inList' | 'notInList';
  /** What the column is compared with. */
  readonly value: unknown;
  /** For the type alone. */
  declare readonly of?: Value;

  constructor(name: Operator['name'], value: unknown) {
    this.name = name;
    this.value = value;
  }
}

/** Conditions of which one has to hold. */
export class Either<Row extends object = object> {
  static {
    knownToCopies(Either, 'either');
  }

  /** The alternatives. */
  readonly conditions: readonly Where<Row>[];

  constructor(conditions: readonly Where<Row>[]) {
    this.conditions = conditions;
  }
}

/** By column: a value (`null` is `is null`), or an operator. All have to hold. */
export type Conditions<Row extends object> = {
  readonly [Column in keyof Row]?: Row[Column] | Operator<NonNullable<Row[Column]>>;
};
/** Conditions on a row: by column, or as alternatives made by `either`. */
export type Where<Row extends object> = Conditions<Row> | Either<Row>;

/**
 * Given as the condition, selects every row on purpose: `post.delete(everyRow)`. It is a symbol, which JSON cannot hold, so
 * input from outside cannot express it.
 */
export const everyRow: unique symbol = Symbol.for('sluice.model.everyRow');

/** Conditions as they were read: what is checked, sent and kept in caches is the same. */
export type ReadWhere = Either | Readonly<Record<string, unknown>>;

/**
 * Other than the value; `null` is `is not null`.
 *
 * ```ts
 * await product.select({ where: { name: ne('chair') } });
 * ```
 */
export function ne(value: null): Operator<never>;
export function ne<Value>(value: Value): Operator<Value>;
export function ne(value: unknown): Operator {
  return new Operator('ne', value);
}
/** Greater than the value. */
export const gt = <Value>(value: Value): Operator<Value> => new Operator('gt', value);
/** Greater than or equal to the value. */
export const gte = <Value>(value: Value): Operator<Value> => new Operator('gte', value);
/** Less than the value. */
export const lt = <Value>(value: Value): Operator<Value> => new Operator('lt', value);
/** Less than or equal to the value. */
export const lte = <Value>(value: Value): Operator<Value> => new Operator('lte', value);
/** SQL's LIKE: `%` for any text, `_` for one character. */
export const like = (pattern: string): Operator<string> => new Operator('like', pattern);
/**
 * One of the values; of none it never holds.
 *
 * ```ts
 * await product.select({ where: { id: inList(ids) } });
 * ```
 */
export const inList = <Value>(values: readonly Value[]): Operator<Value> => new Operator('inList', values);
/** None of the values; of an empty list it always holds. */
export const notInList = <Value>(values: readonly Value[]): Operator<Value> => new Operator('notInList', values);
/**
 * One of the conditions holds.
 *
 * ```ts
 * await product.select({ where: either({ stock: 0 }, { name: like('old%') }) });
 * ```
 */
export const either = <Row extends object>(...conditions: readonly Where<NoInfer<Row>>[]): Either<Row> =>
  new Either(conditions);
