import type { ChainLink } from '../core/index.ts';
import type { Cancellation } from './cancellation.ts';
import type { TransactionalClient } from './transactional-client.ts';
import { scopeBlocked } from './failures.ts';
import type { TurnLimit } from './turns.ts';

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
