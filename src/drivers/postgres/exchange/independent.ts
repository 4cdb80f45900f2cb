import type { Exchange, Failure, Statement } from '../../../driver/index.ts';
import { ExchangeQuery, type Session } from './exchange.ts';
import { describeFailure } from './failure.ts';
import { failureOfLoss, type Loss } from './loss.ts';
import { Flight } from './flight.ts';
import { isNamedIn } from './sent-ahead.ts';

/** Statements that share a write and know nothing of each other: each has a Sync, and a transaction, of its own. */
export class IndependentStatements {
  readonly #session: Session;
  readonly #judge: (failure: Failure) => Failure;
  readonly #unanswered = new Map<ExchangeQuery, (exchange: Exchange) => void>();

  /** @param judge is told each failure, and says what it is */
  constructor(session: Session, judge: (failure: Failure) => Failure) {
    this.#session = session;
    this.#judge = judge;
  }

  /** Writes them. @returns what the server has to answer, and what those who wait are answered */
  send(statements: readonly Statement[]): {
    readonly flights: readonly Flight<ExchangeQuery>[];
    readonly exchanges: readonly Promise<Exchange>[];
  } {
    const { write } = this.#session;
    const flights: Flight<ExchangeQuery>[] = [];
    // A value that cannot be sent rejects one of them, and throws nothing.
    const exchanges = statements.map(async (statement, index) => {
      const steps = [{ type: 'statement', statement }] as const;
      const options = { isFirst: index === 0, unprepared: isNamedIn(flights, steps), follows: index > 0 };
      const query = new ExchangeQuery(steps, this.#session, options);
      flights.push(new Flight(write, query, () => {}));
      return await new Promise<Exchange>((resolve) => this.#unanswered.set(query, resolve));
    });
    for (const flight of flights) flight.stage();
    const isSent = write.send();
    for (const flight of flights) flight.noteSent(isSent);
    return { flights, exchanges };
  }

  /** The server has answered it. */
  conclude(query: ExchangeQuery): void {
    const resolve = this.#unanswered.get(query);
    if (resolve === undefined) return;
    this.#unanswered.delete(query);
    const { error, staleness, failedPlan } = query;
    if (staleness === 'suspect' && failedPlan !== undefined) this.#session.prepared.giveUp(failedPlan);
    resolve(query.outcome(error && this.#judge(describeFailure(error.error, staleness))));
  }

  /** The connection is lost. */
  lose(loss: Loss): void {
    for (const [query, resolve] of this.#unanswered) resolve(query.outcome(this.#judge(failureOfLoss(query, loss))));
    this.#unanswered.clear();
  }
}
