import {
  cacheStoreSuite,
  driverSuite,
  messageBrokerSuite,
  outboxDialectSuite,
  queueEngineSuite,
} from '../../src/testing/conformance/index.ts';
import type { Row } from './row.ts';
import { called, type Domain, some, milliseconds, timer, words } from './values.ts';

const statements: Domain = some({ insert: () => ({ text: 'insert' }) });
const dialect: Domain = some({ create: [] });

/** The suites of the ports. */
export const portRows: readonly Row[] = [
  {
    interface: 'SuiteOptions',
    entrance: 'queueEngineSuite',
    call: queueEngineSuite,
    base: () => ({ name: 'toy', make: () => ({}) }),
    options: { name: words(200), timeout: milliseconds(1, timer) },
  },
  {
    interface: 'DriverSuiteOptions',
    entrance: 'driverSuite',
    call: driverSuite,
    base: () => ({ name: 'toy', make: () => ({}), statements: statements.good[0] }),
    options: { name: words(200), timeout: milliseconds(1, timer), make: called(), statements, cut: called() },
  },
  {
    interface: 'QueueEngineSuiteOptions',
    entrance: 'queueEngineSuite',
    call: queueEngineSuite,
    base: () => ({ name: 'toy', make: () => ({}) }),
    options: { name: words(200), timeout: milliseconds(1, timer), make: called() },
  },
  {
    interface: 'CacheStoreSuiteOptions',
    entrance: 'cacheStoreSuite',
    call: cacheStoreSuite,
    base: () => ({ name: 'toy', make: () => ({}) }),
    options: { name: words(200), timeout: milliseconds(1, timer), make: called(), share: called(), close: called() },
  },
  {
    interface: 'OutboxDialectSuiteOptions',
    entrance: 'outboxDialectSuite',
    call: outboxDialectSuite,
    base: () => ({ name: 'toy', dialect: dialect.good[0], make: () => ({}) }),
    options: { name: words(200), timeout: milliseconds(1, timer), dialect, make: called() },
  },
  {
    interface: 'MessageBrokerSuiteOptions',
    entrance: 'messageBrokerSuite',
    call: messageBrokerSuite,
    base: () => ({ name: 'toy', make: () => ({}) }),
    options: { name: words(200), timeout: milliseconds(1, timer), make: called() },
  },
];
