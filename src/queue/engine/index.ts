export {
  discarded,
  type FoundJob,
  type JobAdministration,
  type JobCounts,
  type JobListState,
  type JobPage,
  type JobPageRequest,
  type JobSummary,
  readCursor,
  writeCursor,
} from './administration.ts';
export { pauseBefore } from './backoff.ts';
export type {
  Backoff,
  Delivery,
  EngineCapabilities,
  EngineEvents,
  EngineHost,
  EngineJob,
  EngineLane,
  JobEnvelope,
  JobReference,
  JobState,
  LaneOptions,
  QueueEngine,
  QueueEngineFactory,
  Settlement,
  SqlExecutor,
} from './engine.ts';
export { NotificationsUnheardError, QueueUnavailableError } from './errors.ts';
export { isOutcome, type JobOutcome, type RemoteFailure } from './outcome.ts';
export { ServerClock } from './server-clock.ts';
