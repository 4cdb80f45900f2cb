import { aFunction, type Check, readOptions } from '../../../core/index.ts';
import { BrokerBench, type BrokerFixture } from './bench.ts';
import { brokerChecks } from './checks.ts';
import { type ConformanceSuite, suiteChecks, suiteOf, type SuiteOptions } from '../suite.ts';

/** What `messageBrokerSuite` is given. */
export interface MessageBrokerSuiteOptions extends SuiteOptions {
  /** Gives a place without messages. Called for each check. */
  readonly make: () => BrokerFixture | Promise<BrokerFixture>;
}

const checks: Record<keyof MessageBrokerSuiteOptions, Check> = { ...suiteChecks, make: aFunction };

/**
 * Checks a message broker: what is accepted, groups, order, taking over from a process that has ended, and how much is delivered.
 * @throws InvalidOptionError
 */
export function messageBrokerSuite(options: MessageBrokerSuiteOptions): ConformanceSuite {
  const { name, timeout, make } = readOptions('messageBrokerSuite', options, checks, ['name', 'make']);
  return suiteOf<BrokerBench>({
    name,
    timeout,
    port: 'message broker',
    page: 'docs/extending.md#rules-for-a-message-broker',
    checks: brokerChecks,
    has: () => true,
    open: async () => new BrokerBench(await make()),
    close: (bench) => bench.close(),
  });
}
