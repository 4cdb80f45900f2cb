import { type Check, type Filled, integer, milliseconds, oneOf, readOptions, text } from '../core/index.ts';
import type { CompletionMode } from '../driver/index.ts';

/** Options of `createEvents`. */
export interface EventsOptions {
  /** The client whose transactions events are published in. Default: the default one. */
  readonly clientName?: string | undefined;
  /**
   * What becomes of a publication when its durable listener has succeeded: `delete` removes it, `keep` leaves it as `completed`,
   * `archive` moves it to `sluice_event_archive`. Default `delete`.
   */
  readonly completion?: CompletionMode | undefined;
  /** How long completed publications are kept or archived, in milliseconds. Default 7 days. */
  readonly retention?: number | undefined;
  /** How many durable listeners run at once in this process. Default 4. */
  readonly concurrency?: number | undefined;
  /** How often the table is read where no commit of this process has asked for it, in milliseconds. Default 500. */
  readonly pollInterval?: number | undefined;
  /** How often a durable listener may fail on one publication, or its process may end, before that is parked. Default 10. */
  readonly attempts?: number | undefined;
  /** The pause after a failure in milliseconds, doubled each time up to ten minutes. Default 1,000. */
  readonly retryDelay?: number | undefined;
  /** The largest payload, in bytes of its JSON. Default 1,048,576. */
  readonly maxPayload?: number | undefined;
}

/** Options of `events.stop()`. */
export interface EventsStopOptions {
  /** How long listeners that run may take, in milliseconds; then they are rolled back, and run again elsewhere. Default 10,000. */
  readonly timeout?: number | undefined;
}

export const stopChecks: Record<keyof EventsStopOptions, Check> = { timeout: milliseconds(0) };

const checks: Record<keyof EventsOptions, Check> = {
  clientName: text(200),
  completion: oneOf(['keep', 'delete', 'archive']),
  retention: milliseconds(1_000, 10 * 365 * 86_400_000),
  concurrency: integer(1, 10_000),
  pollInterval: milliseconds(10),
  attempts: integer(1, 1_000),
  retryDelay: milliseconds(1),
  maxPayload: integer(1, 256 * 1024 * 1024, 'bytes'),
};

export type EventsSettings = Filled<Omit<EventsOptions, 'clientName'>> & Pick<EventsOptions, 'clientName'>;

/** @throws InvalidOptionError */
export function eventsSettings(options: EventsOptions): EventsSettings {
  const read = readOptions('createEvents', options, checks);
  return {
    clientName: read.clientName,
    completion: read.completion ?? 'delete',
    retention: read.retention ?? 7 * 86_400_000,
    concurrency: read.concurrency ?? 4,
    pollInterval: read.pollInterval ?? 500,
    attempts: read.attempts ?? 10,
    retryDelay: read.retryDelay ?? 1_000,
    maxPayload: read.maxPayload ?? 1_048_576,
  };
}
