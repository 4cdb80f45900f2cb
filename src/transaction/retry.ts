import { transactionRetry } from '../channels/index.ts';
import type { PhysicalTransaction, RunningWork, TransactionalClient } from '../connection/index.ts';
import { failureName, sleep } from '../core/index.ts';
import { type Attempt, type Attempted, leaving, runAttempt } from './begin.ts';

const defaultDelay = 20;
const longestDelay = 5_000;

/** Runs a transaction of its own, again after a serialization failure or deadlock if the options say so. */
export async function runTransaction<Result>(
  start: Omit<Attempt, 'timeout' | 'previous'>,
  body: () => Result | PromiseLike<Result>,
): Promise<Result> {
  const { client, options } = start;
  const { attempts = 1, delay = defaultDelay, lockTimeouts = false } = options.retry ?? {};
  const deadline = options.timeout === undefined ? undefined : client.clock.now() + options.timeout;
  let previous: PhysicalTransaction | undefined;
  let repetition: Repetition | undefined;
  try {
    for (let attempt = 1; ; attempt += 1) {
      const timeout = deadline === undefined ? undefined : Math.max(1, deadline - client.clock.now());
      const attempted = await runAttempt({ ...start, timeout, previous }, body);
      const { result } = attempted;
      previous = attempted.transaction;
      if ('value' in result) return result.value;
      const pause = Math.min(delay * 2 ** (attempt - 1), longestDelay) * (0.5 + client.random() / 2);
      const inTime = deadline === undefined || client.clock.now() + pause < deadline;
      if (attempt >= attempts || !inTime || !mayRepeat(attempted, lockTimeouts)) throw leaving(attempted);
      noteRetry(attempted.transaction, pause, result.error);
      await (repetition ??= new Repetition(client)).pause(pause, options.signal);
    }
  } finally {
    repetition?.end();
  }
}

export function noteRetry({ record, client, level }: PhysicalTransaction, delay: number, error: unknown): void {
  record.note('retry', failureName(error));
  if (!transactionRetry.hasSubscribers) return;
  const { id, chainId, name: transaction, attempt } = record;
  transactionRetry.publish({ id, chainId, clientName: client.name, level, transaction, attempt, delay, error });
}

/** What lies between the attempts of a call: a closing database waits for the next one, and ends the pause when it takes too long. */
class Repetition implements RunningWork {
  readonly #client: TransactionalClient;
  readonly #stop = new AbortController();

  constructor(client: TransactionalClient) {
    this.#client = client;
    client.work.add(this);
  }

  async pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    const stop = this.#stop.signal;
    await sleep(this.#client.clock, milliseconds, signal === undefined ? stop : AbortSignal.any([signal, stop]));
  }

  abort(reason: unknown): void {
    this.#stop.abort(reason);
  }

  end(): void {
    this.#client.work.delete(this);
  }
}

/** Only a transaction that is known to be rolled back, for a reason that another attempt may not meet. */
export function mayRepeat({ transaction, unit, result }: Attempted<unknown>, lockTimeouts: boolean): boolean {
  if (transaction.outcome !== 'rolledBack' || !('error' in result)) return false;
  if (transaction.cancellation.requested !== undefined) return false;
  // Libraries wrap the failure in ways that cannot be known here: the transaction has noted it itself.
  const failure = transaction.repeatable?.behind(result.error, unit);
  return failure !== undefined && (failure.kind !== 'lockTimeout' || lockTimeouts);
}
