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
  readonly backoff: Backoff;
}

/** What travels: versioned, as JSON. */
export interface JobEnvelope {
  readonly v: 1;
  readonly id: string;
  readonly queue: string;
  /** When the wait for it began, in milliseconds of the engine's clock; with a context that has a timeout. */
  readonly sentAt?: number | undefined;
  /** Where the news of its end go; none: nobody asked for them. */
  readonly replyTo?: string | undefined;
  readonly data?: unknown;
  readonly context: object;
}

export interface JobReference {
  readonly id: string;
  readonly queue: string;
  readonly level: number;
}

/** An error as it travels. */
export interface RemoteFailure {
  readonly name: string;
  readonly message: string;
  readonly code?: string | undefined;
  readonly stack?: string | undefined;
}

/** How a run of a job ended, as JSON: `value` is missing for `undefined`. */
export type JobOutcome =
  | { readonly type: 'completed'; readonly value?: unknown }
  | { readonly type: 'failed'; readonly failure: RemoteFailure };

/** What is known of a job. */
export interface JobState {
  readonly status: 'waiting' | 'active' | 'completed' | 'failed';
  /** With the last two. */
  readonly outcome?: JobOutcome | undefined;
  readonly progress?: unknown;
}

/** A job that a lane has taken. */
export interface Delivery {
  readonly id: string;
  /** From outside: to be checked. */
  readonly envelope: unknown;
  /** 1 for the first; one that was lost with its worker does not count. */
  readonly attempt: number;
  readonly attempts: number;
  /** It was handed out before, and nobody knows what became of that. */
  readonly redelivered: boolean;
  /** Aborts when the engine finds that the job is not this worker's any more. */
  readonly claim: AbortSignal;
  progress(value: unknown): Promise<void>;
  /**
   * Acknowledges the job in the caller's transaction, where the engine can.
   * @returns false if the job is not this worker's any more: the transaction must be rolled back
   */
  acknowledge?(via: SqlExecutor, outcome: JobOutcome): Promise<boolean>;
}

/** What a lane is to do with a job that was run. */
export type Settlement =
  | { readonly type: 'acknowledged'; readonly outcome: JobOutcome }
  | { readonly type: 'completed'; readonly outcome: JobOutcome }
  | { readonly type: 'retry'; readonly failure: RemoteFailure }
  | { readonly type: 'failed'; readonly outcome: JobOutcome }
  /** It goes back as if it had not been taken. */
  | { readonly type: 'released' };

/** Runs SQL in the transaction of whoever passes it. */
export interface SqlExecutor {
  query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
}

export interface LaneOptions {
  readonly queue: string;
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
  resume(): void;
  /** Takes no more and resolves when what runs has ended and is settled. */
  close(): Promise<void>;
}

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
  onProgress(id: string, progress: unknown): void;
  /** Events, or even jobs, may have been lost: everything that is waited for is looked up. */
  onReconnect(): void;
  /** Something went wrong in the background; the engine goes on trying. */
  onError(what: string, error: unknown): void;
}

export interface EngineHost {
  /** Names this process among all that use the engine. */
  readonly processId: string;
  /** The deepest level there is. */
  readonly maxLevel: number;
  /** Runs SQL on a client of the database (by default the default one), outside of what is ambient. */
  readonly sql: (clientName?: string) => SqlExecutor;
  readonly events: EngineEvents;
}

/**
 * The port: what Sluice needs of a queue. At-least-once delivery, one lane for each queue and level,
 * and states that can be looked up; events only make it faster.
 */
export interface QueueEngine {
  readonly name: string;
  readonly capabilities: EngineCapabilities;
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
  /** The states by id; one that is not known (any more) is missing. */
  look(jobs: readonly JobReference[]): Promise<ReadonlyMap<string, JobState>>;
  /** Tells at which levels jobs of a queue arrive, those that wait already included. */
  watchArrivals(queue: string, onArrival: (level: number) => void): Promise<() => Promise<void>>;
  openLane(options: LaneOptions): EngineLane;
  /** Deletes everything that the engine keeps under its schema or prefix, jobs of other programs there too. */
  obliterate(): Promise<void>;
  /** Disconnects, also from a server that was never reached; what still waits for one is ended. */
  close(): Promise<void>;
}

/** Makes an engine for one `createJobs`. */
export type QueueEngineFactory = (host: EngineHost) => QueueEngine;
