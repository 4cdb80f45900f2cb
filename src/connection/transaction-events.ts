import { transactionEnd, transactionStart } from '../channels/index.ts';
import type { ChainLink, Origin } from '../core/index.ts';
import type { TransactionalClient } from './transactional-client.ts';
import type { Outcome } from './transaction-state.ts';

/** What the events of a transaction are made from. */
interface Announced {
  readonly client: TransactionalClient;
  readonly level: number;
  readonly name: string;
  readonly openedAt: number;
}

/** It in the description of its chain. */
export function linkOf({ client, level, name, openedAt, origin }: Announced & { readonly origin: Origin }): ChainLink {
  const age = client.clock.now() - openedAt;
  return { clientName: client.name, level, transaction: name, age, openedAt: origin() };
}

/** Publishes that a transaction begins. */
export function announceStart({ client, level, name }: Announced): void {
  transactionStart.publish({ clientName: client.name, level, transaction: name });
}

/** Tells how one has ended, and how long it took. */
export function announceEnd({ client, level, name, openedAt }: Announced, outcome: Outcome): void {
  const duration = client.clock.now() - openedAt;
  transactionEnd.publish({ clientName: client.name, level, transaction: name, outcome, duration });
}
