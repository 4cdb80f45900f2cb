import { checked, checkedArgument, InvalidOptionError, text, withMethods } from '../core/index.ts';
import { clientOf, type Db } from '../database/index.ts';
import type { OutboxDialect } from '../driver/index.ts';
import { ownDialects } from '../tables/index.ts';

/** By the name of the dialect. */
const dialects = new Map<string, OutboxDialect>(
  ownDialects.flatMap(({ dialect, outbox }) => (outbox === undefined ? [] : [[dialect, outbox] as const])),
);

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

/** Those of drivers that were checked. */
const sound = new WeakSet<OutboxDialect>();

/**
 * Gives an engine an outbox and inbox whose driver brings none. Call it once, before the first use of the outbox on that engine.
 *
 * ```ts
 * registerOutboxDialect('toy', toyOutbox);
 * ```
 * @param dialect the `dialect` of the engine's driver
 * @throws InvalidOptionError for what is no dialect, and for an engine that has another one already
 */
export function registerOutboxDialect(dialect: string, outbox: OutboxDialect): void {
  checkedArgument('registerOutboxDialect', 'dialect', dialect, text(200));
  checkedArgument('registerOutboxDialect', 'outbox', outbox, isDialect);
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

/** The outbox that the driver of a handle brings, or that its engine has by name. @throws InvalidOptionError */
export function outboxOf(db: Db): OutboxDialect {
  const { name, driver } = clientOf(db);
  const { outbox } = driver;
  if (outbox === undefined) return outboxNamed(driver.dialect);
  if (!sound.has(outbox)) {
    checked(`The driver of client "${name}"`, 'outbox', outbox, isDialect);
    sound.add(outbox);
  }
  return outbox;
}

/** @throws InvalidOptionError for an engine that has no outbox */
export function outboxNamed(dialect: string): OutboxDialect {
  const found = dialects.get(dialect);
  if (found !== undefined) return found;
  throw new InvalidOptionError({
    what: 'The engine of the database has no outbox',
    remedy: `Use one of: ${[...dialects.keys()].join(', ')}; or give the engine an outbox, in its driver or with registerOutboxDialect`,
  });
}
