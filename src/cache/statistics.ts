import { CacheTrace, cacheTrace, isWatched } from '../channels/index.ts';
import { chainIdOf, frameOfCall } from '../context/index.ts';

/** What a cache in this process has done since it was made. */
export interface CacheStatistics {
  /** Reads that the cache has answered. */
  readonly hits: number;
  /** Reads for which it had no value that is good. */
  readonly misses: number;
  /**
   * Reads that it left to the database: a transaction was committing what they read, had changed it itself or reads a
   * snapshot, or the store did not answer.
   */
  readonly bypasses: number;
  /** Calls of `load`; concurrent calls that share one count once. */
  readonly loads: number;
  /** Commands that the store did not carry out, stored values that cannot be read, and values that were too large. */
  readonly failures: number;
  /** Copies in the memory of this process now, with `memory`. */
  readonly copies: number;
}

export type Counters = { -readonly [Name in Exclude<keyof CacheStatistics, 'copies'>]: number };

export function newCounters(): Counters {
  return { hits: 0, misses: 0, bypasses: 0, loads: 0, failures: 0 };
}

/** Runs a call of a cache as those who look on see it. @param isHit says whether what it came to was in the cache */
export function watched<Result>(
  cache: string,
  operation: CacheTrace['operation'],
  run: () => Promise<Result>,
  isHit?: (result: Result) => boolean,
): Promise<Result> {
  if (!isWatched(cacheTrace)) return run();
  const frame = frameOfCall();
  const open = frame?.innermost;
  const place = { parentId: open?.record.id, chainId: chainIdOf(frame), level: open?.level };
  const event = new CacheTrace({ ...place, clientName: open?.client.name, name: `cache ${cache}`, cache, operation });
  return cacheTrace.run(event, run, (result) => (event.hit = isHit?.(result)));
}
