import { type Failure, type FailureKind, PreparedStatementMissingError } from '../../../driver/index.ts';
import type { Staleness } from '../prepared/staleness.ts';
import { codeOf } from '../wire/server-error.ts';

/** SQLSTATE codes by meaning. */
const kinds: Readonly<Record<string, FailureKind>> = {
  '40001': 'serialization',
  '40P01': 'deadlock',
  '55P03': 'lockTimeout',
  '57014': 'cancelled',
  '23505': 'uniqueViolation',
  '23503': 'foreignKeyViolation',
  '23514': 'checkViolation',
};

export function describeFailure(error: unknown, staleness?: Staleness): Failure {
  if (staleness === undefined) return { kind: kinds[codeOf(error)] ?? 'statement', error };
  return { kind: 'stalePlan', error: staleness === 'missing' ? preparedStatementMissing(error) : error };
}

function preparedStatementMissing(cause: unknown): PreparedStatementMissingError {
  return new PreparedStatementMissingError({
    what: 'The server no longer has a prepared statement of an open transaction: a pooler gave another connection, or a function ran DEALLOCATE',
    remedy:
      'Repeat the transaction. Behind a pooler in transaction mode, give postgres() the option preparedStatements: false, or use a pooler that tracks them (PgBouncer 1.21 with max_prepared_statements)',
    cause,
  });
}
