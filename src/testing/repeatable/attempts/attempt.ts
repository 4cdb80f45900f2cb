import type { OpenTransaction } from '../../../context/index.ts';
import type { QueryResult, Statement, Step } from '../../../driver/index.ts';
import { copyOf } from './copy.ts';
import { Answers } from './answers.ts';

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

/** What a library asks once, such as Knex with its first query of all: its answer is always the same. */
const ofLibrary = /^\s*select\s+version\(\)\s*(?:as\s+\w+\s*)?;?\s*$/i;

/** One attempt of a transaction: what it sent, and what it was told. */
export class Attempt {
  readonly number: number;
  /** When it began, in milliseconds by the clock of its client. */
  readonly openedAt: number;
  readonly sent: Sent[] = [];
  readonly calls: CalledOut[] = [];
  readonly answers: Answers = new Answers();

  constructor(number: number, openedAt = 0) {
    this.number = number;
    this.openedAt = openedAt;
  }

  sends({ text, values = [] }: Statement, place: string | undefined): void {
    if (ofLibrary.test(text)) return;
    this.sent.push({ text, values: structuredCopy(values), place, known: this.answers.count });
  }

  answered(steps: readonly Step[], results: readonly QueryResult[]): void {
    const texts = steps.flatMap((step) => (step.type === 'statement' ? [step.statement.text] : []));
    for (const [at, result] of results.entries()) this.answers.add(texts[at] ?? '', result);
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
      // Functions in it, or a getter that throws.
      return copyOf(value);
    }
  });
}
