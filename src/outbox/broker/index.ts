export { BrokerUnreachableError, unreachable } from './errors.ts';
export { sayGoodbye } from './goodbye.ts';
export type {
  BrokerMessage,
  DeliveredMessage,
  MessageBroker,
  PublishOutcome,
  SubscribeOptions,
  Subscription,
} from './message-broker.ts';
export { aGroupName, aTopicName } from './names.ts';
export { publishInOrder } from './publish-in-order.ts';
export { Sessions, type SessionProgress } from './sessions.ts';
