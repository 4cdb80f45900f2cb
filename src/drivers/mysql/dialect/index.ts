import type { EngineDialect } from '../../../driver/index.ts';
import { mysqlIdempotency } from './idempotency.ts';
import { mysqlEvents } from './events.ts';
import { mysqlOutbox } from './outbox.ts';
import { mysqlSagas } from './sagas.ts';
import { mysqlTwoPhase } from './two-phase.ts';

/** What MySQL and MariaDB bring for the parts of Sluice that write SQL, and for libraries. It needs no package. */
export const mysqlDialect: EngineDialect = {
  dialect: 'mysql',
  outbox: mysqlOutbox,
  idempotency: mysqlIdempotency,
  sagas: mysqlSagas,
  events: mysqlEvents,
  twoPhase: mysqlTwoPhase,
  models: { sql: 'mysql', returning: false },
  libraryNames: { knex: 'mysql2', typeorm: ['mysql', 'mariadb'] },
};
