export { OutboxMissingError, RelayUnavailableError } from './errors.ts';
export { findInInbox, recordInInbox } from './inbox.ts';
export type { RelayOptions } from './options.ts';
export { addToOutbox, type NewOutboxMessage, type OutboxMessage } from './outbox.ts';
export { type ParkedMessage, parkedMessages, replayParked } from './parked.ts';
export { createRelay, Relay } from './relay.ts';
export { createOutboxTables, outboxTablesSql } from './tables.ts';
