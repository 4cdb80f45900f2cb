/*
 * What the page gets of jobs, messages, sagas and publications, as JSON: counts with each snapshot, and lists when they are asked
 * for. See snapshot.ts for where, and for what all of it has in common.
 */

/** A queue, where the engine can tell. */
export interface QueueView {
  readonly name: string;
  /** How many jobs there are by state; a state that the engine cannot count is missing. */
  readonly jobs: Readonly<Record<string, number>>;
}

/** A channel of the outbox. */
export interface ChannelView {
  readonly name: string;
  /** Messages that wait to be handed over, those set aside, and the age of the oldest that waits. */
  readonly waiting: number;
  readonly parked: number;
  readonly lag?: number | undefined;
}

/** A group that consumes a topic of a broker. */
export interface ReceivedCountsView {
  /** `<group>/<topic>`. */
  readonly name: string;
  /** How many messages it has set aside, as `parked`. */
  readonly received: Readonly<Record<string, number>>;
  /** How many of them are to be handled again. */
  readonly due: number;
  /** `parked` where there may be more: at most 100,000 are counted, of all groups together. */
  readonly atLeast: readonly string[];
}

/** A definition of sagas. */
export interface SagaCountsView {
  readonly name: string;
  /** How many sagas there are by status; every status is there. */
  readonly sagas: Readonly<Record<string, number>>;
  /** The statuses of which there may be more: at most 100,000 that have not ended are counted, and the last 10,000 that have. */
  readonly atLeast: readonly string[];
}

/** A durable listener of transactional events. */
export interface PublicationCountsView {
  /** Its id. */
  readonly name: string;
  /** How many publications there are by state; those that are completed are not counted. */
  readonly publications: Readonly<Record<string, number>>;
  /** For how long the oldest that has not failed has waited; 0 where none waits. */
  readonly lag: number;
  /** The states of which there may be more: at most 100,000 are counted, the oldest of all listeners together. */
  readonly atLeast: readonly string[];
}

/** What is counted now and then, and listed when it is asked for; empty for what the inspector was not given. */
export interface WorkView {
  readonly queues: readonly QueueView[];
  readonly channels: readonly ChannelView[];
  readonly received: readonly ReceivedCountsView[];
  readonly sagas: readonly SagaCountsView[];
  readonly publications: readonly PublicationCountsView[];
}

/** A job in a list. */
export interface JobView {
  readonly queue: string;
  readonly id: string;
  readonly state: string;
  readonly level?: number | undefined;
  /** How often it has run, the run that goes on included; 0 as long as it has not. */
  readonly attempt?: number | undefined;
  readonly attempts?: number | undefined;
  readonly addedAt?: number | undefined;
  readonly error?: string | undefined;
  /** JSON as text, cut at 10,000 characters; with `payloads` alone. */
  readonly payload?: string | undefined;
}

/** Jobs of a state, newest first. */
export interface JobList {
  readonly jobs: readonly JobView[];
  /** Whether there are more than these. */
  readonly hasMore: boolean;
}

/** A message of the outbox that was set aside. */
export interface MessageView {
  readonly channel: string;
  readonly number: string;
  readonly queue: string;
  readonly attempts?: number | undefined;
  readonly parkedAt: number;
  readonly error: string;
  /** As with jobs. */
  readonly payload?: string | undefined;
}

/** Messages that were set aside, oldest first. */
export interface OutboxList {
  readonly messages: readonly MessageView[];
  readonly hasMore: boolean;
}

/** A message of a broker that a consumer has set aside. */
export interface ReceivedView {
  /** `<group>/<topic>`. */
  readonly consumer: string;
  readonly number: string;
  /** As it came. */
  readonly id?: string | undefined;
  readonly key?: string | undefined;
  /** In a word: `failed`, `invalid`, `malformed`, `untrusted`, `foreign`, `too large`. */
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly parkedAt: number;
  /** Whether it is to be handled again. */
  readonly isDue: boolean;
}

/** Messages that a consumer has set aside, oldest first. */
export interface ReceivedList {
  readonly messages: readonly ReceivedView[];
  readonly hasMore: boolean;
}

/** A saga in a list. */
export interface SagaView {
  readonly saga: string;
  readonly id: string;
  readonly version: number;
  readonly status: string;
  /** The names of what it waits for: sleeps, signals, other sagas, the compensation that has failed. */
  readonly waitsFor: readonly string[];
  /** The step that was recorded last on the client that sagas live on. */
  readonly lastStep?: string | undefined;
  /** How often it has failed in a row. */
  readonly attempts: number;
  readonly startedAt: number;
  /** When it goes on; missing where it waits for a signal, or has ended. */
  readonly wakesAt?: number | undefined;
  readonly endedAt?: number | undefined;
  readonly error?: string | undefined;
}

/** Sagas of a status, oldest first. */
export interface SagaList {
  readonly sagas: readonly SagaView[];
  readonly hasMore: boolean;
}

/** A saga with what is recorded of it on the client that sagas live on; at most 500 of each, the last ones. */
export interface SagaDetailView extends SagaView {
  readonly steps: readonly { readonly name: string; readonly state: string; readonly at: number }[];
  /** Sleeps, and waits for signals that have a timeout or have ended. */
  readonly waits: readonly {
    readonly name: string;
    readonly until?: number | undefined;
    readonly endedAt?: number | undefined;
  }[];
  readonly children: readonly {
    /** The name of the step. */
    readonly name: string;
    readonly saga: string;
    readonly id: string;
    readonly status: string;
    readonly startedAt: number;
    readonly endedAt?: number | undefined;
  }[];
  /** How many more there are. */
  readonly leftOut: number;
}

/** A publication in a list: an event for a durable listener. Its payload is not shown. */
export interface PublicationView {
  readonly listener: string;
  readonly number: string;
  /** The name of the event. */
  readonly event: string;
  /** Names the event among all; its listener sees the same one. */
  readonly eventId: string;
  readonly state: string;
  /** How many attempts were begun. */
  readonly attempts: number;
  readonly publishedAt: number;
  /** When it is run at the earliest; missing where it has failed. */
  readonly dueAt?: number | undefined;
  /** Of the last attempt that has failed. */
  readonly error?: string | undefined;
}

/** Publications of a listener in a state, oldest first. */
export interface PublicationList {
  readonly publications: readonly PublicationView[];
  readonly hasMore: boolean;
}

/** What may be done by POST. */
export type ActionName =
  | 'job.retry'
  | 'job.discard'
  | 'outbox.replay'
  | 'outbox.discard'
  | 'received.replay'
  | 'received.discard'
  | 'saga.resume'
  | 'saga.cancel'
  | 'publication.resubmit';

/** What came of an action. */
export interface ActionAnswer {
  /** False: nothing was done, since what it was about is gone, or `why`. */
  readonly done: boolean;
  /** In words; missing where it is gone. */
  readonly why?: string | undefined;
}
