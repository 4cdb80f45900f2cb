import type { JobAdministration } from './administration.ts';
import type { JobOutcome, RemoteFailure } from './outcome.ts';

/** When a failed job runs again. */
export interface Backoff {
  /** `exponential` doubles the delay each time. */
  readonly type: 'fixed' | 'exponential';
  /** Milliseconds before the second attempt. */
  readonly delay: number;
}

/** A job as an engine keeps it. */
export interface EngineJob {
  /** A UUID; an engine takes each once. */
  readonly id: string;
  /** The name of the queue. */
  readonly queue: string;
  /** The lane that it waits in. */
  readonly level: number;
  /** What the engine hands on and does not look into. JSON. */
  readonly envelope: JobEnvelope;
  /** Lower runs first; 0, the default, before all others. */
  readonly priority: number;
  /** Milliseconds until it may run. */
  readonly delay: number;
  /** How often it may fail, the first run included. */
  readonly attempts: number;
  /** The pause before the next attempt. */
  readonly backoff: Backoff;
}

/** What travels: versioned, as JSON. */
export interface JobEnvelope {
  /** The version of the format. */
  readonly v: 1;
  /** The job's UUID. */
  readonly id: string;
  /** The name of the queue. */
  readonly queue: string;
  /** When the wait for it began, in milliseconds of the engine's clock; with a context that has a timeout. */
  readonly sentAt?: number | undefined;
  /** The process that gets the outcome; undefined: none has asked for it. */
  readonly replyTo?: string | undefined;
  /** What was pushed; missing for `undefined`. */
  readonly data?: unknown;
  /** The context of the caller, encoded. */
  readonly context: object;
}

/** What identifies a job to an engine. */
export interface JobReference {
  /** The job's UUID. */
  readonly id: string;
  /** The name of the queue. */
  readonly queue: string;
  /** The level of the lane that holds the job. */
  readonly level: number;
}

/** What is known of a job. */
export interface JobState {
  /** Where the job is in its life. A delayed job, or one between two attempts, is `waiting`. */
  readonly status: 'waiting' | 'active' | 'completed' | 'failed';
  /** With the last two. */
  readonly outcome?: JobOutcome | undefined;
  /** What the job last reported. */
  readonly progress?: unknown;
}

/** A job that a lane has taken. */
export interface Delivery {
  /** The job's UUID. */
  readonly id: string;
  /** From outside: to be checked. */
  readonly envelope: unknown;
  /** 1 for the first; one that was lost with its worker does not count. */
  readonly attempt: number;
  /** How often the job may fail, the first run included. */
  readonly attempts: number;
  /** It was handed out before, with an unknown result. */
  readonly redelivered: boolean;
  /** Aborts when the engine finds that the job no longer belongs to this worker. */
  readonly claim: AbortSignal;
  /** Publishes how far the job is. Any JSON. */
  progress(value: unknown): Promise<void>;
  /**
   * Acknowledges the job in the caller's transaction, where the engine can.
   * @returns false if the job no longer belongs to this worker: the transaction must be rolled back
   */
  acknowledge?(via: SqlExecutor, outcome: JobOutcome): Promise<boolean>;
}

/** What a lane is to do with a job that was run. */
export type Settlement =
  | {
      /** The transaction of the job has acknowledged it already. */
      readonly type: 'acknowledged';
      /** How it ended. */
      readonly outcome: JobOutcome;
    }
  | {
      /** To be marked as completed. */
      readonly type: 'completed';
      /** What the handler returned. */
      readonly outcome: JobOutcome;
    }
  | {
      /** To be run again after its backoff. */
      readonly type: 'retry';
      /** What this run threw. */
      readonly failure: RemoteFailure;
    }
  | {
      /** To be marked as failed, whatever attempts are left. */
      readonly type: 'failed';
      /** What the last run threw. */
      readonly outcome: JobOutcome;
    }
  /** It goes back as if it had not been taken. */
  | {
      /** To go back to the queue as if it had not been taken. */
      readonly type: 'released';
    };

/** Runs SQL; given to an engine by a caller, in that caller's transaction. */
export interface SqlExecutor {
  /** Runs one statement with values for `$1`, `$2`. */
  query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
}

