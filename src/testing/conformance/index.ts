/** The suites of the ports, for those who write a driver, a queue engine, a cache store or an outbox dialect. */
export { cacheStoreSuite, type CacheStoreSuiteOptions } from './cache-store.ts';
export { driverSuite, type DriverSuiteOptions } from './driver.ts';
export type { DriverStatements } from './driver-bench.ts';
export type { EngineFixture } from './engine-bench.ts';
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
