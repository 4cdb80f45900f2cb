import type { ToldSecond } from '../measure/tally.ts';
import type { CacheView, HolderGroup, HolderView, PoolView, ProcessIdentity } from '../snapshot.ts';

/** Those of a process who have a connection or wait for one. */
export interface ToldHolders {
  readonly shown: readonly Omit<HolderView, 'processId'>[];
  readonly groups: readonly Omit<HolderGroup, 'processId'>[];
  readonly total: number;
  readonly waiting: number;
  readonly leftOut: number;
  /** How many milliseconds lie between the look and the question that this answers: a look at very many answers several. */
  readonly lookedAgo: number;
}

/** What a process reports. */
export interface ProcessReport {
  readonly identity: ProcessIdentity;
  readonly pools: readonly PoolView[];
  readonly caches: readonly CacheView[];
  readonly holders: ToldHolders;
  /** The server's numbers of all its connections: they are no sessions of others. */
  readonly backends: readonly number[];
  readonly seconds: readonly ToldSecond[];
  /** What could not be found out, in words. */
  readonly problems: readonly string[];
}
