import type { Connection as Mysql2Connection } from 'mysql2';
import type { ConnectionStatus, Failure, Statement, Step } from '../../../driver/index.ts';
import { afterSnapshot, controlText } from '../sql/control.ts';
import { clearText, settingsIn } from '../sql/settings.ts';
import { describeFailure } from './failure.ts';
import { Flight, type Landing } from './flight.ts';
import type { SentStatement } from './statement.ts';
import { preparedStatement } from '../wire/mysql2-types.ts';

/** What a server can do. */
export interface ServerAbilities {
  /** Prepares and runs a statement in one trip. */
  readonly runsJustPrepared: boolean;
}

/** What the options of a client allow. */
export interface SessionLimits {
  /** Whether statements may be sent before those in front of them were answered. */
  readonly pipelining: boolean;
  /** How many bytes the rows of a statement may come to. Default: any. */
  readonly maxResultBytes: number | undefined;
}

/**
 * What is known of the transaction on a connection.
 * `characterized`: `SET TRANSACTION` was sent as a text, and no transaction after it. `open`: one was begun, by a step or by a
 * text. `endedByProcedure`: a procedure has ended it, and perhaps begun another. `failed`: only a rollback is of use.
 * `spoilt`: something of a transaction that has ended is still set, so that nothing else may run.
 */
type SessionState =
  | { readonly type: 'idle' | 'characterized' | 'spoilt' }
  | { readonly type: 'open' | 'endedByProcedure'; readonly begunBy: 'step' | 'text'; readonly isSnapshot: boolean }
  | { readonly type: 'failed'; readonly isSnapshot: boolean; readonly failure: Failure };

type StateName = SessionState['type'];

const transitions: Readonly<Record<StateName, readonly StateName[]>> = {
  idle: ['idle', 'characterized', 'open', 'failed', 'spoilt'],
  characterized: ['idle', 'characterized', 'open', 'failed'],
  open: ['idle', 'open', 'endedByProcedure', 'failed'],
  endedByProcedure: ['idle', 'open', 'endedByProcedure', 'failed'],
  failed: ['idle', 'failed'],
  spoilt: [],
};

const idle: SessionState = { type: 'idle' };
const none: readonly never[] = [];

/** What the exchanges of a connection share: what they know of the transaction on it. */
export class Session {
  readonly client: Mysql2Connection;
  readonly abilities: ServerAbilities;
  #state: SessionState = idle;
  /** The server's flag of a transaction, which is up from the first statement on a table on. `closed`: it was up. */
  #flag: 'unraised' | 'raised' | 'closed' = 'unraised';
  /** Names of settings that a transaction has set, or was to set, and that outlive it. */
  readonly #settings = new Set<string>();

  #transactions = 0;
  /** What was sent last, where it may be followed. */
  #followed: Flight | undefined;
  readonly #limits: SessionLimits;

  constructor(client: Mysql2Connection, abilities: ServerAbilities, limits: SessionLimits) {
    this.client = client;
    this.abilities = abilities;
    this.#limits = limits;
  }

  /** Whether a COMMIT waits for the answer to what it commits, so that nothing is kept where the connection is cut there. */
  get commitsApart(): boolean {
    return this.#limits.maxResultBytes !== undefined;
  }

  get status(): Exclude<ConnectionStatus, 'lost'> {
    switch (this.#state.type) {
      case 'idle':
        return 'idle';
      // The next rollback undoes the characteristics.
      case 'characterized':
        return 'active';
      case 'open':
        return this.#flag === 'closed' ? 'failed' : 'active';
      case 'endedByProcedure':
      case 'failed':
      case 'spoilt':
        return 'failed';
    }
  }
  /** Numbers the transaction that is open, and those that follow each other. */
  get transaction(): number {
    return this.#transactions;
  }
  /** A transaction was begun and has not been ended from here. */
  get isOpen(): boolean {
    return 'isSnapshot' in this.#state;
  }
  get isSnapshot(): boolean {
    return 'isSnapshot' in this.#state && this.#state.isSnapshot;
  }
  /** That after which only a rollback is of use. */
  get failure(): Failure | undefined {
    return this.#state.type === 'failed' ? this.#state.failure : undefined;
  }

  /** Whether a statement needs no trip before it in which it is prepared. */
  runsAtOnce({ text, values }: SentStatement): boolean {
    return (
      values === undefined || this.abilities.runsJustPrepared || preparedStatement(this.client, text) !== undefined
    );
  }

