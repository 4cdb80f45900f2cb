import { type ConcreteIsolation, type IsolationLevel, standardFulfilment } from '../../../driver/index.ts';

/** PostgreSQL's REPEATABLE READ is snapshot isolation; see "Transaction Isolation" in its manual. */
export function requestedIsolation(wanted: IsolationLevel): ConcreteIsolation | undefined {
  if (wanted === 'DEFAULT') return undefined;
  return wanted === 'SNAPSHOT' ? 'REPEATABLE_READ' : wanted;
}

/** Where the server was not asked, its default counts as READ COMMITTED, the weakest that PostgreSQL has. */
export function fulfilsIsolation(running: ConcreteIsolation = 'READ_COMMITTED', wanted: IsolationLevel): boolean {
  const requested = requestedIsolation(wanted);
  if (requested === undefined) return true;
  const given = running === 'READ_UNCOMMITTED' ? 'READ_COMMITTED' : running;
  return standardFulfilment[given].includes(requested);
}
