import { describeTransactions, type Frame } from '../context/index.ts';
import type { ChainLink, Clock, ErrorPlace } from '../core/index.ts';
import type { Cancellation } from './cancellation.ts';
import { DeadlineExceededError } from './errors.ts';
import { scopeBlocked } from './failures.ts';
import type { TransactionalClient } from './transactional-client.ts';
import type { TurnLimit } from './turns.ts';

/** Milliseconds until the chain's deadline; nothing where it has none. @throws DeadlineExceededError if it has passed */
export function remainingTime(frame: Frame | undefined, clock: Clock, at: () => ErrorPlace): number | undefined {
  const deadline = frame?.chain?.deadline;
  if (deadline === undefined) return undefined;
  const remaining = deadline - clock.now();
  if (remaining > 0) return remaining;
  throw deadlineExceeded('A statement or transaction', describeTransactions(frame?.innermost), at());
}

/** Cancels when the chain's deadline passes, where it has one. @param remaining as `remainingTime` gives it */
export function cancelAtDeadline(
  cancellation: Cancellation,
  remaining: number | undefined,
  what: string,
  { chain, at }: { readonly chain: () => readonly ChainLink[]; readonly at: ErrorPlace },
): void {
  if (remaining !== undefined) cancellation.onTimeout(remaining, () => deadlineExceeded(what, chain(), at));
}

export function deadlineExceeded(
  what: string,
  chain: readonly ChainLink[] = [],
  at?: ErrorPlace,
): DeadlineExceededError {
  return new DeadlineExceededError({
    what: `${what}${at === undefined ? '' : ` on client "${at.clientName}" at level ${at.level}`} passed the deadline of its chain`,
    remedy: 'Give the caller a longer timeout, or find what took the time',
    chain,
    at,
  });
}

interface Limited {
  readonly client: TransactionalClient;
  readonly cancellation: Cancellation;
  readonly name: string;
  readonly level: number;
  readonly isOpen: boolean;
  chain(): readonly ChainLink[];
}

/** When a wait for a turn of a transaction is given up. @param exchanges how many it has had with the server */
export function turnLimitOf(transaction: Limited, exchanges: () => number): TurnLimit {
  const { clock, pool } = transaction.client;
  const timeout = pool.settings.acquireTimeout;
  return {
    clock,
    timeout,
    progress: () => (transaction.cancellation.isRunning ? undefined : exchanges()),
    error: () => scopeBlocked(transaction, timeout),
    end: (error) => {
      if (transaction.isOpen) transaction.cancellation.request(error);
    },
  };
}
