import type { DatabaseServer } from '../databases/database-server.ts';
import type { Check, Finding } from '../finding.ts';

/** A pooler's mode, and what becomes of prepared statements behind it. */
export const pooler: Check<DatabaseServer> = {
  name: 'pooler',
  look({ pooler: found, poolerPrepares }) {
    if (found === undefined) return [];
    if (found.mode === 'statement') return [statementMode];
    if (found.mode === 'unknown') return [silent];
    return poolerPrepares === false ? [forgets(found.console?.version, found.console?.maxPreparedStatements)] : [];
  },
};

const statementMode: Finding = {
  code: 'POOLER_STATEMENT_MODE',
  severity: 'error',
  what: 'The pooler gives each statement another connection, so there are no transactions',
  remedy: 'Set pool_mode to transaction or session',
  where: 'pool_mode',
};

const silent: Finding = {
  code: 'POOLER_BUSY',
  severity: 'warning',
  what: 'The pooler did not give two connections at once within the time limit, so its mode is not known',
  remedy: 'Raise its pool size (default_pool_size of PgBouncer), or look who holds its connections',
};

function forgets(version: string | undefined, most: number | undefined): Finding {
  const isTooOld = version !== undefined && most === undefined;
  const change = isTooOld
    ? `To have them prepared update PgBouncer ${version} to 1.21 or newer, set its max_prepared_statements and`
    : 'To have them prepared let the pooler keep track of them (max_prepared_statements of PgBouncer 1.21) and';
  return {
    code: 'POOLER_FORGETS_PREPARED',
    severity: 'note',
    what: 'The pooler does not keep track of prepared statements, so the server plans each statement anew',
    remedy: `${change} give postgres() the option preparedStatements: true; otherwise leave that option out`,
    where: 'max_prepared_statements',
  };
}
