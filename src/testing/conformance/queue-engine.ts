import { aFunction, type Check, readOptions } from '../../core/index.ts';
import { engineAdminChecks } from './engine-admin-checks.ts';
import { EngineBench, type EngineFixture } from './engine-bench.ts';
import { engineDeliveryChecks } from './engine-delivery-checks.ts';
import { engineLaneChecks } from './engine-lane-checks.ts';
import { type ConformanceSuite, suiteChecks, suiteOf, type SuiteOptions } from './suite.ts';

/** What `queueEngineSuite` is given. */
export interface QueueEngineSuiteOptions extends SuiteOptions {
  /** Makes an engine that has no jobs. Called for each check. */
  readonly make: () => EngineFixture | Promise<EngineFixture>;
}

const checks: Record<keyof QueueEngineSuiteOptions, Check> = { ...suiteChecks, make: aFunction };

/**
 * Checks a queue engine: adding, lanes, settlements, states, events, jobs that leave with a transaction, and administration.
 * @throws InvalidOptionError
 */
export function queueEngineSuite(options: QueueEngineSuiteOptions): ConformanceSuite {
  const { name, timeout, make } = readOptions('queueEngineSuite', options, checks, ['name', 'make']);
  return suiteOf<EngineBench>({
    name,
    timeout,
    port: 'queue engine',
    page: 'docs/extending.md#rules-for-a-queue-engine',
    checks: [...engineDeliveryChecks, ...engineLaneChecks, ...engineAdminChecks],
    has: () => true,
    open: async () => new EngineBench(await make()),
    close: (bench) => bench.close(),
  });
}
