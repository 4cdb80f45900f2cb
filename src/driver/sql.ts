import { InvalidOptionError, typeName } from '../core/index.ts';
import type { Statement } from './statement.ts';

/** What a piece of SQL is made of. */
type Part =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'value'; readonly value: unknown }
  | { readonly type: 'name'; readonly names: readonly string[] }
  | { readonly type: 'piece'; readonly parts: readonly Part[] };

/** Copies of the package know each other's pieces by it; what comes out of JSON never has it. */
const brand: unique symbol = Symbol.for('sluice.sql') as never;
declare const rowOf: unique symbol;

/** A piece of SQL with its values: a statement, or a part of one. Made by `sql` and `statement`. */
export interface Sql<Row = Record<string, unknown>> {
  /** Marks the object as a piece of SQL; holds its parts. */
  readonly [brand]: readonly Part[];
  /** What the rows of its result are, which is not checked. */
  readonly [rowOf]?: Row;
}

/** The rows of the result of a statement. */
export type RowOf<Piece> = Piece extends Sql<infer Row> ? Row : never;

/** Makes statements whose values never become text. */
export interface SqlTag {
  /**
   * A statement. An interpolated value is sent as a parameter (`$1`, `$2` on every engine), never as text; an interpolated
   * piece of SQL becomes a part of it.
   *
   * ```ts
   * const product = sql<{ id: number; stock: number }>`select id, stock from product where id = ${id}`;
   * const { rows } = await database.query(product);
   * ```
   * @throws InvalidOptionError for functions, symbols and promises
   */
  <Row = Record<string, unknown>>(texts: TemplateStringsArray, ...values: readonly unknown[]): Sql<Row>;
  /**
   * A name, quoted for the engine: `sql.id('shop', 'product')`.
   *
   * ```ts
   * await db.query(sql`select * from ${sql.id('shop', 'product')} order by ${sql.id(column)}`);
   * ```
   * @throws InvalidOptionError for what is no text, is empty or has NUL; when it is sent also for a name that is too long
   */
  id(...names: readonly string[]): Sql;
  /**
   * Values or pieces in a row, with `, ` or another piece between them: `` sql`id in (${sql.join(ids)})` ``.
   *
   * ```ts
   * await db.query(sql`select * from product where id in (${sql.join(ids)})`);
   * ```
   * @throws InvalidOptionError for an empty list
   */
  join(parts: readonly unknown[], separator?: Sql): Sql;
  /** An empty piece, for parts of a statement that depend on a condition. */
  readonly empty: Sql;
  /**
   * DANGEROUS: inserts text unchanged. Input from outside can be an SQL injection here.
   *
   * ```ts
   * const direction = isDescending ? sql.raw('desc') : sql.raw('asc');
   * await db.query(sql`select * from product order by stock ${direction}`);
   * ```
   */
  raw(text: string): Sql;
}

/**
 * A statement from text with placeholders (`$1`, `$2` on every engine, `?` where the engine has it) and values.
 *
 * ```ts
 * const { rows } = await db.query(statement<Product>('select * from product where id = $1', [id]));
 * ```
 */
export function statement<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Sql<Row> {
  if (typeof text !== 'string') throw refused(typeName(text), 'the text of a statement', 'Give SQL text');
  if (values !== undefined && !Array.isArray(values))
    throw refused(typeName(values), 'the values of a statement', 'Give an array with one value for each placeholder');
  return Object.assign(
    piece<Row>([{ type: 'text', text }]),
    values === undefined ? {} : { [given]: [...(values as unknown[])] },
  );
}

/** The values of a text that has its placeholders already. */
const given: unique symbol = Symbol.for('sluice.sql.values') as never;

function tag<Row = Record<string, unknown>>(texts: TemplateStringsArray, ...values: readonly unknown[]): Sql<Row> {
  if (!Array.isArray(texts) || !Array.isArray(texts.raw)) {
    throw new InvalidOptionError({
      what: `sql was called as a function, with ${typeName(texts)}, instead of as a template`,
      remedy: 'Write sql`...`, or statement(text, values) for text from elsewhere',
    });
  }
  const parts: Part[] = [{ type: 'text', text: texts[0] ?? '' }];
  for (const [index, value] of values.entries()) {
    parts.push(partOf(value, 'sql'), { type: 'text', text: texts[index + 1] ?? '' });
  }
  return piece(parts);
}

