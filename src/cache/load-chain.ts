import { AsyncLocalStorage } from 'node:async_hooks';
import { sharedByCopies } from '../core/index.ts';
import { CacheLoadCircleError } from './errors.ts';

/** A load that runs, and the one that it runs in. */
interface Link {
  readonly cache: string;
  /** Where the value meets those of other caches of the same name: what has both is the same value. */
  readonly store: object;
  readonly key: string;
  readonly around: Link | undefined;
  hasEnded: boolean;
}

const chain = sharedByCopies('cache-loads', () => new AsyncLocalStorage<Link>());
/** The most caches that an error names. */
const mostNamed = 10;

/** The load that this is part of. What a load has left running when it ended is part of those around it alone. */
function innermost(): Link | undefined {
  let link = chain.getStore();
  while (link?.hasEnded === true) link = link.around;
  return link;
}

/** Whether this is part of a load. */
export function isInLoad(): boolean {
  return innermost() !== undefined;
}

/**
 * Runs a load as part of those around it.
 * @param key the whole name of the value in its store
 * @throws CacheLoadCircleError for one that is part of itself: it would never end
 */
export async function runInChain<Result>(
  { cache, store, key }: Pick<Link, 'cache' | 'store' | 'key'>,
  load: () => Promise<Result> | Result,
): Promise<Result> {
  const around = innermost();
  const names = [cache];
  for (let link = around; link !== undefined; link = link.around) {
    if (link.hasEnded) continue;
    names.unshift(link.cache);
    if (link.store === store && link.key === key) throw circle(names);
  }
  const link: Link = { cache, store, key, around, hasEnded: false };
  try {
    return await chain.run(link, load);
  } finally {
    link.hasEnded = true;
  }
}

function circle(names: readonly string[]): CacheLoadCircleError {
  const shown = names.slice(-mostNamed).map((name) => `"${name}"`);
  return new CacheLoadCircleError({
    what: `A load of the cache ${shown.at(-1)} depends on itself and would never end: ${names.length > mostNamed ? '… → ' : ''}${shown.join(' → ')}, with the same key at both ends`,
    remedy: 'Let one of these loads read the database instead of the cache',
  });
}
