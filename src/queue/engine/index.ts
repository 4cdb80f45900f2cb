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
export { NotificationsUnheardError, QueueUnavailableError } from './errors.ts';
export { isOutcome } from './outcome.ts';
