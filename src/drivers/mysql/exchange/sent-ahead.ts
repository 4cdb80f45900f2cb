import { type Ahead, AheadLine, type Statement, type Step } from '../../../driver/index.ts';
import { mayGoAhead } from '../sql/inspect.ts';
import type { Flight, Landing } from './flight.ts';
import type { Session } from './session.ts';
import { type SentStatement, toSend } from './statement.ts';

/** A statement that is on its way before it is its turn. */
export interface FlightAhead {
  readonly flight: Flight;
  readonly landing: Promise<Landing>;
  readonly size: number;
  /** The transaction that it was sent in. */
  readonly transaction: number;
  /** The server has answered it, or never will. */
  hasLanded: boolean;
}

/** What a connection was sent before its turn, in the order of the turns. */
export class SentAhead {
  readonly #session: Session;
  readonly #line = new AheadLine<FlightAhead>();
  /** How many are to be answered, forgotten ones included. */
  #unanswered = 0;
  /** Something was answered that no one has waited for. */
  #hasLanded = false;
  #onLanded: (() => void) | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  get isEmpty(): boolean {
    return this.#line.isEmpty;
  }
  /** Whether some of them are to be answered. */
  get isUnderWay(): boolean {
    return this.#unanswered > 0;
  }

  /** Sends a statement behind what is under way. @returns whether it is on its way; otherwise it has to wait for its turn */
  send(statements: readonly Statement[]): boolean {
    const [statement] = statements;
    // Of several the later ones are not to be run where the first fails.
    if (statement === undefined || statements.length > 1 || !mayGoAhead(statement.text)) return false;
    const { followed } = this.#session;
    if (followed === undefined || !this.#line.hasRoom()) return false;
    try {
      const sent = toSend(statement);
      if (!this.#session.runsAtOnce(sent)) return false;
      this.#line.add(statements, this.#sendBehind(followed, sent));
    } catch (error) {
      this.#line.refuse(statements, error);
    }
    return true;
  }

  /** See `AheadLine.take`. */
  take(steps: readonly Step[]): Ahead<FlightAhead> | undefined {
    return this.#line.take(steps);
  }

  /**
   * Resolves when one more is answered than the last time, after so many milliseconds at the latest.
   * @returns whether some are left to answer
   */
  async awaitNext(milliseconds: number): Promise<boolean> {
    if (this.isUnderWay && !this.#hasLanded) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onLanded = resolve;
      const timer = setTimeout(resolve, milliseconds);
      await promise;
      clearTimeout(timer);
    }
    this.#hasLanded = false;
    return this.isUnderWay;
  }

  #sendBehind(followed: Flight, sent: SentStatement): FlightAhead {
    const session = this.#session;
    const flight = session.flight(followed);
    flight.statement(sent);
    const landing = session.sendBehind(flight);
    const ahead = { flight, landing, size: sizeOf(sent), transaction: session.transaction, hasLanded: false };
    this.#unanswered += 1;
    void landing.then(() => {
      ahead.hasLanded = true;
      this.#unanswered -= 1;
      this.#hasLanded = true;
      this.#onLanded?.();
    });
    return ahead;
  }
}

/** How much is sent, in characters and bytes. */
function sizeOf({ text, values }: SentStatement): number {
  let size = text.length;
  for (const value of values ?? []) {
    if (typeof value === 'string') size += value.length;
    else if (ArrayBuffer.isView(value)) size += value.byteLength;
  }
  return size;
}
