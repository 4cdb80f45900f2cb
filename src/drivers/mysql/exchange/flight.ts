import type { Connection as Mysql2Connection } from 'mysql2';
import { showNames } from '../wire/column-names.ts';
import {
  type Command,
  controlCommand,
  executeCommand,
  internalsOf,
  inTransactionFlag,
  prepareCommand,
  preparedStatement,
  queryCommand,
  type ResultCallback,
} from '../wire/mysql2-types.ts';
import { Pipeline } from '../wire/pipeline.ts';
import { isInTransaction, type SentStatement } from './statement.ts';

/** The answer to one command. */
export interface Answer {
  readonly error: Error | undefined;
  readonly rows: unknown;
  readonly fields: unknown;
}

/** What came of commands that were sent together. */
export interface Landing {
  /** In the order of the commands; those that were lost are missing at the end. */
  readonly answers: readonly Answer[];
  /** The connection was lost before all were answered. */
  readonly lost: Error | undefined;
  /** Whether anything was written. */
  readonly isSent: boolean;
}

/** On MariaDB: the statement that the command before has prepared. If that failed the server refuses this too. */
const justPrepared = { id: 0xff_ff_ff_ff, parameters: [] };

/** Commands that are sent in one write; each is carried out whether those before it succeed or not. */
export class Flight {
  readonly #client: Mysql2Connection;
  readonly #onStatus: (inTransaction: boolean) => void;
  readonly #commands: Command[] = [];
  /** Which answer each command belongs to: preparing a statement and running it have one. */
  readonly #answerOf: number[] = [];
  readonly #answers: (Answer | undefined)[] = [];
  readonly #flags: (boolean | undefined)[] = [];
  #ended = false;
  #land: ((landing: Landing) => void) | undefined;

  /** @param onStatus is told by each answer whether a transaction is open */
  constructor(client: Mysql2Connection, onStatus: (inTransaction: boolean) => void) {
    this.#client = client;
    this.#onStatus = onStatus;
  }

  /** What controls a transaction. */
  text(text: string): void {
    const answer = this.#expect();
    this.#add(controlCommand(text, answer));
  }

  /** A statement; one with values is prepared on the way where it was not before, which MariaDB allows. */
  statement({ text, values, rows }: SentStatement): void {
    const answer = this.#expect(rows?.nestTables === true);
    if (values === undefined) {
      this.#add(queryCommand(text, rows, answer));
      return;
    }
    const prepared = preparedStatement(this.#client, text);
    if (prepared === undefined) {
      // A failure of this one is that of the statement; its success is not reported.
      this.#add(prepareCommand(text, (error) => error !== null && answer(error)));
    }
    this.#add(executeCommand({ text, values, rows }, prepared ?? justPrepared, answer));
  }

  /** Prepares a text for statements of later flights. */
  prepare(text: string): void {
    const answer = this.#expect();
    this.#add(prepareCommand(text, (error) => answer(error)));
  }

  /** Sends everything, in one round trip. */
  send(): Promise<Landing> {
    if (this.#commands.length === 0) return Promise.resolve({ answers: [], lost: undefined, isSent: false });
    return new Promise((resolve) => {
      this.#land = resolve;
      const pipeline = new Pipeline(
        this.#commands,
        (flags, at) => {
          const answer = this.#answerOf[at];
          if (answer !== undefined) this.#flags[answer] = (flags & inTransactionFlag) !== 0;
        },
        (lost) => this.#onEnd(lost, pipeline.isSent),
      );
      internalsOf(this.#client).addCommand(pipeline);
    });
  }

  #add(command: Command): void {
    this.#answerOf.push(this.#answers.length - 1);
    this.#commands.push(command);
  }

  #expect(nested = false): ResultCallback {
    const index = this.#answers.length;
    this.#answers.push(undefined);
    return (error, given, fields) => {
      const rows = showNames(given, fields, nested);
      this.#answers[index] ??= { error: error ?? undefined, rows, fields };
      if (this.#ended) this.#landIfAnswered();
    };
  }

  #onEnd(lost: Error | undefined, isSent: boolean): void {
    this.#ended = true;
    if (lost === undefined) this.#landIfAnswered();
    else this.#land?.({ answers: this.#answers.filter((answer) => answer !== undefined), lost, isSent });
  }

  /** mysql2 calls back a tick after the last packet. */
  #landIfAnswered(): void {
    const answers = this.#answers;
    if (!areAnswered(answers)) return;
    // In the order of the answers: an answer with rows tells in its packets, and one without in what it comes to.
    let index = 0;
    for (const { rows, fields } of answers) {
      const inTransaction = isInTransaction(rows, fields) ?? this.#flags[index];
      if (inTransaction !== undefined) this.#onStatus(inTransaction);
      index += 1;
    }
    this.#land?.({ answers, lost: undefined, isSent: true });
  }
}

function areAnswered(answers: readonly (Answer | undefined)[]): answers is readonly Answer[] {
  return !answers.includes(undefined);
}
