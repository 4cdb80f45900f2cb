import { fieldOf } from '../../../core/index.ts';
import { sagaTables, type SagasDialect } from '../../../driver/index.ts';
import { tableOptions } from './table-options.ts';

const now = 'cast(unix_timestamp(now(3)) * 1000 as signed)';

export const mysqlSagas: SagasDialect = {
  create: sagaTables({
    number: 'bigint not null auto_increment primary key',
    name: (longest) => `varchar(${longest})`,
    json: 'longtext',
    long: 'bigint',
    table: ` ${tableOptions}`,
    indexes: [
      'key sluice_saga_due (wake_at)',
      'key sluice_saga_ended (ended_at)',
      'key sluice_saga_parent (parent_saga, parent_id)',
    ],
    createIndexes: [],
  }),
  now,
  lockFree: 'for update skip locked',
  lockShared: 'lock in share mode',
  insertNew: 'insert ignore into',
  orNothing: '',
  raiseFence: `insert into sluice_saga_fence (saga, id, fence) values ($1, $2, $3)
    on duplicate key update fence = greatest(fence, values(fence))`,
  isMissingTable: (error) => [1146, 1054].includes(Number(fieldOf(error, 'errno'))),
  isNull: (error) => fieldOf(error, 'errno') === 1048,
  isDuplicate: (error) => fieldOf(error, 'errno') === 1062,
};
