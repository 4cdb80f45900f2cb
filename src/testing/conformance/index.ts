/** The suites of the ports, for those who write a driver, a queue engine, a cache store, an outbox dialect or a message broker. */
export { cacheStoreSuite, type CacheStoreSuiteOptions } from './cache-store.ts';
export { driverSuite, type DriverSuiteOptions } from './driver.ts';
export type { DriverStatements } from './driver-bench.ts';
export type { EngineFixture } from './engine-bench.ts';
export { type BrokerFixture, messageBrokerSuite, type MessageBrokerSuiteOptions } from './broker/index.ts';
export { outboxDialectSuite, type OutboxDialectSuiteOptions } from './outbox-dialect.ts';
export { queueEngineSuite, type QueueEngineSuiteOptions } from './queue-engine.ts';
export {
  type ConformanceCheck,
  type ConformanceSuite,
  type LeftOutCheck,
  register,
  type SuiteOptions,
  type TestRunner,
} from './suite.ts';
