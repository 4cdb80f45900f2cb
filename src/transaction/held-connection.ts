import { ancestorsOf, type Frame, holdsAtOrAbove, type OpenTransaction } from '../context/index.ts';
import type { ConnectionStatus, DriverConnection, Exchange, Failure, Statement, Step } from '../driver/index.ts';
import type { Holder, Lease } from '../pool/index.ts';
import type { Cancellation } from './cancellation.ts';
import type { TransactionalClient } from './client.ts';
import type { ChainDeadlockError } from './errors.ts';
import { giveCause, withdrawn } from './failures.ts';
import type { StopWatching } from './lock-watch.ts';

/** An exchange, and the deadlock along its chain for which it was cancelled. */
export interface Answered extends Exchange {
  readonly deadlock?: ChainDeadlockError | undefined;
}

const nothing = Promise.resolve(undefined);

/** Who holds a connection. */
export interface Borrower extends Holder, OpenTransaction {
  readonly client: TransactionalClient;
  readonly cancellation: Cancellation;
  /** @throws TransactionEndedError once it has ended, however that came about */
  assertNotEnded(): void;
}

/** The connection of a transaction, from its first statement to its end. */
export class HeldConnection {
  readonly #borrower: Borrower;
  #lease: Lease<DriverConnection> | undefined;
  #isReplacement = false;
  /** What was sent last; none while the transaction is being ended. */
  #sent: readonly Statement[] | undefined;
  /** What is not to be sent any more; none in most. */
  #withdrawn: WeakSet<readonly Statement[]> | undefined;
  /** The server had failed the transaction before what is under way was sent. */
  #wasFailed = false;
  /** What it failed it with. */
  #failedBy: unknown;

  constructor(borrower: Borrower) {
    this.#borrower = borrower;
  }

  get connection(): DriverConnection | undefined {
    return this.#lease?.connection;
  }
  get status(): ConnectionStatus | undefined {
    return this.#lease?.connection.status;
  }

  /** @throws what the pool throws; TransactionEndedError where the transaction has ended meanwhile */
  async take(frame: Frame): Promise<void> {
    const { client, level, cancellation } = this.#borrower;
    const mayWait = !holdsAtOrAbove(frame, level, this.#borrower);
    const { signal } = cancellation;
    const lease = await client.pool.acquire({ level, holder: this.#borrower, mayWait, admitted: true, signal });
    try {
      // Cancelled and ended in the very moment in which the connection was handed over.
      this.#borrower.assertNotEnded();
    } catch (error) {
      client.pool.release(lease, true);
      throw error;
    }
    this.#lease = lease;
  }

  /**
   * Gives a connection up that was found dead, if another may take its place: it had lain idle, and nothing of what was sent on it
   * can have taken effect. Once for a transaction.
   * @param commits whether a COMMIT was among what was sent
   */
  replaceDead({ kind, reached }: Failure, commits: boolean): boolean {
    const lease = this.#lease;
    if (kind !== 'connectionLost' || lease === undefined || this.#isReplacement) return false;
    const isUndone = reached === 'unsent' || (reached === 'unanswered' && !commits);
    if (!lease.idled || !isUndone || this.#borrower.cancellation.requested !== undefined) return false;
    this.#isReplacement = true;
    this.#lease = undefined;
    this.#borrower.client.pool.release(lease, false);
    return true;
  }

  run(steps: readonly Step[]): Promise<Exchange | undefined> {
    return this.#lease?.connection.run(steps) ?? nothing;
  }

  /** The same, cancelled with the transaction; nothing where the server has not answered in time. Whoever awaits it then watches nothing. */
  finish(steps: readonly Step[]): Promise<Exchange | undefined> {
    this.#sent = undefined;
    const running = this.run(steps);
    const { cancellation } = this.#borrower;
    cancellation.watch(running);
    return cancellation.bounded(running);
  }

  /** Has the server cancel the statements if they are what runs there, and never sends them if they wait for their turn. */
  async withdraw(statements: readonly Statement[]): Promise<void> {
    if (this.#sent === statements) await this.#lease?.connection.cancel();
    else (this.#withdrawn ??= new WeakSet()).add(statements);
  }

  /** Carries out steps with these statements in them; resolves when all is known of them. */
  carryOut(steps: readonly Step[], statements: readonly Statement[], frame: Frame): Promise<Answered> {
    const { connection } = this;
    if (connection === undefined) throw new RangeError('a statement was to run without a connection');
    if (this.#withdrawn?.has(statements) === true) throw withdrawn(this.#borrower.describe().transaction);
    this.#sent = statements;
    this.#wasFailed = connection.status === 'failed';
    const running = connection.run(steps);
    const stopWatching = this.#watchLocks(connection, statements, frame);
    return stopWatching === undefined ? running : withDeadlock(running, stopWatching);
  }

  /** A refusal of what comes after a failure says no more than that there was one, so it gets that one for its cause. */
  explain({ error }: Failure): void {
    if (!this.#wasFailed) this.#failedBy = this.status === 'failed' ? error : undefined;
    else if (this.#failedBy !== undefined) giveCause(error, this.#failedBy);
  }

  /** Only a statement that something of its own chain may be waiting for can be blocked by its own chain. */
  #watchLocks(
    connection: DriverConnection,
    statements: readonly Statement[],
    { chain }: Frame,
  ): StopWatching | undefined {
    const { client, outer } = this.#borrower;
    if (outer === undefined && chain?.ancestors === undefined) return undefined;
    return client.locks.watch({ connection, statements, ancestors: () => ancestorsOf(outer, chain) });
  }

  /** Gives it back; one that is not known to be free is destroyed. */
  giveBack(): void {
    if (this.#lease === undefined) return;
    const isSound = this.#lease.connection.status === 'idle' && !this.#borrower.cancellation.inDoubt;
    this.#borrower.client.pool.release(this.#lease, isSound);
  }
}

async function withDeadlock(running: Promise<Exchange>, stopWatching: StopWatching): Promise<Answered> {
  try {
    const exchange = await running;
    const deadlock = await stopWatching();
    return deadlock === undefined ? exchange : { ...exchange, deadlock };
  } catch (error) {
    void stopWatching();
    throw error;
  }
}
