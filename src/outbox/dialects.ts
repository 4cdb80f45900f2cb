import { InvalidOptionError } from '../core/index.ts';
import type { OutboxDialect } from './dialect.ts';
import { mysqlOutbox } from './mysql.ts';
import { postgresOutbox } from './postgres.ts';
import { sqliteOutbox } from './sqlite.ts';

const dialects: Readonly<Record<string, OutboxDialect>> = {
  postgres: postgresOutbox,
  mysql: mysqlOutbox,
  sqlite: sqliteOutbox,
};

/** @throws InvalidOptionError for an engine that has no outbox */
export function outboxDialect(dialect: string): OutboxDialect {
  const found = Object.hasOwn(dialects, dialect) ? dialects[dialect] : undefined;
  if (found !== undefined) return found;
  throw new InvalidOptionError({
    what: 'The engine of the database has no outbox',
    remedy: `Use one of: ${Object.keys(dialects).join(', ')}`,
  });
}
