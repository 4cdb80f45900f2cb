import {
  type Check,
  className,
  InvalidOptionError,
  madeFirst,
  sharedByCopies,
  text,
  withMethods,
} from '../core/index.ts';
import type { Database } from '../database/index.ts';
import type { CacheStore, ChangeFeed } from './store.ts';

const duties = withMethods('read', 'write', 'prepare', 'release');

function storeCheck(value: unknown): string | undefined {
  const lacking = duties(value);
  if (lacking !== undefined) return lacking;
  const store = value as Readonly<Record<string, unknown>>;
  const wrong = ['find', 'look', 'lease'].find(
    (name) => store[name] !== undefined && typeof store[name] !== 'function',
  );
  return wrong === undefined ? undefined : `a store whose "${wrong}" is a function, or left out`;
}

/** A store with all that it has to have; what it may have besides is checked too. */
export const aStore: Check = madeFirst('A cache', 'store', storeCheck);

/** The name of a store is part of the name of a channel. */
const aName = text(150);
const share = 'Give a store that processes share (isShared: true) and that has a name, such as a RedisStore';

/** By name, the stores of a database whose changes may wait in its outbox. */
const named = sharedByCopies('outbox-stores', () => new WeakMap<Database, Map<string, CacheStore>>());

/**
 * Checks that the changes of a store can wait in the outbox, if they are to: that `createChangesRelay` finds them by its name, and
 * no other store of the database has that name. For options that hold those of a cache.
 * @param owner who is given the store
 * @throws InvalidOptionError
 */
export function checkStoreOf(
  database: Database,
  owner: string,
  {
    store,
    onCacheUnavailable,
  }: { readonly store?: CacheStore | undefined; readonly onCacheUnavailable?: 'abort' | 'outbox' | undefined },
): void {
  if (onCacheUnavailable !== 'outbox') return;
  const user = `${owner} with onCacheUnavailable: 'outbox'`;
  if (store === undefined) throw refused(user, 'the default store, which is in this process alone', share);
  const name = checkOutboxStore(user, store);
  const stores = named.get(database) ?? new Map<string, CacheStore>();
  named.set(database, stores);
  const known = stores.get(name);
  if (known !== undefined && known !== store) {
    throw refused(
      user,
      'a second store of one name: in the outbox their changes could not be told apart',
      'Give all caches the same store object, or each store a name of its own (of a RedisStore that is its "prefix")',
    );
  }
  stores.set(name, store);
}

/** @returns the name of the store. @throws InvalidOptionError for a store that no relay could find, or has to be told */
export function checkOutboxStore(owner: string, store: CacheStore): string {
  const which = `the store ${className(store) ?? '(a plain object)'}`;
  if (store.isShared !== true)
    throw refused(owner, `${which}, whose "isShared" is not true: no other process uses it`, share);
  if (store.name !== undefined && aName(store.name) === undefined) return store.name;
  throw refused(
    owner,
    `${which} without a usable "name": in the outbox its changes could not be told from those of others`,
    `Give the store a name that is the same in every process: ${aName(store.name)}`,
  );
}

const aFeed = withMethods('listen', 'prove');

/** What tells the copies of a cache what has changed. @throws InvalidOptionError for a store without one */
export function feedOf(cache: string, { feed }: CacheStore): ChangeFeed {
  const owner = `The cache "${cache}" with the option "memory"`;
  const remedy = 'Give a store with a "feed" (a RedisStore has one with a "subscriber"), or leave "memory" out';
  if (feed === undefined) throw refused(owner, 'a store that does not report changes', remedy);
  const lacking = aFeed(feed);
  if (lacking !== undefined) throw refused(owner, 'a store whose "feed" cannot be used', `Give it ${lacking}`);
  return feed;
}

function refused(owner: string, what: string, remedy: string): InvalidOptionError {
  return new InvalidOptionError({ what: `${owner} got ${what}`, remedy });
}
