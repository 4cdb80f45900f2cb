import { fieldOf } from '../../../core/index.ts';
import { ownFields, textOfValue } from '../../text-of-value.ts';
import type { QueryResult } from '../../../driver/index.ts';
import { skeletonOf } from './statement-parts.ts';

/** How many values of answers are kept of one attempt. */
const mostAnswers = 50_000;

/** The values that the server gave to an attempt, by what they are an answer to. */
export class Answers {
  /** Of each value its columns, each with how many answers were known before. */
  readonly #columns = new Map<string, Map<string, number>>();
  #count = 0;

  /** How many are known. */
  get count(): number {
    return this.#count;
  }

  add(text: string, result: QueryResult): void {
    const skeleton = skeletonOf(text);
    this.#add(skeleton, result, 0);
    // Of a library's own result, which may have it as a getter.
    this.#add(`${skeleton}.insertId`, fieldOf(result, 'insertId'), 1);
  }

  /** The columns that had this value when so many were known. */
  columnsOf(value: string, known: number): readonly string[] {
    return [...(this.#columns.get(value) ?? [])].flatMap(([column, at]) => (at < known ? [column] : []));
  }

  has(value: string, column: string): boolean {
    return this.#columns.get(value)?.has(column) === true;
  }

  #add(column: string, value: unknown, depth: number): void {
    if (depth > 8 || this.#count > mostAnswers) return;
    if (value instanceof Date) this.#note(column, textOfValue(value));
    else if (Array.isArray(value))
      // Rows have no order; a row that is an array has one.
      for (const [at, each] of value.entries())
        this.#add(typeof each === 'object' ? `${column}[]` : `${column}[${at}]`, each, depth + 1);
    else if (typeof value === 'object' && value !== null)
      for (const [name, each] of ownFields(value)) this.#add(`${column}.${name}`, each, depth + 1);
    else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
      this.#note(column, String(value));
  }

  #note(column: string, value: string): void {
    const columns = this.#columns.get(value) ?? new Map<string, number>();
    this.#columns.set(value, columns);
    if (columns.has(column)) return;
    columns.set(column, this.#count);
    this.#count += 1;
  }
}

/** A value with what was known when it was sent. */
export interface Told {
  readonly value: unknown;
  readonly answers: Answers;
  /** How many answers were known. */
  readonly known: number;
}

/** Both are what the server had told at the same place, each its own attempt alone: a generated key. */
export function areGenerated(one: Told, other: Told): boolean {
  const [a, b] = [textOfValue(one.value), textOfValue(other.value)];
  const columns = other.answers.columnsOf(b, other.known);
  return one.answers
    .columnsOf(a, one.known)
    .some((column) => columns.includes(column) && !one.answers.has(b, column) && !other.answers.has(a, column));
}