/** Makes statements: see `SqlTag`. */
export const sql: SqlTag = Object.assign(tag, {
  id(...names: readonly string[]): Sql {
    if (names.length === 0) throw refused('no name', 'sql.id', 'Give the name of a table or column');
    for (const name of names) {
      if (typeof name !== 'string' || name === '' || name.includes('\0') || !name.isWellFormed())
        throw refused(
          typeof name === 'string' ? 'text that is no name' : typeName(name),
          'sql.id',
          'Give names as text',
        );
    }
    return piece([{ type: 'name', names: [...names] }]);
  },
  join(parts: readonly unknown[], separator: Sql = comma): Sql {
    if (!Array.isArray(parts)) throw refused(typeName(parts), 'sql.join', 'Give an array of values or pieces of SQL');
    if (parts.length === 0)
      throw refused('an empty list', 'sql.join', 'Leave the condition out where there is nothing to list');
    if (!isSql(separator))
      throw refused(typeName(separator), 'the separator of sql.join', 'Give a piece of SQL: sql` and `');
    const between: Part = { type: 'piece', parts: separator[brand] };
    return piece(
      parts.flatMap((part: unknown, index): Part[] => {
        const own = partOf(part, 'sql.join');
        return index === 0 ? [own] : [between, own];
      }),
    );
  },
  empty: piece([]),
  raw(text: string): Sql {
    if (typeof text !== 'string') throw refused(typeName(text), 'sql.raw', 'Give SQL text that is your own');
    return piece([{ type: 'text', text }]);
  },
});

const comma: Sql = piece([{ type: 'text', text: ', ' }]);

/** Whether a value was made by `sql` or `statement`, of this copy of the package or another one. */
export function isSql(value: unknown): value is Sql<unknown> {
  return typeof value === 'object' && value !== null && Array.isArray((value as Partial<Sql>)[brand]);
}

/**
 * The statement that a piece of SQL is on an engine.
 * @param quoteName quotes a name as the engine has it, or throws InvalidOptionError
 */
export function toStatement(whole: Sql<unknown>, quoteName: (name: string) => string): Statement {
  const [only] = whole[brand];
  const values = (whole as { readonly [given]?: readonly unknown[] })[given];
  if (only?.type === 'text' && whole[brand].length === 1) return { text: only.text, values };
  const found: unknown[] = [];
  const texts: string[] = [];
  let isBehindValue = false;
  for (const part of flat(whole[brand])) {
    if (part.type === 'name') texts.push(part.names.map(quoteName).join('.'));
    else if (part.type === 'value') texts.push(`$${found.push(part.value)}`);
    // A digit behind a placeholder would be read as a part of its number.
    else texts.push(isBehindValue && /^\d/.test(part.text) ? ` ${part.text}` : part.text);
    isBehindValue = part.type === 'value' || (isBehindValue && part.type === 'text' && part.text === '');
  }
  return { text: texts.join(''), values: found };
}

/** The parts of pieces in pieces, in their order; however deep, since programs compose them in loops. */
function* flat(parts: readonly Part[]): Generator<Exclude<Part, { type: 'piece' }>> {
  const open = [{ parts, at: 0 }];
  for (let here = open.at(-1); here !== undefined; here = open.at(-1)) {
    const part = here.parts[here.at];
    here.at += 1;
    if (part === undefined) open.pop();
    else if (part.type === 'piece') open.push({ parts: part.parts, at: 0 });
    else yield part;
  }
}

function partOf(value: unknown, owner: string): Part {
  if (isSql(value)) {
    if (given in value) throw refused('a statement with placeholders of its own', owner, 'Make it with sql`...`');
    return { type: 'piece', parts: value[brand] };
  }
  if (typeof value === 'function' || typeof value === 'symbol')
    throw refused(typeName(value), owner, 'Give values, or pieces of SQL made by sql');
  return { type: 'value', value };
}

function piece<Row = Record<string, unknown>>(parts: readonly Part[]): Sql<Row> {
  return Object.defineProperty({}, brand, { value: parts }) as Sql<Row>;
}

function refused(what: string, owner: string, remedy: string): InvalidOptionError {
  return new InvalidOptionError({ what: `${owner} got ${what}`, remedy });
}
