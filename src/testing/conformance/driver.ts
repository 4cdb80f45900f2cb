import { aFunction, type Check, readOptions, withMethods } from '../../core/index.ts';
import type { ClientDefinition, DriverConnection } from '../../driver/index.ts';
import { DriverBench, type DriverStatements } from './driver-bench.ts';
import { driverContractChecks } from './driver-contract-checks.ts';
import { driverExchangeChecks } from './driver-exchange-checks.ts';
import { driverLifeChecks } from './driver-life-checks.ts';
import { type ConformanceSuite, suiteChecks, suiteOf, type SuiteOptions } from './suite.ts';

/** What `driverSuite` is given. */
export interface DriverSuiteOptions extends SuiteOptions {
  /** Gives a client of a database that has no rows. Called for each check. */
  readonly make: () => ClientDefinition | Promise<ClientDefinition>;
  /** The commands that it sends. */
  readonly statements: DriverStatements;
  /** Ends a connection from the server's side, as an administrator does. */
  readonly cut?: ((connection: DriverConnection) => Promise<void>) | undefined;
}

const checks: Record<keyof DriverSuiteOptions, Check> = {
  ...suiteChecks,
  make: aFunction,
  statements: withMethods('insert'),
  cut: aFunction,
};

/**
 * Checks a driver: exchanges, transactions, savepoints, failures, isolation levels, and the end of connections. At the end a
 * database of Sluice runs on it.
 *
 * ```ts
 * import { describe, it } from 'node:test';
 * const suite = driverSuite({
 *   name: 'my driver',
 *   make: () => sqlite({ file: ':memory:' }),
 *   statements: {
 *     insert: (id) => ({ text: 'insert into row values (?)', values: [id] }),
 *     readAll: { text: 'select id from row order by id' },
 *     failing: { text: 'select * from missing' },
 *     control: 'commit',
 *   },
 * });
 * register(suite, { describe, it });
 * ```
 * @throws InvalidOptionError
 */
export function driverSuite(options: DriverSuiteOptions): ConformanceSuite {
  const { name, timeout, make, statements, cut } = readOptions('driverSuite', options, checks, [
    'name',
    'make',
    'statements',
  ]);
  return suiteOf<DriverBench>({
    name,
    timeout,
    port: 'driver',
    page: 'docs/extending.md#rules-for-a-driver',
    checks: [...driverExchangeChecks, ...driverContractChecks, ...driverLifeChecks],
    has: (option) => (option === 'statements.slow' ? statements.slow !== undefined : cut !== undefined),
    open: async () => new DriverBench(await make(), statements, cut),
    close: (bench) => bench.close(),
  });
}
