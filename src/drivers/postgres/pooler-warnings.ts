import { warningOnce } from '../../core/index.ts';

/** What is said once of a client whose server hides its backends, as poolers do. */
export interface PoolerWarnings {
  /** Its backends are hidden. */
  hidden(): void;
  /** For that reason nothing is prepared. */
  notPrepared(): void;
}

export function warningsOfPooler(): PoolerWarnings {
  return {
    hidden: warningOnce(
      'SLUICE_LOCK_DETECTION_OFF',
      'The server does not tell which of its backends a connection has (a pooler in transaction mode?), so row locks along a chain are not detected; give transactions a timeout',
    ),
    notPrepared: warningOnce(
      'SLUICE_PREPARING_OFF',
      'The server does not tell which of its backends a connection has (a pooler?), so statements are not prepared. To have them prepared use a pooler that keeps track of them (PgBouncer 1.21 or newer with max_prepared_statements), or one in session mode, and give postgres() the option preparedStatements: true; preparedStatements: false says that it is meant so',
    ),
  };
}
