export {
  discardParked,
  findInOutbox,
  type FindMessageOptions,
  listOutbox,
  outboxCounts,
  type OutboxCounts,
  type OutboxEntry,
  type OutboxListOptions,
  type OutboxPage,
  type OutboxState,
} from './administration.ts';
export { inContextOf } from '../tables/index.ts';
export type {
  NewOutboxRow,
  NewReceivedRow,
  OutboxAdministration,
  OutboxDialect,
  OutboxHandle,
  OutboxListing,
  OutboxRow,
  ReceivedListing,
  ReceivedMessages,
} from '../driver/index.ts';
export {
  type BrokerMessage,
  BrokerUnreachableError,
  type DeliveredMessage,
  type MessageBroker,
  publishInOrder,
  type PublishOutcome,
  type SubscribeOptions,
  type Subscription,
} from './broker/index.ts';
export { createOutbox, Outbox, type OutboxOptions, type PublishOptions } from './broker-outbox.ts';
export {
  type ConsumedMessage,
  type ConsumeHandler,
  type ConsumeOptions,
  type Consumer,
  ConsumerStoppedError,
  type ConsumerStopOptions,
  defineTopic,
  HandlerCrashedError,
  HandlerTimeoutError,
  type ParkReason,
  type ReceivedParkedMessage,
  type ReceivedParkedOptions,
  type ReceivedParkedPage,
  type ReceivedSelection,
  type Topic,
  type TopicOptions,
} from './topics/index.ts';
export {
  discardReceived,
  listReceived,
  receivedCounts,
  type ReceivedCounts,
  type ReceivedCountsOptions,
  replayReceived,
} from './received.ts';
export { registerOutboxDialect } from './dialects.ts';
export { OutboxMissingError, OutboxUnknownError, RelayUnavailableError } from './errors.ts';
export { findInInbox, recordInInbox } from './inbox.ts';
export type { RelayOptions, RelayStopOptions } from './options.ts';
export type { NewOutboxMessage, OutboxMessage, UndeliveredMessage } from './message.ts';
export { addToOutbox } from './outbox.ts';
export { type ParkedMessage, parkedMessages, replayParked, type ReplayOptions } from './parked-messages.ts';
export {
  type AsJson,
  type AsJsonList,
  InvalidPayloadError,
  PayloadTooLargeError,
  type StandardIssue,
  type StandardResult,
  type StandardSchema,
  type StandardTypes,
  UnserializableError,
  type Validator,
  type PlainJson,
  type Unwritable,
} from '../payload/index.ts';
export { createRelay, Relay } from './relay.ts';
export { createOutboxTables, outboxTablesSql } from './tables.ts';
export type { SqlRunner, SqlRunnerOptions } from '../tables/index.ts';
