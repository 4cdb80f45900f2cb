import { aFunction, type Check, readOptions } from '../../core/index.ts';
import type { CacheStore } from '../../cache/index.ts';
import type { CacheBench } from './cache-bench.ts';
import { cacheLockChecks } from './cache-lock-checks.ts';
import { cacheValueChecks } from './cache-value-checks.ts';
import { type ConformanceSuite, suiteChecks, suiteOf, type SuiteOptions } from './suite.ts';

/** What `cacheStoreSuite` is given. */
export interface CacheStoreSuiteOptions extends SuiteOptions {
  /** Gives a store that holds nothing, and that is usable at once. Called for each check. */
  readonly make: () => CacheStore | Promise<CacheStore>;
  /** Gives a store of another process, on the same place; for stores that processes share. */
  readonly share?: ((store: CacheStore) => CacheStore | Promise<CacheStore>) | undefined;
  /** Ends a store after its check. */
  readonly close?: ((store: CacheStore) => Promise<void>) | undefined;
}

const checks: Record<keyof CacheStoreSuiteOptions, Check> = {
  ...suiteChecks,
  make: aFunction,
  share: aFunction,
  close: aFunction,
};

/**
 * Checks a cache store: values, stamps, the locks of transactions that commit, and what it may have besides (`find`, `look`,
 * `lease`, `feed`).
 * @throws InvalidOptionError
 */
export function cacheStoreSuite(options: CacheStoreSuiteOptions): ConformanceSuite {
  const { name, timeout, make, share, close } = readOptions('cacheStoreSuite', options, checks, ['name', 'make']);
  return suiteOf<CacheBench & { readonly opened: CacheStore[] }>({
    name,
    timeout,
    port: 'cache store',
    page: 'docs/extending.md#rules-for-a-cache-store',
    checks: [...cacheValueChecks, ...cacheLockChecks],
    has: () => share !== undefined,
    async open() {
      const store = await make();
      const opened = [store];
      return {
        store,
        opened,
        async share() {
          const other = (await share?.(store)) ?? store;
          opened.push(other);
          return other;
        },
      };
    },
    async close({ opened }) {
      for (const store of opened) await close?.(store);
    },
  });
}
