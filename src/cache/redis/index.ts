export type { IoRedisLike, NodeRedisLike } from './client.ts';
export { RedisStore, type RedisStoreOptions } from './store.ts';
