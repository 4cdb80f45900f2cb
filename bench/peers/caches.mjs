// BentoCache, as its documentation says: with a layer in Redis, with one in memory in front of it, and in memory alone.
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { Redis } from 'ioredis';

export function openBentoCache(redisUrl, prefix, max) {
  const connection = new Redis(redisUrl);
  const { host, port } = connection.options;
  const l2 = redisDriver({ connection, prefix });
  const bento = new BentoCache({
    default: 'shared',
    ttl: '1h',
    stores: {
      shared: bentostore().useL2Layer(l2),
      layered: bentostore()
        .useL1Layer(memoryDriver({ maxItems: max }))
        .useL2Layer(l2)
        .useBus(redisBusDriver({ connection: { host, port } })),
      local: bentostore().useL1Layer(memoryDriver({ maxItems: max })),
    },
  });
  return {
    shared: bento.use('shared'),
    layered: bento.use('layered'),
    local: bento.use('local'),
    async close() {
      await bento.disconnectAll();
      connection.disconnect();
    },
  };
}
