import { randomUUID } from 'node:crypto';
import { type ErrorPlace, fieldOf, InvalidOptionError } from '../../core/index.ts';
import { clientOf, type Db } from '../../database/index.ts';
import { CommitTableError, type TransactionMark } from '../../driver/index.ts';
import { createAtOnce } from './dialect/index.ts';

const create = [
  'create table if not exists sluice_commit (id uuid primary key, at timestamptz not null default now())',
  'create index if not exists sluice_commit_at on sluice_commit (at)',
];

/**
 * Creates the table `sluice_commit` where it is missing, for `postgres({ resolveCommit: 'rows' })`. May be called again; made for a
 * migration.
 *
 * ```ts
 * await createCommitTable(database.current);
 * ```
 * @throws InvalidOptionError for what is no handle on PostgreSQL
 */
export async function createCommitTable(db: Db): Promise<void> {
  const { dialect } = clientOf(db).driver;
  if (dialect !== 'postgres') {
    throw new InvalidOptionError({
      what: `createCommitTable got a handle on the client "${db.clientName}", which is on ${dialect}`,
      remedy: 'Give one on PostgreSQL; for MySQL and MariaDB take that of sluice/mysql',
    });
  }
  for (const text of create) await db.query(createAtOnce(text));
}

/** Deletes some of the marks that are older than an hour. */
export const cleaning = `delete from sluice_commit where id in (
  select id from sluice_commit where at < now() - interval '1 hour' order by at limit 10000)`;

const prefix = 'row ';

/** A row that the transaction writes. */
export function rowMark(): TransactionMark {
  const id = randomUUID();
  const name = `${prefix}${id}`;
  const statement = { text: 'insert into sluice_commit (id) values ($1)', values: [id] };
  return { statement, isRow: true, name, nameIn: () => name, refused: refusedMark };
}

/** The id in the name of a mark that is a row. */
export function rowIn(mark: string): string | undefined {
  return mark.startsWith(prefix) ? mark.slice(prefix.length) : undefined;
}

const causes: ReadonlyMap<unknown, readonly [what: string, remedy: string]> = new Map([
  ['42P01', ['is missing', 'Call createCommitTable(db) in a migration']],
  ['42501', ['may not be used by this user', 'Grant the user SELECT, INSERT and DELETE on it']],
]);

/** The error for a mark that the server has refused, where the table is the reason. */
export function refusedMark(cause: unknown, at: ErrorPlace | undefined): CommitTableError | undefined {
  const found = causes.get(fieldOf(cause, 'code'));
  if (found === undefined) return undefined;
  const [what, remedy] = found;
  const effect =
    at === undefined
      ? '; how the transaction has ended cannot be looked up'
      : ` on client "${at.clientName}"; the transaction is rolled back`;
  return new CommitTableError({
    what: `The table sluice_commit ${what}, which resolveCommit needs${effect}`,
    remedy,
    cause,
    at,
  });
}
