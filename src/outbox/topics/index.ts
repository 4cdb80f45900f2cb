export { MessageConsumer } from './consumer.ts';
export { type ConsumeOptions, type Consumer, type ConsumerStopOptions, consumeSettings } from './consumer-options.ts';
export { ConsumerStoppedError, HandlerCrashedError, HandlerTimeoutError } from './errors.ts';
export type { ConsumedMessage, ConsumeHandler } from './handling.ts';
export { readHeaders } from './message-headers.ts';
export type { ParkReason, Trust } from './open-message.ts';
export {
  discardReceivedBy,
  listReceivedBy,
  receivedOf,
  type ReceivedParkedMessage,
  type ReceivedParkedOptions,
  type ReceivedParkedPage,
  type ReceivedSelection,
  replayReceivedBy,
} from './parked.ts';
export { seal } from './seal.ts';
export { checkTopic, defineTopic, type Topic, type TopicOptions } from './topic.ts';
