export { type DataOf, defineQueue, type QueueDefinition, type QueueOptions, type ResultOf } from './definition.ts';
export { pauseBefore } from './engine/index.ts';
export type {
  Backoff,
  Delivery,
  EngineCapabilities,
  EngineEvents,
  EngineHost,
  EngineJob,
  EngineLane,
  FoundJob,
  JobAdministration,
  JobCounts,
  JobEnvelope,
  JobListState,
  JobOutcome,
  JobPage,
  JobPageRequest,
  JobReference,
  JobState,
  JobSummary,
  LaneOptions,
  QueueEngine,
  QueueEngineFactory,
  RemoteFailure,
  Settlement,
  SqlExecutor,
} from './engine/index.ts';
export {
  AdministrationUnsupportedError,
  EnqueueUnknownError,
  JobDroppedError,
  JobNotFoundError,
  JobOverrunError,
  JobReleasedError,
  JobsClosedError,
  JobStateError,
  JobTimeoutError,
  RemoteError,
  UnknownQueueError,
  UnrecoverableError,
  WouldDeadlockError,
} from './errors.ts';
export { type AsJson, PayloadTooLargeError, UnserializableError } from '../payload/index.ts';
export { NotificationsUnheardError, QueueUnavailableError } from './engine/index.ts';
export { isOutcome } from './engine/index.ts';
export type { AwaitOptions, JobHandle } from './job-handle.ts';
export { type BoundQueues, createJobs, Jobs, type JobsOptions, type QueueDefinitions } from './jobs.ts';
export { memory } from './engines/memory/index.ts';
export type { PushAsyncOptions, PushOptions, Queue } from './queue.ts';
export type { FindJobOptions, JobDetails, JobListOptions, QueueAdmin } from './queue-admin.ts';
export type { HandleOptions, Job, JobHandler } from './run-job.ts';
export type { Worker, WorkerCloseOptions } from './worker.ts';
