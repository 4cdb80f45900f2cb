import {
  type ConcreteIsolation,
  type IsolationLevel,
  standardFulfilment,
  UnsupportedIsolationError,
} from '../../../driver/index.ts';

/**
 * InnoDB's REPEATABLE READ loses updates; with `innodb_snapshot_isolation` it is what SNAPSHOT promises, and
 * still repeatable.
 */
export function fulfilsIsolation(running: ConcreteIsolation, wanted: IsolationLevel): boolean {
  if (wanted === 'DEFAULT') return true;
  if (running === 'SNAPSHOT' && wanted === 'REPEATABLE_READ') return true;
  return standardFulfilment[running].includes(wanted);
}

export function requestedIsolation(wanted: IsolationLevel): ConcreteIsolation | undefined {
  return wanted === 'DEFAULT' ? undefined : wanted;
}

export function noSnapshots(server: string): UnsupportedIsolationError {
  return new UnsupportedIsolationError({
    what: `The server (${server}) has no snapshot isolation; nothing was sent`,
    remedy:
      'Use SERIALIZABLE, REPEATABLE_READ with SELECT ... FOR UPDATE, or a MariaDB that has innodb_snapshot_isolation',
  });
}
