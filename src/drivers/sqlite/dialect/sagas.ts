import { describeThrown } from '../../../core/index.ts';
import { sagaTables, type SagasDialect } from '../../../driver/index.ts';

const now = `cast(unixepoch('subsec') * 1000 as integer)`;
const says = (error: unknown, what: string): boolean => describeThrown(error).message.includes(what);

export const sqliteSagas: SagasDialect = {
  create: sagaTables({
    number: 'integer primary key autoincrement',
    name: () => 'text',
    json: 'text',
    long: 'integer',
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
  lockFree: '',
  lockShared: '',
  insertNew: 'insert into',
  orNothing: 'on conflict do nothing',
  raiseFence: `insert into sluice_saga_fence (saga, id, fence) values ($1, $2, $3)
    on conflict (saga, id) do update set fence = max(sluice_saga_fence.fence, excluded.fence)`,
  isMissingTable: (error) =>
    /no such table: sluice_saga|no such column: |sluice_saga\w* has no column named /.test(
      describeThrown(error).message,
    ),
  isNull: (error) => says(error, 'NOT NULL constraint failed: sluice_saga_step.fence'),
  isDuplicate: (error) => says(error, 'UNIQUE constraint failed: sluice_saga_step'),
};
