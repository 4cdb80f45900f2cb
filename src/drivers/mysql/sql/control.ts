import type { ConcreteIsolation, Step, TransactionCharacteristics } from '../../../driver/index.ts';

/** Sets what SNAPSHOT is on MariaDB, for the time of the transaction; see `afterSnapshot`. */
const beforeSnapshot = 'SET SESSION innodb_snapshot_isolation = ON';
export const afterSnapshot = 'SET SESSION innodb_snapshot_isolation = DEFAULT';

/** The only texts of a level that reach the server. */
const levelTexts: Readonly<Record<ConcreteIsolation, string>> = {
  READ_UNCOMMITTED: 'READ UNCOMMITTED',
  READ_COMMITTED: 'READ COMMITTED',
  REPEATABLE_READ: 'REPEATABLE READ',
  SNAPSHOT: 'REPEATABLE READ',
  SERIALIZABLE: 'SERIALIZABLE',
};

/**
 * What begins a transaction on a connection in which `autocommit` is off: its first statement does, and a
 * command is needed only for what differs from the session's defaults. `SET TRANSACTION` is for the next
 * transaction alone, so nothing of it stays on the session.
 */
export function beginTexts({ isolation, readOnly }: TransactionCharacteristics): readonly string[] {
  const texts: string[] = [];
  if (isolation === 'SNAPSHOT') texts.push(beforeSnapshot);
  if (isolation !== undefined) texts.push(`SET TRANSACTION ISOLATION LEVEL ${levelTexts[isolation]}`);
  if (isolation !== undefined || readOnly) texts.push(`START TRANSACTION${readOnly ? ' READ ONLY' : ''}`);
  return texts;
}

/** The SQL of a step that is neither a statement of the user nor the beginning of a transaction. */
export function controlText(step: Exclude<Step, { type: 'statement' | 'begin' }>): string {
  switch (step.type) {
    case 'commit':
      return 'COMMIT';
    case 'rollback':
      return 'ROLLBACK';
    case 'savepoint':
      return `SAVEPOINT ${step.name}`;
    case 'release':
      return `RELEASE SAVEPOINT ${step.name}`;
    case 'rollbackTo':
      return `ROLLBACK TO SAVEPOINT ${step.name}`;
  }
}
