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
  OutboxAdministration,
  OutboxDialect,
  OutboxHandle,
  OutboxListing,
  OutboxRow,
} from '../driver/index.ts';
export { registerOutboxDialect } from './dialects.ts';
export { OutboxMissingError, OutboxUnknownError, RelayUnavailableError } from './errors.ts';
export { findInInbox, recordInInbox } from './inbox.ts';
export type { RelayOptions, RelayStopOptions } from './options.ts';
export type { NewOutboxMessage, OutboxMessage } from './message.ts';
export { addToOutbox } from './outbox.ts';
export { type ParkedMessage, parkedMessages, replayParked, type ReplayOptions } from './parked-messages.ts';
export { createRelay, Relay } from './relay.ts';
export { createOutboxTables, outboxTablesSql } from './tables.ts';
export type { SqlRunner, SqlRunnerOptions } from '../tables/index.ts';
