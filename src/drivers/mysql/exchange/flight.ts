import type { Connection as Mysql2Connection } from 'mysql2';
import { atEndOfTurn, fieldOf } from '../../../core/index.ts';
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
import { Pipeline, type PipelinePart } from '../wire/pipeline.ts';
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
  /** The connection was lost before all were answered; a `ResultTooLargeError`: it was cut for the rows of the next answer. */
  readonly lost: Error | undefined;
  /** Whether anything was written. */
  readonly isSent: boolean;
}

/** On MariaDB: the statement that the command before has prepared. If that failed the server refuses this too. */
const justPrepared = { id: 0xff_ff_ff_ff, parameters: [] };
/** The refusal of what was to be prepared, and has failed. */
const notPrepared = 1243;

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
  #pipeline: Pipeline | undefined;
  /** The text that the server has prepared last when it comes to the end of it. */
  #lastPrepared: string | undefined;
  #preparesLast = false;

  /**
   * @param onStatus is told by each answer whether a transaction is open
   * @param followed what it is sent behind, before that was answered
   */
  constructor(client: Mysql2Connection, onStatus: (inTransaction: boolean) => void, followed?: Flight) {
    this.#client = client;
    this.#onStatus = onStatus;
    if (followed === undefined) return;
    this.#pipeline = followed.#pipeline;
    this.#lastPrepared = followed.#lastPrepared;
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
    if (prepared === undefined && this.#lastPrepared !== text) {
      // A failure of this one is that of the statement; its success is not reported.
      this.#add(prepareCommand(text, (error) => error !== null && answer(error)));
      this.#lastPrepared = text;
      this.#preparesLast = true;
    }
    this.#add(executeCommand({ text, values, rows }, prepared ?? justPrepared, answer));
  }

  /** Whether a refusal comes from what another flight was to prepare, so that it has not been run. */
  lacksPrepared({ answers }: Landing): boolean {
    return (
      !this.#preparesLast && this.#lastPrepared !== undefined && fieldOf(answers[0]?.error, 'errno') === notPrepared
    );
  }

  /** Prepares a text for statements of later flights. */
  prepare(text: string): void {
    const answer = this.#expect();
    this.#add(prepareCommand(text, (error) => answer(error)));
  }

  /** What waits for no answer of it may be sent behind it now. */
  get isUnderWay(): boolean {
    return this.#pipeline?.isUnderWay === true;
  }

  /**
   * Sends everything, in one round trip.
   * @param gathers at the end of this turn of the event loop, with what follows it until then
   * @param maxResultBytes how many bytes the rows of a statement may come to
   */
  async send(gathers: boolean, maxResultBytes: number): Promise<Landing> {
    if (this.#commands.length === 0) return { answers: [], lost: undefined, isSent: false };
    const landing = this.#landing();
    const pipeline = (this.#pipeline = new Pipeline(this.#part, gathers, maxResultBytes));
    internalsOf(this.#client).addCommand(pipeline);
    if (gathers) atEndOfTurn(() => pipeline.flush());
    const landed = await landing;
    if (landed.lost === undefined) this.tellStatus();
    return landed;
  }

  /** Sends everything behind the flight that it follows, at the end of this turn of the event loop. */
  follow(): Promise<Landing> {
    const pipeline = this.#pipeline;
    if (pipeline === undefined) throw new RangeError('what was not sent was to be followed');
    const landing = this.#landing();
    pipeline.add(this.#part);
    atEndOfTurn(() => pipeline.flush());
    return landing;
  }

  /** Tells what its answers said of the transaction; of what was sent before its turn that is told in its turn. */
  tellStatus(): void {
    // In the order of the answers: an answer with rows tells in its packets, and one without in what it comes to.
    for (const [index, answer] of this.#answers.entries()) {
      if (answer === undefined) return;
      const inTransaction = isInTransaction(answer.rows, answer.fields) ?? this.#flags[index];
      if (inTransaction !== undefined) this.#onStatus(inTransaction);
    }
  }

  #landing(): Promise<Landing> {
    return new Promise((resolve) => (this.#land = resolve));
  }

  get #part(): PipelinePart {
    return {
      commands: this.#commands,
      onStatus: (flags, at) => {
        const answer = this.#answerOf[at];
        if (answer !== undefined) this.#flags[answer] = (flags & inTransactionFlag) !== 0;
      },
      onEnd: (lost, isSent) => this.#onEnd(lost, isSent),
    };
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
    this.#land?.({ answers, lost: undefined, isSent: true });
  }
}

function areAnswered(answers: readonly (Answer | undefined)[]): answers is readonly Answer[] {
  return !answers.includes(undefined);
}
