import { transactionRetry } from '../channels/index.ts';
import type { PhysicalTransaction, RunningWork, TransactionalClient } from '../connection/index.ts';
import { closings } from '../context/index.ts';
import { failureName, sleep } from '../core/index.ts';
import { type Attempt, type Attempted, leaving, runAttempt } from './begin.ts';
import type { TransactionOptions } from './options.ts';

const defaultDelay = 20;
const longestDelay = 5_000;

/** Runs a transaction of its own, again after a serialization failure or deadlock if the options say so. */
export async function runTransaction<Result>(
  start: Omit<Attempt, 'timeout' | 'previous'>,
  body: () => Result | PromiseLike<Result>,
): Promise<Result> {
  const { client, options } = start;
  const { beforeAttempts } = client.pool;
  if (beforeAttempts !== undefined && (options.retry?.attempts ?? 1) > 1) await beforeAttempts(options.name);
  const deadline = deadlineOf(client, options);
  const since = closings.count;
  let previous: PhysicalTransaction | undefined;
  let repetition: Repetition | undefined;
  try {
    for (let attempt = 1; ; attempt += 1) {
      const timeout = timeLeft(client, deadline);
      const attempted = await runAttempt({ ...start, since, timeout, previous }, body);
      const { result, transaction } = attempted;
      previous = transaction;
      if ('value' in result) return result.value;
      if (!mayRepeat(attempted, options.retry?.lockTimeouts)) throw leaving(attempted);
      repetition ??= new Repetition(client, options, deadline);
      if (!(await repetition.next(attempt, transaction, result.error))) throw leaving(attempted);
    }
  } finally {
    repetition?.end();
  }
}

/** When a call with a timeout has to be over, by the clock of its client. */
export function deadlineOf(client: TransactionalClient, { timeout }: Repeated): number | undefined {
  return timeout === undefined ? undefined : client.clock.now() + timeout;
}

/** Milliseconds until then, at least one. */
export function timeLeft(client: TransactionalClient, deadline: number | undefined): number | undefined {
  return deadline === undefined ? undefined : Math.max(1, deadline - client.clock.now());
}

/** What of its options says how a call is repeated. */
type Repeated = Pick<TransactionOptions, 'timeout' | 'retry' | 'signal'>;

/** What lies between the attempts of a call: a closing database waits for the next one, and ends the pause when it takes too long. */
export class Repetition implements RunningWork {
  readonly #client: TransactionalClient;
  readonly #options: Repeated;
  readonly #deadline: number | undefined;
  readonly #stop = new AbortController();

  constructor(client: TransactionalClient, options: Repeated, deadline: number | undefined) {
    this.#client = client;
    this.#options = options;
    this.#deadline = deadline;
    client.work.add(this);
  }

  /**
   * Pauses after an attempt that another one may follow.
   * @returns whether there is one: not where all are used up, or the time is
   */
  async next(attempt: number, failed: PhysicalTransaction, error: unknown): Promise<boolean> {
    const { retry: { attempts = 1, delay = defaultDelay } = {}, signal } = this.#options;
    const { clock, random } = this.#client;
    const pause = Math.min(delay * 2 ** (attempt - 1), longestDelay) * (0.5 + random() / 2);
    const inTime = this.#deadline === undefined || clock.now() + pause < this.#deadline;
    if (attempt >= attempts || !inTime) return false;
    noteRetry(failed, pause, error);
    const stop = this.#stop.signal;
    await sleep(clock, pause, signal === undefined ? stop : AbortSignal.any([signal, stop]));
    return true;
  }

  abort(reason: unknown): void {
    this.#stop.abort(reason);
  }

  end(): void {
    this.#client.work.delete(this);
  }
}

function noteRetry({ record, client, level }: PhysicalTransaction, delay: number, error: unknown): void {
  record.note('retry', failureName(error));
  if (!transactionRetry.hasSubscribers) return;
  const { id, chainId, name: transaction, attempt } = record;
  transactionRetry.publish({ id, chainId, clientName: client.name, level, transaction, attempt, delay, error });
}

/** Only a transaction that is known to be rolled back, for a reason that another attempt may not meet. */
export function mayRepeat({ transaction, unit, result }: Attempted<unknown>, lockTimeouts = false): boolean {
  if (transaction.outcome !== 'rolledBack' || !('error' in result)) return false;
  if (transaction.cancellation.requested !== undefined) return false;
  // Libraries wrap the failure in ways that cannot be known here: the transaction has noted it itself.
  const failure = transaction.repeatable?.behind(result.error, unit);
  return failure !== undefined && (failure.kind !== 'lockTimeout' || lockTimeouts);
}
