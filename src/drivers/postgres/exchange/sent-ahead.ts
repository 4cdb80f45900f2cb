import { type Ahead, AheadLine, type Statement, type Step } from '../../../driver/index.ts';
import { ExchangeQuery, type Session } from './exchange.ts';
import { type Flight, isCopy, mayBeFollowed } from './flight.ts';

/** Whether what is on its way has the server parse a text of these steps under the name that they would ask for. */
export function isNamedIn(flights: readonly Flight<ExchangeQuery>[], steps: readonly Step[]): boolean {
  return steps.some(
    (step) => step.type === 'statement' && flights.some((flight) => flight.parses(step.statement.text)),
  );
}

function stepsOf(statements: readonly Statement[]): readonly Step[] {
  return statements.map((statement) => ({ type: 'statement', statement }));
}

/** What a connection was sent before its turn, in the order of the turns. */
export class SentAhead {
  readonly #session: Session;
  readonly #line = new AheadLine<ExchangeQuery>();

  constructor(session: Session) {
    this.#session = session;
  }

  get isEmpty(): boolean {
    return this.#line.isEmpty;
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
    if (!this.#line.hasRoom()) return false;
    // A name that another write has to give first may be missing, if that fails.
    const written = flights.filter(({ isOpen }) => !isOpen);
    return !statements.some(({ text }) => isCopy(text)) && !isNamedIn(written, stepsOf(statements));
  }

  /** @returns how they are sent; nothing where a value cannot be */
  add(statements: readonly Statement[], follows: boolean): ExchangeQuery | undefined {
    const options = { isFirst: false, unprepared: false, follows };
    try {
      const query = new ExchangeQuery(stepsOf(statements), this.#session, options);
      this.#line.add(statements, query);
      return query;
    } catch (error) {
      this.#line.refuse(statements, error);
      return undefined;
    }
  }

  /** See `AheadLine.take`. */
  take(steps: readonly Step[]): Ahead<ExchangeQuery> | undefined {
    return this.#line.take(steps);
  }

  /** Whether the server had the text of what comes next prepared; nothing where that was not sent ahead. */
  hadPrepared(text: string): boolean | undefined {
    const { next } = this.#line;
    return next?.statements.some((statement) => statement.text === text) === true
      ? next.sent?.hadPrepared(text)
      : undefined;
  }
}
