import { newStamp } from './stamp.ts';
import {
  type Check,
  integer,
  InvalidOptionError,
  longestTimer,
  readOptions,
  text,
  withMethods,
} from '../core/index.ts';
import { checkDatabase, type Database } from '../database/index.ts';
import { createRelay, type OutboxMessage, type Relay, RelayUnavailableError } from '../outbox/index.ts';
import { changesChannel } from './commit.ts';
import type { CacheStore } from './store.ts';

/** Options of `createChangesRelay`. */
export interface ChangesRelayOptions {
  /** The store that could not be told; one that is shared, of caches with `onCacheUnavailable: 'outbox'`. */
  readonly store: CacheStore;
  /** The client whose outbox the changes are in. Default: the default one. */
  readonly clientName?: string | undefined;
  /** How often the outbox is looked at, in milliseconds. Default 500. */
  readonly pollInterval?: number | undefined;
}

const checks: Record<keyof ChangesRelayOptions, Check> = {
  store: withMethods('prepare', 'release'),
  clientName: text(200),
  pollInterval: integer(10, longestTimer),
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
 * @throws InvalidOptionError
 */
export function createChangesRelay(database: Database, options: ChangesRelayOptions): Relay {
  checkDatabase('createChangesRelay', database);
  const { store, ...others } = readOptions('createChangesRelay', options, checks, ['store']);
  if (store.isShared !== true) {
    throw new InvalidOptionError({
      what: 'createChangesRelay got a store that is not shared between processes',
      remedy: 'Give the shared store of the caches, such as a RedisStore',
    });
  }
  const tell = async (messages: readonly OutboxMessage[]): Promise<void> => {
    const tags = [...new Set(messages.flatMap(tagsOf))];
    const transaction = newStamp();
    try {
      await store.prepare(transaction, tags, lockTime);
      await store.release(transaction, tags);
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
