import type { EngineDialect } from '../../../driver/index.ts';
import { postgresIdempotency } from './idempotency.ts';
import { postgresEvents } from './events.ts';
import { postgresOutbox } from './outbox.ts';
import { postgresSagas } from './sagas.ts';
import { postgresTwoPhase } from './two-phase.ts';

export { createAtOnce } from './own-tables.ts';

/** What PostgreSQL brings for the parts of Sluice that write SQL, and for libraries. It needs no package. */
export const postgresDialect: EngineDialect = {
  dialect: 'postgres',
  outbox: postgresOutbox,
  idempotency: postgresIdempotency,
  sagas: postgresSagas,
  events: postgresEvents,
  twoPhase: postgresTwoPhase,
  models: { sql: 'postgres', returning: true },
  libraryNames: { knex: 'pg', typeorm: ['postgres'] },
};
