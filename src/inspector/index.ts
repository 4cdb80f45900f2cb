export { pageAsset } from './page/index.ts';
export { InspectorNotStartedError } from './errors.ts';
export type { FleetBus } from './fleet/bus.ts';
export { type FleetMember, joinFleet } from './join-fleet.ts';
export type { WatchedCache } from './look/own-process.ts';
export type { WatchedJobs, WatchedQueue } from './desks/jobs-desk.ts';
export type { InspectorOptions, JoinFleetOptions } from './options.ts';
export { type Inspector, startInspector } from './start-inspector.ts';
export type {
  ActionAnswer,
  ActionName,
  ApiFailure,
  ChannelView,
  HolderGroup,
  HolderView,
  JobList,
  JobView,
  MessageView,
  OutboxList,
  Percentiles,
  Point,
  PoolView,
  ProcessView,
  SagaDetailView,
  SagaList,
  SagaView,
  SessionView,
  Snapshot,
  TransactionHistory,
} from './snapshot.ts';
