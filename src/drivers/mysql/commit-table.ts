import { clientOf, type Db } from '../../database/index.ts';
import { type ErrorPlace, fieldOf, InvalidOptionError } from '../../core/index.ts';
import { CommitTableError } from '../../driver/index.ts';

/** The name of the table, in the database that a connection has selected. */
export function commitTable(database: string | null): string {
  const name = '`sluice_commit`';
  return database === null ? name : `\`${database.replaceAll('`', '``')}\`.${name}`;
}

const create = `create table if not exists sluice_commit (
  id binary(16) not null primary key,
  at bigint not null,
  key sluice_commit_at (at)
) engine = innodb`;

/**
 * Creates the table `sluice_commit` where it is missing, for `mysql({ resolveCommit: true })`. May be called again; made for a
 * migration, outside of a transaction: a statement that makes a table commits.
 *
 * ```ts
 * await createCommitTable(database.current);
 * ```
 * @throws InvalidOptionError for what is no handle on MySQL or MariaDB
 */
export async function createCommitTable(db: Db): Promise<void> {
  const { dialect } = clientOf(db).driver;
  if (dialect !== 'mysql') {
    throw new InvalidOptionError({
      what: `createCommitTable got a handle on the client "${db.clientName}", which is on ${dialect}`,
      remedy: 'Give one on MySQL or MariaDB; for PostgreSQL take that of sluice/postgres',
    });
  }
  await db.query(create);
}

const causes: ReadonlyMap<unknown, readonly [what: string, remedy: string]> = new Map([
  [1146, ['is missing', 'Call createCommitTable(db) in a migration']],
  [
    1046,
    ['has no database to be in', 'Name the database in the connection settings, and call createCommitTable(db) there'],
  ],
  [1142, ['may not be used by this user', 'Grant the user SELECT, INSERT, UPDATE and DELETE on it']],
]);

/** The error for a mark that the server has refused, where the table is the reason. */
export function refusedMark(cause: unknown, at: ErrorPlace | undefined): CommitTableError | undefined {
  const found = causes.get(fieldOf(cause, 'errno'));
  if (found === undefined) return undefined;
  const [what, remedy] = found;
  return new CommitTableError({
    what: `The table sluice_commit ${what}, which resolveCommit needs${at === undefined ? '; how the transaction has ended cannot be looked up' : ` on client "${at.clientName}"; the transaction is rolled back`}`,
    remedy,
    cause,
    at,
  });
}
