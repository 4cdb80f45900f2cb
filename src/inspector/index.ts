export { pageAsset } from './page/index.ts';
export { InspectorNotStartedError } from './errors.ts';
export type { FleetBus } from './fleet/bus.ts';
export { type FleetMember, joinFleet } from './join-fleet.ts';
export type { WatchedCache } from './look/own-process.ts';
export type { WatchedJobs, WatchedQueue } from './desks/jobs-desk.ts';
export type { InspectorOptions, JoinFleetOptions } from './options.ts';
export { type Inspector, startInspector } from './start-inspector.ts';
export type {
  ApiFailure,
  HolderGroup,
  HolderView,
  Percentiles,
  Point,
  PoolView,
  ProcessView,
  SessionView,
  Snapshot,
  TransactionHistory,
} from './snapshot.ts';
export type {
  ActionAnswer,
  ActionName,
  ChannelView,
  JobList,
  JobView,
  MessageView,
  OutboxList,
  PublicationList,
  PublicationView,
  ReceivedList,
  ReceivedView,
  SagaDetailView,
  SagaList,
  SagaView,
} from './work-views.ts';
