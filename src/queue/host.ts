import type { Database, Db } from '../database/index.ts';
import type { EngineJob, JobReference, JobState, QueueEngine } from './engine.ts';
import type { WaitOptions } from './waiting.ts';

/** What queues and handles need of the `createJobs` that they belong to. */
export interface JobsHost {
  readonly database: Database;
  readonly engine: QueueEngine;
  /** Names this process among all that use the engine. */
  readonly processId: string;
  readonly maxLevel: number;
  /** The client whose transactions can hold jobs of the engine. */
  readonly engineClientName: string;
  readonly outboxChannel: string;
  /** @throws JobsClosedError */
  assertOpen(): void;
  /** Resolves when the engine has started. @throws QueueUnavailableError, and what its start throws; JobsClosedError */
  ready(): Promise<void>;
  /** @throws QueueUnavailableError, EnqueueUnknownError; what the engine's server refuses the job with */
  enqueue(job: EngineJob): Promise<void>;
  /** Enqueues and waits for the answer. */
  request(job: EngineJob, options: WaitOptions): Promise<unknown>;
  /** Where a job is. @throws QueueUnavailableError when the engine does not answer */
  look(job: JobReference): Promise<JobState | undefined>;
  waitFor(job: JobReference, options: WaitOptions): Promise<unknown>;
  /** Sees to it that the outbox of a client is relayed; returns what is called after the commit. */
  relayFor(db: Db): () => void;
}
