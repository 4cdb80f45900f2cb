import { aFunction, type Check, readOptions } from '../../core/index.ts';
import type { Database } from '../../index.ts';
import type { OutboxDialect } from '../../outbox/index.ts';
import { OutboxBench } from './outbox-bench.ts';
import { outboxAdminChecks, outboxInboxChecks, outboxMessageChecks, outboxReceivedChecks } from './outbox-checks.ts';
import { type ConformanceSuite, suiteChecks, suiteOf, type SuiteOptions } from './suite.ts';

/** What `outboxDialectSuite` is given. */
export interface OutboxDialectSuiteOptions extends SuiteOptions {
  /** The dialect that is checked. */
  readonly dialect: OutboxDialect;
  /** Gives a database in which the tables of the outbox are missing; it is closed after the check. Called for each check. */
  readonly make: () => Database | Promise<Database>;
}

const checks: Record<keyof OutboxDialectSuiteOptions, Check> = {
  ...suiteChecks,
  dialect: (value) =>
    typeof value === 'object' && value !== null && 'create' in value ? undefined : 'an outbox dialect',
  make: aFunction,
};

/**
 * Checks an outbox dialect: messages and their order, failures and parking, the inbox, missing tables, administration, and what consumers keep.
 * @throws InvalidOptionError
 */
export function outboxDialectSuite(options: OutboxDialectSuiteOptions): ConformanceSuite {
  const { name, timeout, dialect, make } = readOptions('outboxDialectSuite', options, checks, [
    'name',
    'dialect',
    'make',
  ]);
  return suiteOf<OutboxBench>({
    name,
    timeout,
    port: 'outbox dialect',
    page: 'docs/extending.md#rules-for-an-outbox-dialect',
    checks: [...outboxMessageChecks, ...outboxInboxChecks, ...outboxAdminChecks, ...outboxReceivedChecks],
    has: () => true,
    open: async () => new OutboxBench(dialect, await make()),
    close: (bench) => bench.database.close({ timeout: 1_000 }),
  });
}
