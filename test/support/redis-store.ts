import type { RedisStore } from '../../src/cache/redis/index.ts';
import { until } from './settled.ts';

/**
 * Waits until a store uses its Redis: one that meets a server for the first time waits until no lock can be left that it does not
 * know of. A read that the store gives up, as it does on a machine that has other things to do, is tried again.
 */
export async function untilUsed(store: Pick<RedisStore, 'read'>, tag = 'x'): Promise<void> {
  await until('the store uses its Redis', () =>
    store.read('', [tag]).then(
      ({ tags }) => tags[0]?.isLocked === false,
      () => false,
    ),
  );
}
