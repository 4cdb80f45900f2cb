import { fieldOf } from '../../../core/index.ts';
import { sagaTables, type SagasDialect } from '../../../driver/index.ts';
import { ownTables } from './own-tables.ts';

// Of the statement: an index is no use against a time that changes from row to row.
const now = '(extract(epoch from statement_timestamp()) * 1000)::bigint';

export const postgresSagas: SagasDialect = {
  create: sagaTables({
    number: 'bigint generated always as identity primary key',
    name: () => 'text',
    json: 'text',
    long: 'bigint',
    table: '',
    indexes: [],
    createIndexes: [
      'create index if not exists sluice_saga_due on sluice_saga (wake_at) where wake_at is not null',
      'create index if not exists sluice_saga_open on sluice_saga (number) where ended_at is null',
      'create index if not exists sluice_saga_ended on sluice_saga (ended_at) where ended_at is not null',
      'create index if not exists sluice_saga_parent on sluice_saga (parent_saga, parent_id) where parent_id is not null',
    ],
  }),
  now,
  lockFree: 'for update skip locked',
  lockShared: 'for share',
  insertNew: 'insert into',
  orNothing: 'on conflict do nothing',
  raiseFence: `insert into sluice_saga_fence (saga, id, fence) values ($1, $2, $3)
    on conflict (saga, id) do update set fence = greatest(sluice_saga_fence.fence, excluded.fence)`,
  ...ownTables,
  isNull: (error) => isOfRecord(error, '23502'),
  isDuplicate: (error) => isOfRecord(error, '23505'),
};

/** A constraint of the user's that is deferred fails with the COMMIT, which a record may travel with. */
function isOfRecord(error: unknown, code: string): boolean {
  return fieldOf(error, 'code') === code && fieldOf(error, 'table') === 'sluice_saga_step';
}
