import {
  type ConcreteIsolation,
  type IsolationLevel,
  standardFulfilment,
  type Step,
  type TransactionCharacteristics,
} from '../../../driver/index.ts';

/** The SQL of a step that is not a statement of the user. */
export function controlText(step: Exclude<Step, { type: 'statement' }>): string {
  switch (step.type) {
    case 'begin':
      return beginText(step.characteristics);
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

/** The only texts of a level that reach the server. */
const levelTexts: Readonly<Record<ConcreteIsolation, string>> = {
  READ_UNCOMMITTED: 'READ UNCOMMITTED',
  READ_COMMITTED: 'READ COMMITTED',
  REPEATABLE_READ: 'REPEATABLE READ',
  SNAPSHOT: 'REPEATABLE READ',
  SERIALIZABLE: 'SERIALIZABLE',
};

/** Isolation and access mode are part of BEGIN, so nothing stays on the session for its next user. */
function beginText({ isolation, readOnly }: TransactionCharacteristics): string {
  const level = isolation === undefined ? '' : ` ISOLATION LEVEL ${levelTexts[isolation]}`;
  return `BEGIN${level}${readOnly ? ' READ ONLY' : ''}`;
}

/** Savepoint names are made up for each scope, so their texts are not worth preparing. */
export function isOneOff(step: Step): boolean {
  return step.type === 'savepoint' || step.type === 'release' || step.type === 'rollbackTo';
}

/** PostgreSQL's REPEATABLE READ is snapshot isolation; see "Transaction Isolation" in its manual. */
export function requestedIsolation(wanted: IsolationLevel): ConcreteIsolation | undefined {
  if (wanted === 'DEFAULT') return undefined;
  return wanted === 'SNAPSHOT' ? 'REPEATABLE_READ' : wanted;
}

/** Where the server was not asked, its default counts as READ COMMITTED, the weakest that PostgreSQL has. */
export function fulfilsIsolation(running: ConcreteIsolation | undefined, wanted: IsolationLevel): boolean {
  const requested = requestedIsolation(wanted);
  if (requested === undefined) return true;
  const given = running === undefined || running === 'READ_UNCOMMITTED' ? 'READ_COMMITTED' : running;
  return standardFulfilment[given].includes(requested);
}
