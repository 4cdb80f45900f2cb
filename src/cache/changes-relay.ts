import { type Check, madeFirst, readOptions, text, withMethods, milliseconds } from '../core/index.ts';
import { checkDatabase, type Database } from '../database/index.ts';
import { createRelay, type OutboxMessage, type Relay, RelayUnavailableError } from '../outbox/index.ts';
import { CheckedStore } from './checked-store.ts';
import { changesChannel } from './commit.ts';
import { checkOutboxStore } from './store-argument.ts';
import { type CacheStore, newStamp } from './store.ts';

/** Options of `createChangesRelay`. */
export interface ChangesRelayOptions {
  /** The store that could not be told, of caches with `onCacheUnavailable: 'outbox'`: it has `isShared: true`, and a `name`. */
  readonly store: CacheStore;
  /** The client whose outbox the changes are in. Default: the default one. */
  readonly clientName?: string | undefined;
  /** How often the outbox is looked at, in milliseconds. Default 500. */
  readonly pollInterval?: number | undefined;
  /** The longest that a call of the store may take, in milliseconds; after that the store counts as unavailable. Default 1,000. */
  readonly storeTimeout?: number | undefined;
}

const checks: Record<keyof ChangesRelayOptions, Check> = {
  store: madeFirst('createChangesRelay', 'store', withMethods('prepare', 'release')),
  clientName: text(200),
  pollInterval: milliseconds(10),
  storeTimeout: milliseconds(1),
};

/** How long tags are locked while they get their new stamps, in milliseconds. */
const lockTime = 1_000;

/**
 * Tells a store what was committed while it was away: `start()` it in one process at least, `stop()` it before the database
 * is closed.
 *
 * ```ts
 * const relay = createChangesRelay(database, { store });
 * relay.start();
 * ```
 * @throws also for a store that no other process uses (its `isShared` is not true), or that has no `name`
 */
export function createChangesRelay(database: Database, options: ChangesRelayOptions): Relay {
  checkDatabase('createChangesRelay', database);
  const { store, storeTimeout = 1_000, ...others } = readOptions('createChangesRelay', options, checks, ['store']);
  checkOutboxStore('createChangesRelay', store);
  const checked = new CheckedStore({ store, user: 'changes relay', timeout: storeTimeout });
  const tell = async (messages: readonly OutboxMessage[]): Promise<void> => {
    const tags = [...new Set(messages.flatMap(tagsOf))];
    const transaction = newStamp();
    try {
      await checked.prepare(transaction, tags, lockTime);
      await checked.release(transaction, tags);
    } catch (cause) {
      throw new RelayUnavailableError({
        what: 'The changes of a cache could not be sent to its store',
        remedy: 'They stay in the outbox and are tried again. Check that the store answers',
        cause,
      });
    }
  };
  return createRelay(database, { channel: changesChannel(store), deliver: tell, ...others });
}

function tagsOf({ payload }: OutboxMessage): string[] {
  const { tags } = (payload ?? {}) as { tags?: unknown };
  return Array.isArray(tags) ? tags.map(String) : [];
}
