import { checked, InvalidOptionError, text, withMethods } from '../core/index.ts';
import type { OutboxDialect } from './dialect.ts';
import { mysqlOutbox } from './mysql.ts';
import { postgresOutbox } from './postgres.ts';
import { sqliteOutbox } from './sqlite.ts';

const dialects = new Map<string, OutboxDialect>([
  ['postgres', postgresOutbox],
  ['mysql', mysqlOutbox],
  ['sqlite', sqliteOutbox],
]);

const isDialect = withMethods(
  'add',
  'claim',
  'remove',
  'fail',
  'parked',
  'replay',
  'present',
  'record',
  'recorded',
  'forget',
  'isMissingTable',
);

/**
 * Gives an engine an outbox and inbox. Call it once, before the first use of the outbox on that engine.
 *
 * ```ts
 * registerOutboxDialect('toy', toyOutbox);
 * ```
 * @param dialect the `dialect` of the engine's driver
 * @throws InvalidOptionError for what is no dialect, and for an engine that has another one already
 */
export function registerOutboxDialect(dialect: string, outbox: OutboxDialect): void {
  checked('registerOutboxDialect', 'dialect', dialect ?? null, text(200));
  checked('registerOutboxDialect', 'outbox', outbox ?? null, isDialect);
  const known = dialects.get(dialect);
  if (known === outbox) return;
  if (known !== undefined) {
    throw new InvalidOptionError({
      what: `registerOutboxDialect got a second outbox for the dialect "${dialect}"`,
      remedy: 'Give the driver a dialect name of its own, and register its outbox once',
    });
  }
  dialects.set(dialect, outbox);
}

/** @throws InvalidOptionError for an engine that has no outbox */
export function outboxDialect(dialect: string): OutboxDialect {
  const found = dialects.get(dialect);
  if (found !== undefined) return found;
  throw new InvalidOptionError({
    what: 'The engine of the database has no outbox',
    remedy: `Use one of: ${[...dialects.keys()].join(', ')}; or give the engine an outbox with registerOutboxDialect`,
  });
}
