export {
  type DataOf,
  defineQueue,
  pauseBefore,
  type QueueDefinition,
  type QueueOptions,
  type ResultOf,
} from './definition.ts';
export type {
  Backoff,
  Delivery,
  EngineCapabilities,
  EngineEvents,
  EngineHost,
  EngineJob,
  EngineLane,
  JobEnvelope,
  JobOutcome,
  JobReference,
  JobState,
  LaneOptions,
  QueueEngine,
  QueueEngineFactory,
  RemoteFailure,
  Settlement,
  SqlExecutor,
} from './engine.ts';
export {
  EnqueueUnknownError,
  JobDroppedError,
  JobOverrunError,
  JobReleasedError,
  JobsClosedError,
  JobTimeoutError,
  NotificationsUnheardError,
  PayloadTooLargeError,
  QueueUnavailableError,
  RemoteError,
  UnknownQueueError,
  UnrecoverableError,
  UnserializableError,
  WouldDeadlockError,
} from './errors.ts';
export { isOutcome } from './failure.ts';
export type { AwaitOptions, JobHandle } from './handle.ts';
export { type BoundQueues, createJobs, Jobs, type JobsOptions, type QueueDefinitions } from './jobs.ts';
export { memory } from './memory-engine.ts';
export type { PushAsyncOptions, PushOptions, Queue } from './queue.ts';
export type { HandleOptions, Job, JobHandler } from './run-job.ts';
export type { Worker, WorkerCloseOptions } from './worker.ts';
