import type { Knex } from 'knex';
import { InvalidOptionError } from '../../core/index.ts';

const ofTheDatabase = 'Leave it out: the connections are those of the database';

/** What is refused because nothing would come of it; Knex has the rest. */
const remedies = {
  client: 'Leave it out: it is that of the database',
  dialect: 'Leave it out: it is that of the database',
  connection: ofTheDatabase,
  connectionPool: 'Give a Knex that was made over it to bindKnex()',
  pool: 'Give max and the other settings of a pool to postgres() or mysql()',
  acquireConnectionTimeout: 'Give acquireTimeout to postgres() or mysql()',
  searchPath: 'Give options such as "-c search_path=shop" to postgres()',
} as const satisfies Partial<Record<keyof Knex.Config, string>>;

export type RefusedOption = keyof typeof remedies;

/** @throws InvalidOptionError for an option that would have no effect, by name */
export function refuseOptions(config: object): void {
  for (const [name, remedy] of Object.entries(remedies)) {
    if ((config as Record<string, unknown>)[name] === undefined) continue;
    throw new InvalidOptionError({ what: `createKnex got the option "${name}", which would have no effect`, remedy });
  }
}