  /** @param followed what it is sent behind */
  flight(followed?: Flight): Flight {
    return new Flight(this.client, this.#onStatus, followed);
  }

  readonly #onStatus = (inTransaction: boolean): void => {
    if (inTransaction) this.#flag = 'raised';
    else if (this.#flag === 'raised') this.#flag = 'closed';
  };

  /**
   * Sends a flight in its turn.
   * @param mayBeFollowed statements of the same transaction may be sent behind it before it was answered
   */
  send(flight: Flight, mayBeFollowed = false): Promise<Landing> {
    const { pipelining, maxResultBytes = Infinity } = this.#limits;
    const gathers = pipelining && mayBeFollowed;
    this.#followed = gathers ? flight : undefined;
    return flight.send(gathers, maxResultBytes);
  }

  /** What may be followed now, before it was answered. */
  get followed(): Flight | undefined {
    return this.#followed?.isUnderWay === true ? this.#followed : undefined;
  }

  /** Sends a flight before its turn, behind what it follows. */
  sendBehind(flight: Flight): Promise<Landing> {
    this.#followed = flight;
    return flight.follow();
  }

  /** These are set, or may be. */
  noteSet(names: readonly string[]): void {
    for (const name of names) this.#settings.add(name);
  }

  /** What transactions have set that are over, and what comes next does not set. */
  settingsLeft(next: readonly Step[]): readonly string[] {
    if (this.#settings.size === 0 || this.isOpen) return none;
    const later = new Set(next.flatMap((step) => settingsIn(step) ?? none));
    return [...this.#settings].filter((name) => !later.has(name));
  }

  /**
   * Takes settings back, in a trip of its own: the server carries out what follows a failure.
   * @returns why that could not be done
   */
  async clearSettings(names: readonly string[]): Promise<Failure | undefined> {
    const flight = this.flight();
    flight.text(clearText(names));
    const { answers, lost, isSent } = await this.send(flight);
    if (lost !== undefined) return { kind: 'connectionLost', error: lost, reached: isSent ? 'unanswered' : 'unsent' };
    const error = answers[0]?.error;
    if (error !== undefined) return describeFailure(error);
    for (const name of names) this.#settings.delete(name);
    return undefined;
  }

  /** A step has begun a transaction. */
  begun(isSnapshot: boolean): void {
    this.#go({ type: 'open', begunBy: 'step', isSnapshot });
  }

  /** Where transactions are begun and ended in texts, it is the server who knows. */
  follow(setsCharacteristics: boolean): void {
    const state = this.#state;
    if (state.type === 'failed' || state.type === 'spoilt' || ('begunBy' in state && state.begunBy === 'step')) return;
    if (this.#flag === 'raised') {
      if (state.type !== 'open') this.#go({ type: 'open', begunBy: 'text', isSnapshot: false });
      return;
    }
    const isCharacterized = setsCharacteristics || state.type === 'characterized';
    this.ended();
    if (isCharacterized) this.#go({ type: 'characterized' });
  }

  /** A procedure has ended the transaction. */
  endedByProcedure(): void {
    if ('begunBy' in this.#state) this.#go({ ...this.#state, type: 'endedByProcedure' });
  }

  fail(failure: Failure): void {
    this.#go({ type: 'failed', isSnapshot: this.isSnapshot, failure });
  }

  /** What the transaction that has ended had set for its time is still set. */
  spoil(): void {
    this.#go({ type: 'spoilt' });
  }

  ended(): void {
    if (this.#state.type === 'spoilt') return;
    this.#go(idle);
    this.#flag = 'unraised';
    this.#transactions += 1;
  }

  #go(to: SessionState): void {
    const { type: from } = this.#state;
    if (!transitions[from].includes(to.type)) throw new RangeError(`a session cannot go from ${from} to ${to.type}`);
    this.#state = to;
  }
}

/** What ends a transaction, and takes back what it has set for its time. */
export function endTexts(type: 'commit' | 'rollback', { isSnapshot }: Session): readonly string[] {
  return isSnapshot ? [controlText({ type }), afterSnapshot] : [controlText({ type })];
}

/** Leaves nothing open; where that fails, only another attempt is accepted. */
export async function rollBack(session: Session, failure: Failure): Promise<void> {
  const flight = session.flight();
  for (const text of endTexts('rollback', session)) flight.text(text);
  const { answers, lost } = await session.send(flight);
  if (lost === undefined && answers.every(({ error }) => error === undefined)) session.ended();
  else session.fail(failure);
}

/** mysql2 keeps the text in the error, with the values where they were written into it. */
export function withoutValues(error: Error, { text }: Statement): Error {
  if ('sql' in error) error.sql = text;
  return error;
}
