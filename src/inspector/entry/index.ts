// What programs use; the page of the inspector has the types of its snapshots in addition.
export {
  type FleetBus,
  type FleetMember,
  type Inspector,
  InspectorNotStartedError,
  type InspectorOptions,
  joinFleet,
  type JoinFleetOptions,
  startInspector,
  type WatchedCache,
  type WatchedJobs,
  type WatchedQueue,
} from '../index.ts';
