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
import type { CancelTimer } from '../core/index.ts';
import type { DriverConnection, Exchange } from '../driver/index.ts';
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
  readonly #reads: readonly Waiting[];
  readonly #holder: NamedHolder;
  readonly #hold: Hold;
  /** How many were answered. */
  #answered = 0;
  #isSound = true;
  #stopCut: CancelTimer | undefined;

  constructor(client: TransactionalClient, reads: readonly Waiting[]) {
    this.#client = client;
    this.#reads = reads;
    this.#holder = new NamedHolder(client, 0, undefined, { name: 'single statements', origin: reads[0]?.origin });
    this.#hold = new Hold(client, 0, this.#holder, this.#holder);
  }

  /** @param onAnswer is told what the server needed for one, in milliseconds, where that can be told */
  async run(onAnswer: (read: Waiting, elapsed: number) => void): Promise<void> {
    this.#client.work.add(this);
    try {
      const connection = await this.#hold.take({ frame: undefined, admitted: false, signal: undefined });
      const statements = this.#reads.map(({ statement }) => statement);
      const exchanges = runUntraced(() => connection.runEach?.(statements));
      if (exchanges === undefined) {
        for (const { settle } of this.#reads) settle('again');
        return;
      }
      this.#hold.sends(textsOf(statements));
      for (const { onSent } of this.#reads) onSent?.(connection);
      await this.#take(connection, exchanges, onAnswer);
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
   * It takes too long: those that the server has not come to run by themselves, but for what would run twice then.
   * @returns the one that the server is at
   */
  giveUpWaiting(): Waiting | undefined {
    const [head, ...behind] = this.#reads.slice(this.#answered);
    for (const { statement, settle } of behind) if (!mayCall(statement.text)) settle('again');
    return head;
  }

  look(): HolderInfo {
    return lookAtNamed('statement', this.#client, this.#holder, this.#hold);
  }

  /** Those that are not answered run by themselves then, and are refused by the database that closes. */
  abort(): void {
    const { connection } = this.#hold;
    void connection?.cancel();
    this.#stopCut = this.#client.clock.setTimer(() => void connection?.destroy(), cutAfter);
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
      if (failure?.kind === 'connectionLost' && failure.reached !== 'unsent' && mayCall(read.statement.text))
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
