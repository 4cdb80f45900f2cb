export type { BrokerFixture } from './bench.ts';
export { messageBrokerSuite, type MessageBrokerSuiteOptions } from './suite.ts';
