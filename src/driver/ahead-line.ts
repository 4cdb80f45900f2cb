import type { Step } from './driver.ts';
import type { Statement } from './statement.ts';

/** How many statements may be on their way, the one whose turn it is included. */
const mostStatements = 64;
/** No more is sent once the texts and values of those that wait have this size, in characters and bytes. */
const mostSize = 2 ** 20;

/** Statements that are on their way before it is their turn. */
export interface Ahead<Sent> {
  readonly statements: readonly Statement[];
  /** None where a value cannot be sent. */
  readonly sent: Sent | undefined;
  readonly thrown: { readonly error: unknown } | undefined;
  readonly size: number;
}

/** What a connection was sent before its turn, in the order of the turns. */
export class AheadLine<Sent extends { readonly size: number }> {
  #line: Ahead<Sent>[] = [];
  #size = 0;
  /** So much is on its way that the next is sent when half of it was answered: not one by one. */
  #isFull = false;

  get isEmpty(): boolean {
    return this.#line.length === 0;
  }

  /** What comes next. */
  get next(): Ahead<Sent> | undefined {
    return this.#line[0];
  }

  /** Whether one more may be sent now. */
  hasRoom(): boolean {
    this.#isFull = this.#isFull
      ? this.#line.length >= mostStatements / 2 || this.#size >= mostSize / 2
      : this.#line.length + 1 >= mostStatements || this.#size >= mostSize;
    return !this.#isFull;
  }

  add(statements: readonly Statement[], sent: Sent): void {
    const { size } = sent;
    this.#size += size;
    this.#line.push({ statements, sent, thrown: undefined, size });
  }

  /** Has them hear in their turn why they cannot be sent. */
  refuse(statements: readonly Statement[], error: unknown): void {
    this.#line.push({ statements, sent: undefined, thrown: { error }, size: 0 });
  }

  /** The first of them, if it is what comes next; otherwise what is to come is another thing, and all are forgotten. */
  take(steps: readonly Step[]): Ahead<Sent> | undefined {
    const ahead = this.#line.shift();
    const next = steps.find((step) => step.type === 'statement');
    if (ahead !== undefined && next !== undefined && next.statement === ahead.statements[0]) {
      this.#size -= ahead.size;
      return ahead;
    }
    this.#line = [];
    this.#size = 0;
    return undefined;
  }
}
