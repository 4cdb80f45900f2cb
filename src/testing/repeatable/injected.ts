import type { Failure } from '../../driver/index.ts';

const says = 'could not serialize access: proveRepeatable let this COMMIT fail, so that the transaction is repeated';

/** As each engine refuses a COMMIT that may be tried again. */
const fields: Readonly<Record<string, object>> = {
  postgres: { code: '40001', severity: 'ERROR' },
  mysql: { code: 'ER_CHECKREAD', errno: 1020, sqlState: 'HY000', fatal: false },
  sqlite: { code: 'SQLITE_BUSY', errcode: 5, errstr: 'database is locked' },
};

/** What a COMMIT comes to that is failed on purpose. */
export function injectedFailure(dialect: string): Failure {
  return { kind: 'serialization', error: Object.assign(new Error(says), fields[dialect] ?? { code: '40001' }) };
}
