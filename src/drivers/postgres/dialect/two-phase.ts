import { fieldOf } from '../../../core/index.ts';
import { type TwoPhaseDialect, twoPhaseTables } from '../../../driver/index.ts';
import { ownTables } from './own-tables.ts';

export const postgresTwoPhase: TwoPhaseDialect = {
  create: twoPhaseTables({
    name: () => 'text',
    long: 'bigint',
    text: 'text',
    table: '',
    writeHome: `insert into sluice_two_phase_home (number, id)
  values (1, substr(md5(random()::text || clock_timestamp()::text || pg_backend_pid()::text), 1, 16))
  on conflict (number) do nothing`,
  }),
  begin: () => [],
  abandon: () => [],
  prepare: (id) => [`PREPARE TRANSACTION '${id}'`],
  commit: (id) => `COMMIT PREPARED '${id}'`,
  rollback: (id) => `ROLLBACK PREPARED '${id}'`,
  elsewhere: (end) => [end],
  // Those of other databases of the server can only be ended there.
  list: 'select gid from pg_catalog.pg_prepared_xacts where database = current_database()',
  idIn: ({ gid }) => String(gid),
  isGone: (error) => fieldOf(error, 'code') === '42704',
  ability: `select current_setting('max_prepared_transactions')::int as most`,
  inability: ({ most }) =>
    Number(most) > 0
      ? undefined
      : {
          what: 'its server has max_prepared_transactions = 0',
          remedy:
            'Set max_prepared_transactions to at least the number of connections that prepare at once, and restart the server',
        },
  insertNew: 'insert into',
  orNothing: 'on conflict do nothing',
  ...ownTables,
  isDuplicate: (error) => fieldOf(error, 'code') === '23505',
};
