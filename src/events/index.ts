export {
  type IncompleteOptions,
  listPublications,
  publicationCounts,
  type PublicationCountsOptions,
  type PublicationState,
  resubmitPublications,
  type ResubmitOptions,
  type StoredPublication,
  type StoredPublicationCounts,
  type StoredPublicationPage,
} from './administration.ts';
export { defineEvent, type EventDefinition, type EventOptions, type PayloadOf } from './definition.ts';
export { EventOutsideTransactionError, EventTablesMissingError } from './errors.ts';
export { createEvents, Events } from './events.ts';
export type {
  CompletedEvent,
  DurableEvent,
  DurableListenerOptions,
  EventInPhase,
  EventListener,
  EventPhase,
  ListenerOptions,
  ProcessListenerOptions,
  ProcessPhase,
  PublishedEvent,
  RolledBackEvent,
} from './listener.ts';
export type { EventsOptions, EventsStopOptions } from './options.ts';
export { createEventTables, eventTablesSql } from './tables.ts';
export type { EventPublication, PublicationCounts, PublicationPage } from './publication-desk.ts';
export type { CompletionMode } from '../driver/index.ts';
export type { SqlRunner, SqlRunnerOptions } from '../tables/index.ts';
export {
  type AsJson,
  InvalidPayloadError,
  PayloadTooLargeError,
  type StandardSchema,
  UnserializableError,
  type Validator,
} from '../payload/index.ts';
