export { Cache, type CacheCallOptions, createCache, type SetOptions } from './cache.ts';
export { type CacheDefinition, type CacheKey, type CacheOptions, defineCache, type Serializer } from './definition.ts';
export { CacheUnavailableError, CacheValueTooLargeError } from './errors.ts';
export { MemoryStore } from './memory-store.ts';
export type { CacheStatistics } from './statistics.ts';
export type { CacheStore, Stored, StoreWrite, TagState } from './store.ts';
