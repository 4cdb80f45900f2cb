import type { Statement, Step } from '../../../driver/index.ts';
import { ExchangeQuery, type Session } from './exchange.ts';
import { type Flight, isCopy, mayBeFollowed } from './flight.ts';

/** How many statements may be on their way, the one whose turn it is included. */
const mostStatements = 64;
/** No more is sent once the texts and values of those that wait have this size, in characters and bytes. */
const mostSize = 2 ** 20;

/** Whether what is on its way has the server parse a text of these steps under the name that they would ask for. */
export function isNamedIn(flights: readonly Flight<ExchangeQuery>[], steps: readonly Step[]): boolean {
  return steps.some(
    (step) => step.type === 'statement' && flights.some((flight) => flight.parses(step.statement.text)),
  );
}

function stepsOf(statements: readonly Statement[]): readonly Step[] {
  return statements.map((statement) => ({ type: 'statement', statement }));
}

/** Statements that are on their way before it is their turn. */
export interface Ahead {
  readonly statements: readonly Statement[];
  /** None where a value cannot be sent. */
  readonly query: ExchangeQuery | undefined;
  readonly thrown: { readonly error: unknown } | undefined;
  readonly size: number;
}

/** What a connection was sent before its turn, in the order of the turns. */
export class SentAhead {
  readonly #session: Session;
  #line: Ahead[] = [];
  #size = 0;
  /** So much is on its way that the next is sent when half of it was answered: not one by one. */
  #isFull = false;

  constructor(session: Session) {
    this.#session = session;
  }

  get isEmpty(): boolean {
    return this.#line.length === 0;
  }

  /**
   * Whether statements may be sent now.
   * @param flights what is on its way
   * @param hasBegun the server has confirmed that a transaction is open: without one they would run by themselves
   */
  accepts(statements: readonly Statement[], flights: readonly Flight<ExchangeQuery>[], hasBegun: boolean): boolean {
    const last = flights.at(-1);
    if (last === undefined ? this.isEmpty : !mayBeFollowed(last.lastSteps)) return false;
    if (last?.isOpen !== true && !hasBegun) return false;
    this.#isFull = this.#isFull
      ? this.#line.length >= mostStatements / 2 || this.#size >= mostSize / 2
      : this.#line.length + 1 >= mostStatements || this.#size >= mostSize;
    if (this.#isFull) return false;
    // A name that another write has to give first may be missing, if that fails.
    const written = flights.filter(({ isOpen }) => !isOpen);
    return !statements.some(({ text }) => isCopy(text)) && !isNamedIn(written, stepsOf(statements));
  }

  /** @returns how they are sent; nothing where a value cannot be */
  add(statements: readonly Statement[], follows: boolean): ExchangeQuery | undefined {
    try {
      const query = new ExchangeQuery(stepsOf(statements), this.#session, {
        isFirst: false,
        unprepared: false,
        follows,
      });
      const { size } = query;
      this.#size += size;
      this.#line.push({ statements, query, thrown: undefined, size });
      return query;
    } catch (error) {
      this.#line.push({ statements, query: undefined, thrown: { error }, size: 0 });
      return undefined;
    }
  }

  /** The first of them, if it is what comes next; otherwise what is to come is another thing, and all are forgotten. */
  take(steps: readonly Step[]): Ahead | undefined {
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

  /** Whether the server had the text of what comes next prepared; nothing where that was not sent ahead. */
  hadPrepared(text: string): boolean | undefined {
    const next = this.#line[0];
    return next?.statements.some((statement) => statement.text === text) === true
      ? next.query?.hadPrepared(text)
      : undefined;
  }
}
