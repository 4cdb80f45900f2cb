export { OutboxMissingError, RelayUnavailableError } from './errors.ts';
export { findInInbox, recordInInbox } from './inbox.ts';
export type { RelayOptions } from './options.ts';
export type { NewOutboxMessage, OutboxMessage } from './message.ts';
export { addToOutbox } from './outbox.ts';
export { type ParkedMessage, parkedMessages, replayParked } from './parked.ts';
export { createRelay, Relay } from './relay.ts';
export { createOutboxTables, outboxTablesSql } from './tables.ts';
