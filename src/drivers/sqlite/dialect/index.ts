import type { EngineDialect } from '../../../driver/index.ts';
import { sqliteIdempotency } from './idempotency.ts';
import { sqliteEvents } from './events.ts';
import { sqliteOutbox } from './outbox.ts';
import { sqliteSagas } from './sagas.ts';

/** What SQLite brings for the parts of Sluice that write SQL, and for libraries. It needs no package. */
export const sqliteDialect: EngineDialect = {
  dialect: 'sqlite',
  outbox: sqliteOutbox,
  idempotency: sqliteIdempotency,
  sagas: sqliteSagas,
  events: sqliteEvents,
  models: { sql: 'sqlite', returning: true },
  libraryNames: { typeorm: ['sqlite', 'better-sqlite3'] },
};