/** What a lane is opened with. */
export interface LaneOptions {
  /** The name of the queue. */
  readonly queue: string;
  /** The level whose jobs the lane takes. */
  readonly level: number;
  /** How many jobs of the lane run at once. */
  readonly concurrency: number;
  /** Whether it begins paused. */
  readonly paused: boolean;
  /** Runs a job; never rejects. */
  readonly run: (delivery: Delivery) => Promise<Settlement>;
}

/** A lane that takes jobs of one queue at one level. */
export interface EngineLane {
  /** Takes no more; what runs goes on. */
  pause(): Promise<void>;
  /** Takes jobs again after `pause()`. */
  resume(): void;
  /** Takes no more and resolves when what runs has ended and is settled. */
  close(): Promise<void>;
}

/** What an engine can do; Sluice makes up for the rest. */
export interface EngineCapabilities {
  /**
   * How a job leaves with the caller's commit. `transaction`: as a row of its transaction; `hook`: the engine
   * is this process, and is told after the commit; `outbox`: through the outbox of the database.
   */
  readonly enqueue: 'transaction' | 'hook' | 'outbox';
  /** Whether a job can be acknowledged in the transaction of its effects; otherwise the inbox keeps them single. */
  readonly transactionalAck: boolean;
  /** Whether a job that was lost with its worker is handed out again. */
  readonly redelivers: boolean;
}

/** What an engine tells. */
export interface EngineEvents {
  /** A job has ended; the outcome comes along where the engine can. */
  onSettled(id: string, outcome: JobOutcome | undefined): void;
  /** A running job has reported progress. */
  onProgress(id: string, progress: unknown): void;
  /** Events, or even jobs, may have been lost: everything that is waited for is looked up. */
  onReconnect(): void;
  /** Something went wrong in the background; the engine goes on trying. */
  onError(what: string, error: unknown): void;
}

/** What an engine gets from Sluice. */
export interface EngineHost {
  /** Names this process among all that use the engine. */
  readonly processId: string;
  /** The deepest level there is. */
  readonly maxLevel: number;
  /** Runs SQL on a client of the database (by default the default one), outside of what is ambient. */
  readonly sql: (clientName?: string) => SqlExecutor;
  /** Where the engine reports to. */
  readonly events: EngineEvents;
}

/**
 * The port: what Sluice needs of a queue. At-least-once delivery, one lane for each queue and level,
 * and states that can be looked up; events only make it faster.
 */
export interface QueueEngine {
  /** Names the engine in messages. */
  readonly name: string;
  /** What the engine can do. */
  readonly capabilities: EngineCapabilities;
  /** What administrators can do; missing where the engine cannot be administered. */
  readonly administration?: JobAdministration | undefined;
  /** The client whose transactions can hold its jobs; the default one where nothing was said. */
  readonly clientName?: string | undefined;
  /** Connects, and makes what is missing. Called before anything else, and again when it failed. */
  start(): Promise<void>;
  /** Milliseconds by the engine's own clock, which all its processes share. */
  now(): number;
  /**
   * Adds jobs; one whose id is known is left as it is. `via`: in that transaction, invisible until it commits.
   * @throws QueueUnavailableError where nothing was sent, and nothing will be; what its server answers
   */
  add(jobs: readonly EngineJob[], via?: SqlExecutor): Promise<void>;
  /** Whether an error of `add` leaves it open if the jobs are there: the connection was lost before the answer. */
  mayHaveAdded(error: unknown): boolean;
  /** Wakes workers for jobs that were added in a transaction that has committed. */
  announce(jobs: readonly JobReference[]): void;
  /**
   * From now on the ends of jobs are told. Resolves when they are; where the server is away that is when it is
   * back, by itself.
   */
  listen(): Promise<void>;
  /** The states by id; a job that is not known, or was removed, is missing. */
  look(jobs: readonly JobReference[]): Promise<ReadonlyMap<string, JobState>>;
  /** Tells at which levels jobs of a queue arrive, those that wait already included. */
  watchArrivals(queue: string, onArrival: (level: number) => void): Promise<() => Promise<void>>;
  /** Opens a lane, which takes jobs from then on unless it begins paused. */
  openLane(options: LaneOptions): EngineLane;
  /** Deletes everything that the engine keeps under its schema or prefix, jobs of other programs there too. */
  obliterate(): Promise<void>;
  /** Disconnects, also from a server that was never reached; what still waits for one is ended. */
  close(): Promise<void>;
}

/** Makes an engine for one `createJobs`. */
export type QueueEngineFactory = (host: EngineHost) => QueueEngine;
