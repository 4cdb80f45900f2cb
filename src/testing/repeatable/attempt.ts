import type { OpenTransaction } from '../../context/index.ts';
import { fieldOf } from '../../core/index.ts';
import type { Statement } from '../../driver/index.ts';

/** A statement that an attempt sent. */
export interface Sent {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly place: string | undefined;
  /** How many answers of the server were known then. */
  readonly known: number;
}

/** A call to another server or program out of an attempt. */
export interface CalledOut {
  readonly what: string;
  readonly place: string | undefined;
}

/** How many values of answers are kept of one attempt. */
const mostAnswers = 50_000;

/** One attempt of a transaction: what it sent, and what it was told. */
export class Attempt {
  readonly number: number;
  readonly sent: Sent[] = [];
  readonly calls: CalledOut[] = [];
  /** The values that the server gave, each with how many were known before it. */
  readonly answers: Map<string, number> = new Map();

  constructor(number: number) {
    this.number = number;
  }

  sends({ text, values = [] }: Statement, place: string | undefined): void {
    this.sent.push({ text, values: structuredCopy(values), place, known: this.answers.size });
  }

  answered(results: readonly unknown[]): void {
    this.#add(results, 0);
  }

  #add(value: unknown, depth: number): void {
    if (depth > 8 || this.answers.size > mostAnswers) return;
    if (value instanceof Date) this.#note(value.toISOString());
    else if (Array.isArray(value)) for (const each of value) this.#add(each, depth + 1);
    else if (typeof value === 'object' && value !== null) {
      for (const each of Object.values(value)) this.#add(each, depth + 1);
      // Of a library's own result, which may have it as a getter.
      this.#add(fieldOf(value, 'insertId'), depth + 1);
    } else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
      this.#note(String(value));
  }

  #note(text: string): void {
    if (!this.answers.has(text)) this.answers.set(text, this.answers.size);
  }
}

/** All attempts of one call of `transaction`. */
export interface Repeated {
  readonly name: string;
  readonly openedAt: string | undefined;
  readonly attempts: Attempt[];
  /** The attempt that was failed at its COMMIT. */
  failed: Attempt | undefined;
  /** Names the transaction of that attempt. */
  failedId: string | undefined;
  /** Whether another attempt followed on that. */
  isRepeated: boolean;
}

/** The attempt that followed on the one that was failed; it may have sent nothing. */
export function nextAttempt({ failed, isRepeated, attempts }: Repeated): Attempt | undefined {
  if (failed === undefined || !isRepeated) return undefined;
  return attempts.find(({ number }) => number > failed.number) ?? new Attempt(failed.number + 1);
}

/** The outermost transaction of a chain that may have several attempts and is under way. */
export function repeatableIn(innermost: OpenTransaction | undefined): OpenTransaction | undefined {
  let found: OpenTransaction | undefined;
  for (let open = innermost; open !== undefined; open = open.outer) if (open.record.attempts > 1) found = open;
  return found;
}

function structuredCopy(values: readonly unknown[]): readonly unknown[] {
  return values.map((value) => {
    if (typeof value !== 'object' || value === null) return value;
    try {
      return structuredClone(value);
    } catch {
      // Something that only its driver can read; that it is one is compared.
      return Object.prototype.toString.call(value);
    }
  });
}
