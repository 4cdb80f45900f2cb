import { fieldOf, isError } from '../../../core/index.ts';
import {
  type ConnectFailure,
  type Failure,
  type FailureKind,
  PreparedStatementMissingError,
} from '../../../driver/index.ts';
import type { PlannedText } from '../prepared/prepared-statements.ts';
import { TargetSessionError } from '../connecting/target-session.ts';

/** SQLSTATE codes by meaning; see appendix A of the PostgreSQL manual. */
const kinds: Readonly<Record<string, FailureKind>> = {
  '40001': 'serialization',
  '40P01': 'deadlock',
  '55P03': 'lockTimeout',
  '57014': 'cancelled',
  '23505': 'uniqueViolation',
  '23503': 'foreignKeyViolation',
  '23514': 'checkViolation',
};

/** The server has no room just now, or is starting or stopping: it may accept the next attempt. */
const transientRefusals: ReadonlySet<string> = new Set(['53300', '57P03', '57P01']);

/**
 * What a failure says of prepared statements. `missing`: the server does not have what it should.
 * `changed`: a table or type is not what it was when they were parsed. `suspect`: the types of the values may be
 * those of a table as it was, or a value is simply wrong.
 */
export type Staleness = 'missing' | 'changed' | 'suspect';

/** Of values that do not fit the types that the server was told, or found, when it parsed the text. */
const ofTypes: ReadonlySet<string> = new Set([
  '22003',
  '22007',
  '22008',
  '22023',
  '22P02',
  '22P03',
  '42804',
  '42846',
  '42883',
  '42725',
]);

/**
 * @param plan how the statement was sent that failed
 * @param hasBegun it failed while it ran, so that its values fitted
 */
export function stalenessOf(error: unknown, plan: PlannedText | undefined, hasBegun: boolean): Staleness | undefined {
  const code = codeOf(error);
  const isNamed = plan !== undefined && plan.name !== '';
  if (code === '26000' || code === '42P05') {
    // One that the program has prepared itself is its own affair.
    return isNamed && messageOf(error).includes(plan.name) ? 'missing' : undefined;
  }
  if (code === '0A000') return isChangedResult(error) ? 'changed' : undefined;
  if (!isNamed || plan.isFresh || hasBegun) return undefined;
  if (code === 'XX000') return messageOf(error).startsWith('cache lookup failed') ? 'changed' : undefined;
  return ofTypes.has(code) ? 'suspect' : undefined;
}

export function describeFailure(error: unknown, staleness?: Staleness): Failure {
  if (staleness === undefined) return { kind: kinds[codeOf(error)] ?? 'statement', error };
  return { kind: 'stalePlan', error: staleness === 'missing' ? preparedStatementMissing(error) : error };
}

/** "cached plan must not change result type", in whichever language. */
function isChangedResult(error: unknown): boolean {
  const routine = typeof error === 'object' && error !== null && 'routine' in error ? error.routine : undefined;
  return routine === 'RevalidateCachedQuery' || messageOf(error).includes('cached plan');
}

function preparedStatementMissing(cause: unknown): PreparedStatementMissingError {
  return new PreparedStatementMissingError({
    what: 'The server no longer has a prepared statement of an open transaction: a pooler gave another connection, or a function ran DEALLOCATE',
    remedy:
      'Repeat the transaction. Behind a pooler in transaction mode, give postgres() the option preparedStatements: false, or use a pooler that tracks them (PgBouncer 1.21 with max_prepared_statements)',
    cause,
  });
}

export function describeConnectFailure(error: unknown): ConnectFailure {
  // Another server may take over from one that is gone.
  return { error, transient: error instanceof TargetSessionError || transientRefusals.has(codeOf(error)) };
}

/** Whether the server (or a pooler in front of it) has said it, and not the socket. */
export function isFromServer(error: unknown): boolean {
  return severityOf(error) !== undefined;
}

/**
 * Whether the server has refused a step and lives on. What a pooler says when it has lost its server tells nothing of what
 * became of the steps, and neither does a word in another language than English.
 */
export function isRefusal(error: unknown): boolean {
  return severityOf(error) === 'ERROR' && !/^(?:08|57P|58|XX)/.test(codeOf(error));
}

function severityOf(error: unknown): unknown {
  return isError(error) ? fieldOf(error, 'severity') : undefined;
}

export function codeOf(error: unknown): string {
  const code = fieldOf(error, 'code');
  return typeof code === 'string' ? code : '';
}

function messageOf(error: unknown): string {
  const message = fieldOf(error, 'message');
  return typeof message === 'string' ? message : '';
}
