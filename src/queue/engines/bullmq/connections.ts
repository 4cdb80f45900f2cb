import * as ioredis from 'ioredis';
import type { Redis, RedisOptions } from 'ioredis';

/** The first versions of ioredis 5 have it as their default alone. */
export const RedisClient: typeof Redis =
  (ioredis as Partial<typeof ioredis>).Redis ?? (ioredis.default as unknown as typeof Redis);

/**
 * Stops the timer of `socketTimeout` when a connection closes. ioredis 5 leaves it running where a command is unanswered, as one
 * that waits for jobs always is: it keeps the process alive until it ends, and then cuts the connection that came next.
 */
export function stopTimerAtClose(redis: Redis): Redis {
  const holder = redis as unknown as { socketTimeoutTimer?: NodeJS.Timeout | undefined };
  redis.on('close', () => {
    clearTimeout(holder.socketTimeoutTimer);
    holder.socketTimeoutTimer = undefined;
  });
  return redis;
}

/** Notes the copies that are made of a connection from now on: BullMQ makes them, and keeps them to itself. */
export function noteCopies(redis: Redis): ReadonlySet<Redis> {
  const copies = new Set<Redis>();
  redis.duplicate = (override?: Partial<RedisOptions>): Redis => {
    const copy = stopTimerAtClose(new RedisClient({ ...redis.options, ...override }));
    copies.add(copy);
    return copy;
  };
  return copies;
}

/**
 * Ends a connection, so that what waits for an answer of it fails. One that pauses before it connects again has to begin
 * with that first: ioredis would only stop its timer, and keep all that waits waiting.
 */
export function endConnection(redis: Redis): void {
  if (redis.status === 'end') return;
  if (redis.status === 'reconnecting') redis.connect().catch(() => {});
  redis.disconnect();
}
