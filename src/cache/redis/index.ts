export type { IoRedisLike, IoRedisSubscriberLike, NodeRedisLike, NodeRedisSubscriberLike } from './client.ts';
export { RedisStore, type RedisStoreOptions } from './store.ts';
