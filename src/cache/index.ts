export type { CacheCallOptions, LoadOptions, SetOptions } from './call.ts';
export { Cache, createCache } from './cache.ts';
export { type ChangesRelayOptions, createChangesRelay } from './changes-relay.ts';
export {
  cacheChecks,
  type CacheDefinition,
  type CacheKey,
  type CacheOptions,
  defineCache,
  richJson,
  type Serializer,
} from './definition.ts';
export {
  CacheLoadCircleError,
  CacheLoadTimeoutError,
  CacheStoreError,
  CacheUnavailableError,
  CacheValueTooLargeError,
} from './errors.ts';
export { MemoryStore } from './memory-store.ts';
export type { MemoryOptions } from './near.ts';
export type { CacheStatistics } from './statistics.ts';
export {
  type CacheStore,
  type ChangeFeed,
  type ChangeListener,
  type Locked,
  newStamp,
  type Stored,
  type StoreRead,
  type StoreWrite,
  type TagState,
} from './store.ts';
export { checkStoreOf } from './store-argument.ts';
