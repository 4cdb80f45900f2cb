import type { ConnectFailure, Failure, FailureKind } from '../../driver/index.ts';

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

export function describeFailure(error: unknown): Failure {
  return { kind: kinds[codeOf(error)] ?? 'statement', error };
}

export function describeConnectFailure(error: unknown): ConnectFailure {
  return { error, transient: transientRefusals.has(codeOf(error)) };
}

/** The prepared statement is gone (26000) or its result type has changed (0A000): parsing it again helps. */
export function isStalePlan(error: unknown): boolean {
  const code = codeOf(error);
  return code === '26000' || (code === '0A000' && error instanceof Error && error.message.includes('cached plan'));
}

export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}
