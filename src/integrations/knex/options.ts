import type { Knex } from 'knex';
import { InvalidOptionError } from '../../core/index.ts';

const ofTheDatabase = 'Leave it out: the connections are those of the database';

/** What is refused because nothing would come of it; Knex has the rest. */
export type RefusedOption = Extract<
  keyof Knex.Config,
  'client' | 'dialect' | 'connection' | 'connectionPool' | 'pool' | 'acquireConnectionTimeout' | 'searchPath'
>;

const remedies: Readonly<Record<RefusedOption, string>> = {
  client: 'Leave it out: it is that of the database',
  dialect: 'Leave it out: it is that of the database',
  connection: ofTheDatabase,
  connectionPool: 'Give a Knex that was made over it to bindKnex()',
  pool: 'Give max and the other settings of a pool to postgres() or mysql()',
  acquireConnectionTimeout: 'Give acquireTimeout to postgres() or mysql()',
  searchPath: 'Give options such as "-c search_path=shop" to postgres()',
};

/** @throws InvalidOptionError for an option that would have no effect, by name */
export function refuseOptions(config: object): void {
  for (const [name, remedy] of Object.entries(remedies)) {
    if ((config as Record<string, unknown>)[name] === undefined) continue;
    throw new InvalidOptionError({ what: `createKnex got the option "${name}", which would have no effect`, remedy });
  }
}

/** @throws InvalidOptionError where a transaction was given a connection, on which others could not join it */
export function refuseConnection(container: unknown, config: unknown): void {
  // The options may be all that was given.
  const options = config ?? (typeof container === 'function' ? undefined : container);
  if ((options as { connection?: unknown } | null | undefined)?.connection === undefined) return;
  throw new InvalidOptionError({
    what: 'knex.transaction() got the option "connection", on which others could not join it',
    remedy: 'Leave it out: the connection is that of the ambient transaction, or one of the database',
  });
}
