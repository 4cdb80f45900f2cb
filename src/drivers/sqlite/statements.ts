import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { InvalidOptionError, typeName } from '../../core/index.ts';
import type { Field, QueryResult, Statement } from '../../driver/index.ts';
import { readText, type TextFacts } from './text-facts.ts';

/** How many texts a connection keeps prepared. */
const limit = 256;

interface Prepared {
  readonly statement: StatementSync;
  fields: readonly Field[];
}

/** A statement whose values can be bound. */
export interface BoundStatement {
  readonly text: string;
  readonly facts: TextFacts;
  readonly values: readonly SQLInputValue[];
}

/** @throws InvalidOptionError where the values do not fit the text, or cannot be bound */
export function bind({ text, values = [] }: Statement): BoundStatement {
  const facts = readText(text);
  if (facts.isSeveral) {
    throw new InvalidOptionError({
      what: 'A text has several statements, and SQLite would run only the first; it was not run',
      remedy: 'Run them one by one, or with batch()',
    });
  }
  if (facts.placeholders !== values.length) {
    throw new InvalidOptionError({
      what: `A statement has ${facts.placeholders} placeholders and got ${values.length} values; it was not run`,
      remedy: 'Give one value for each placeholder, ? or $1, $2 and so on',
    });
  }
  return { text, facts, values: values.map(toValue) };
}

/** The prepared statements of one connection, the latest used. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @throws the error of SQLite */
  run({ text, facts, values }: BoundStatement): QueryResult {
    const prepared = this.#prepare(text);
    const { statement, fields } = prepared;
    const given: readonly SQLInputValue[] | readonly [Record<string, SQLInputValue>] = facts.isNumbered
      ? [Object.fromEntries(values.map((value, index) => [`$${index + 1}`, value]))]
      : values;
    const { command } = facts;
    if (fields.length === 0) {
      const { changes, lastInsertRowid } = statement.run(...(given as SQLInputValue[]));
      // It keeps the count of the last statement that changed rows.
      const rowCount = changing.has(command) ? Number(changes) : 0;
      const result: QueryResult = { rows: [], rowCount, command, fields };
      return command === 'INSERT' || command === 'REPLACE'
        ? { ...result, insertId: fromValue(lastInsertRowid) as number | string }
        : result;
    }
    const rows = (statement.all(...(given as SQLInputValue[])) as Record<string, unknown>[]).map(toRow);
    const [first] = rows;
    // SQLite prepares a statement again by itself after a change of its tables.
    if (first === undefined || !describes(fields, first)) prepared.fields = fieldsOf(statement);
    return { rows, rowCount: rows.length, command, fields: prepared.fields };
  }

  #prepare(text: string): Prepared {
    const known = this.#prepared.get(text);
    if (known !== undefined) {
      this.#prepared.delete(text);
      this.#prepared.set(text, known);
      return known;
    }
    const statement = this.#database.prepare(text);
    statement.setReadBigInts(true);
    const prepared = { statement, fields: fieldsOf(statement) };
    const [oldest] = this.#prepared.keys();
    if (this.#prepared.size >= limit && oldest !== undefined) this.#prepared.delete(oldest);
    this.#prepared.set(text, prepared);
    return prepared;
  }
}

const changing: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'REPLACE']);

/** Whether the fields are those of a row; not where two of them have one name. */
function describes(fields: readonly Field[], row: Record<string, unknown>): boolean {
  return Object.keys(row).length === fields.length && fields.every(({ name }) => Object.hasOwn(row, name));
}

function fieldsOf(statement: StatementSync): readonly Field[] {
  return statement.columns().map(({ name }) => ({ name, dataTypeID: 0 }));
}

function toRow(values: Record<string, unknown>): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    // A plain assignment would set the row's prototype.
    if (name === '__proto__')
      Object.defineProperty(row, name, {
        value: fromValue(value),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    else row[name] = fromValue(value);
  }
  return row;
}

/** Integers as numbers where that is exact, else as text. */
function fromValue(value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** @throws InvalidOptionError for what SQLite has no storage class for */
function toValue(value: unknown): SQLInputValue {
  if (value === undefined || value === null) return null;
  switch (typeof value) {
    case 'string':
    case 'bigint':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      break;
    case 'boolean':
      return value ? 1 : 0;
    case 'object':
      if (value instanceof Uint8Array) return value;
      if (!(value instanceof Date)) return JSON.stringify(value);
      if (!Number.isNaN(value.getTime())) return value.toISOString();
      break;
    case 'undefined':
    case 'function':
    case 'symbol':
  }
  throw new InvalidOptionError({
    what: `A value of a statement is ${value instanceof Date ? 'an invalid date' : typeName(value)}, which cannot be stored`,
    remedy: 'Give text, finite numbers, booleans, dates, bytes, null, or what can be written as JSON',
  });
}
