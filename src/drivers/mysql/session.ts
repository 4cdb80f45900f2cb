import type { Connection as Mysql2Connection } from 'mysql2';
import type { ConnectionStatus, Failure, Statement } from '../../driver/index.ts';
import { afterSnapshot, controlText } from './control.ts';
import { Flight } from './flight.ts';

/** What a server can do. */
export interface ServerAbilities {
  /** Prepares and runs a statement in one trip. */
  readonly runsJustPrepared: boolean;
}

/** What the exchanges of a connection share: what they know of the transaction on it. */
export class Session {
  readonly client: Mysql2Connection;
  readonly abilities: ServerAbilities;
  /** A transaction was begun and has not ended. */
  isOpen = false;
  /** Something failed after which only a rollback is of use. */
  failed: Failure | undefined;
  isSnapshot = false;
  /** Something of a transaction that has ended is still set: nothing else may run here. */
  isSpoilt = false;
  /** `SET TRANSACTION` was sent as a text, and no transaction after it. */
  hasCharacteristics = false;
  /** A procedure has ended the transaction, and perhaps begun another. */
  endedByItself = false;
  /** The server's flag, which is set from the first statement on a table on. */
  #inTransaction = false;
  #wasInTransaction = false;
  /** It was begun by a step, and not by a text. */
  #isManaged = false;

  constructor(client: Mysql2Connection, abilities: ServerAbilities) {
    this.client = client;
    this.abilities = abilities;
  }

  get status(): Exclude<ConnectionStatus, 'lost'> {
    if (this.isSpoilt) return 'failed';
    // What `SET TRANSACTION` said is for whoever sent it: a rollback takes it back.
    if (!this.isOpen) return this.hasCharacteristics ? 'active' : 'idle';
    const hasEnded = this.endedByItself || (this.#wasInTransaction && !this.#inTransaction);
    return this.failed !== undefined || hasEnded ? 'failed' : 'active';
  }

  flight(): Flight {
    return new Flight(this.client, (inTransaction) => {
      this.#inTransaction = inTransaction;
      this.#wasInTransaction ||= inTransaction;
    });
  }

  begun(isSnapshot: boolean): void {
    this.isOpen = this.#isManaged = true;
    this.isSnapshot = isSnapshot;
  }

  /** Where somebody begins and ends transactions in their texts, it is the server who knows. */
  follow(setsCharacteristics: boolean): void {
    if (this.#isManaged) return;
    const { hasCharacteristics } = this;
    if (this.#inTransaction) this.isOpen = true;
    else this.ended();
    this.hasCharacteristics = !this.isOpen && (setsCharacteristics || hasCharacteristics);
  }

  ended(): void {
    this.hasCharacteristics = false;
    this.isOpen =
      this.isSnapshot =
      this.endedByItself =
      this.#isManaged =
      this.#inTransaction =
      this.#wasInTransaction =
        false;
    this.failed = undefined;
  }
}

/** What ends a transaction, and takes back what it has set for its time. */
export function endTexts(type: 'commit' | 'rollback', { isSnapshot }: Session): readonly string[] {
  return isSnapshot ? [controlText({ type }), afterSnapshot] : [controlText({ type })];
}

/** Leaves nothing open; where that cannot be, nothing but another attempt is accepted any more. */
export async function rollBack(session: Session, failure: Failure | undefined): Promise<void> {
  const flight = session.flight();
  for (const text of endTexts('rollback', session)) flight.text(text);
  const { answers, lost } = await flight.send();
  if (lost === undefined && answers.every(({ error }) => error === undefined)) session.ended();
  else session.failed = failure;
}

/** mysql2 keeps the text in the error, with the values where they were written into it. */
export function withoutValues(error: Error, { text }: Statement): Error {
  if ('sql' in error) error.sql = text;
  return error;
}
