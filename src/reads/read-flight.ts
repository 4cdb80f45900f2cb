import { runUntraced } from '../channels/index.ts';
import {
  cutAfter,
  Hold,
  type LoneRead,
  lostInAutocommit,
  NamedHolder,
  type Results,
  type RunningWork,
  textsOf,
  type TransactionalClient,
} from '../connection/index.ts';
import { notBegun } from '../context/index.ts';
import { type CancelTimer, located } from '../core/index.ts';
import { type DriverConnection, type Exchange, ResultTooLargeError } from '../driver/index.ts';
import { type HolderInfo, lookAtNamed } from '../observation/index.ts';

/** `alone`: it has a place to itself. `again`: it is to run by itself, as if it had never travelled. */
export type Answer = Results | 'alone' | 'again';

/** One that waits for others to travel with. */
export interface Waiting extends LoneRead {
  /** By the clock of its client. */
  readonly since: number;
  readonly settle: (answer: Answer) => void;
  readonly fail: (error: unknown) => void;
}

/** Reads that travel together, on a connection that they hold until all are answered. */
export class ReadFlight implements RunningWork {
  readonly #client: TransactionalClient;
  readonly #reads: Waiting[];
  readonly #holder: NamedHolder;
  readonly #hold: Hold;
  #sentAt: number | undefined;
  /** How many were answered. */
  #answered = 0;
  #isSound = true;
  /** Requests to cancel that are under way. */
  #cancelling: Promise<unknown> | undefined;
  #stopCut: CancelTimer | undefined;

  constructor(client: TransactionalClient, reads: readonly Waiting[]) {
    this.#client = client;
    this.#reads = [...reads];
    this.#holder = new NamedHolder(client, 0, undefined, { name: 'single statements', origin: reads[0]?.origin });
    this.#hold = new Hold(client, 0, this.#holder, this.#holder);
  }

  /** @param onAnswer is told what the server needed for one, in milliseconds, where that can be told */
  async run(onAnswer: (read: Waiting, elapsed: number) => void): Promise<void> {
    this.#client.work.add(this);
    try {
      const begun = this.#reads[0]?.begun ?? notBegun;
      const connection = await this.#hold.take({ frame: undefined, begun, signal: undefined });
      if (this.#reads.length === 0) return;
      const statements = this.#reads.map(({ statement }) => statement);
      const exchanges = runUntraced(() => connection.runEach?.(statements));
      if (exchanges === undefined) {
        for (const { settle } of this.#reads) settle('again');
        return;
      }
      this.#sentAt = this.#client.clock.now();
      this.#hold.sends(textsOf(statements));
      for (const { onSent } of this.#reads) onSent?.(connection);
      await this.#take(connection, exchanges, onAnswer);
      // A request that comes late would hit what runs on the connection next.
      await this.#cancelling;
    } catch (error) {
      for (const { fail } of this.#reads) fail(error);
    } finally {
      this.#stopCut?.();
      this.#hold.rests();
      this.#hold.giveBack(this.#isSound);
      this.#client.work.delete(this);
    }
  }

  /**
   * Those behind one that the server has been at for too long run by themselves. What may write would run twice then: for its sake
   * the one that it waits for is cancelled, which undoes that one.
   * @param patience how long the server may take for all of them, in milliseconds
   * @returns the one that it has been at for too long
   */
  hurry(patience: number): Waiting | undefined {
    if (this.#sentAt === undefined || this.#client.clock.now() - this.#sentAt < patience) return undefined;
    const [late, ...behind] = this.#reads.slice(this.#answered);
    const callers = behind.filter(({ statement }) => mayCall(statement.text));
    for (const read of behind) if (!callers.includes(read)) read.settle('again');
    if (callers.length > 0) this.#cancel();
    return late;
  }

  /** One of them was given up. */
  leave(read: Waiting): void {
    const index = this.#reads.indexOf(read);
    if (index < 0) return;
    if (this.#sentAt === undefined) this.#reads.splice(index, 1);
    else if (index === this.#answered) this.#cancel();
  }

  look(): HolderInfo {
    return lookAtNamed('statement', this.#client, this.#holder, this.#hold);
  }

  /** Those that are not answered run by themselves then, and are refused by the database that closes. */
  abort(): void {
    const { connection } = this.#hold;
    this.#cancel();
    this.#stopCut = this.#client.clock.setTimer(() => void connection?.destroy(), cutAfter);
  }

  /** Has the server cancel what it is at: if that is another one by then, that runs again by itself. */
  #cancel(): void {
    this.#cancelling = Promise.all([this.#cancelling, this.#hold.connection?.cancel()]);
  }

  async #take(
    connection: DriverConnection,
    exchanges: readonly Promise<Exchange>[],
    onAnswer: (read: Waiting, elapsed: number) => void,
  ): Promise<void> {
    const { clock } = this.#client;
    let answeredAt: number | undefined;
    for (const [index, read] of this.#reads.entries()) {
      const { failure, results } = (await exchanges[index]?.catch(unsent)) ?? unanswered;
      const now = clock.now();
      // How long the first was on its way is not known.
      if (answeredAt !== undefined && failure === undefined) onAnswer(read, now - answeredAt);
      answeredAt = now;
      this.#answered += 1;
      if (failure?.kind === 'connectionLost') this.#isSound = false;
      // It would be as large again.
      if (failure?.kind !== 'connectionLost' && failure?.error instanceof ResultTooLargeError)
        read.fail(located(failure.error, () => this.#hold.at));
      else if (failure?.kind === 'connectionLost' && failure.reached !== 'unsent' && mayCall(read.statement.text))
        read.fail(lostInAutocommit(this.#hold.at, failure.error));
      else read.settle(failure === undefined ? results : 'again');
    }
    this.#isSound &&= connection.status === 'idle';
  }
}

/** What a read calls may write. */
function mayCall(text: string): boolean {
  return text.includes('(');
}

const unanswered: Pick<Exchange, 'failure' | 'results'> = {
  failure: { kind: 'statement', error: undefined },
  results: [],
};

/** A value cannot be sent: it is told so when it runs by itself. */
function unsent(error: unknown): Pick<Exchange, 'failure' | 'results'> {
  return { failure: { kind: 'statement', error }, results: [] };
}
