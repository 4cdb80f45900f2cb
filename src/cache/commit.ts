import { newStamp } from './stamp.ts';
import { reportBackgroundError } from '../channels/index.ts';
import type { Frame } from '../context/index.ts';
import type { Db } from '../database/index.ts';
import { addToOutbox } from '../outbox/index.ts';
import { type Outcome, registerWhole, type Scope, wholeUnit } from '../transaction/index.ts';
import { CacheUnavailableError } from './errors.ts';
import { type Change, Overlay } from './overlay.ts';
import type { CacheStore, TagState } from './store.ts';

/** A cache, as the commit of its store sees it. */
export interface Member {
  readonly name: string;
  /** The tag of every value of the cache. */
  readonly wholeTag: string;
  /** A tag that covers another one. */
  readonly wider: ((tag: string) => string) | undefined;
  /** Milliseconds. */
  readonly commitTimeout: number;
  readonly onCacheUnavailable: 'abort' | 'outbox';
}

/** What was announced, and what is to be stored when it is committed. */
interface Announced {
  readonly transaction: string;
  readonly tags: readonly string[];
  readonly stamp: string;
  readonly changes: ReadonlyMap<string, Change>;
  readonly clean: ReadonlyMap<string, TagState>;
}

/**
 * What the caches of one store have changed in a transaction. It is announced in one trip before the commit, however many caches
 * and tags there are, and ended in one after it.
 */
export class StoreCommit {
  readonly #store: CacheStore;
  readonly #db: Db;
  readonly #transaction = newStamp();
  readonly #overlays = new Map<Member, Overlay>();
  #announced: Announced | undefined;

  private constructor(store: CacheStore, db: Db) {
    this.#store = store;
    this.#db = db;
  }

  /** What a cache has changed in the transaction of a scope, if anything. */
  static find(store: CacheStore, member: Member, scope: Scope): Overlay | undefined {
    const commit = wholeUnit(scope).resources?.get(store);
    return commit instanceof StoreCommit ? commit.#overlays.get(member) : undefined;
  }

  /** What a cache is about to change in it. @param db a handle on the client of the transaction */
  static open(store: CacheStore, member: Member, scope: Scope, frame: Frame, db: Db): Overlay {
    const unit = wholeUnit(scope);
    unit.resources ??= new Map();
    const known = unit.resources.get(store);
    if (known instanceof StoreCommit) return known.#overlayOf(member, scope);
    const commit = new StoreCommit(store, db);
    registerWhole(scope, frame, {
      beforeCommit: () => commit.#announce(scope),
      completion: (outcome) => commit.#end(outcome),
    });
    unit.resources.set(store, commit);
    return commit.#overlayOf(member, scope);
  }

  #overlayOf(member: Member, scope: Scope): Overlay {
    const known = this.#overlays.get(member);
    if (known !== undefined) return known;
    const overlay = new Overlay(member.wholeTag, member.wider);
    scope.transaction.savepoints.observe({
      released: (savepoint) => overlay.released(savepoint),
      rolledBack: (savepoint) => overlay.rolledBack(savepoint),
    });
    this.#overlays.set(member, overlay);
    return overlay;
  }

  /** Locks what the transaction is about to change. @throws CacheUnavailableError, which rolls it back */
  async #announce(scope: Scope): Promise<void> {
    const members = [...this.#overlays.keys()];
    const overlays = [...this.#overlays.values()];
    const tags = overlays.flatMap((overlay) => overlay.dirty);
    const changes = new Map(overlays.flatMap((overlay) => [...overlay.changes()]));
    const timeout = Math.min(...members.map(({ commitTimeout }) => commitTimeout));
    const { clock } = scope.transaction.client;
    const deadline = clock.now() + timeout / 2;
    try {
      this.#announced = await announce(this.#store, this.#transaction, tags, changes, timeout);
      if (clock.now() > deadline) throw new Error('it took too long');
      this.#fence(scope, deadline, members);
    } catch (cause) {
      this.#announced = undefined;
      await leaveOrRefuse(this.#store, members, this.#db, tags, cause);
    }
  }

  /**
   * Has the server refuse the COMMIT of a process that was stopped after it had taken its locks, until they may have ended.
   * PostgreSQL alone can; elsewhere `commitTimeout` has to be long enough.
   */
  #fence({ transaction }: Scope, deadline: number, [member]: readonly Member[]): void {
    if (this.#store.isShared !== true) return;
    transaction.commitBy(deadline, (cause) =>
      unavailable(member, 'was told what is about to change, but the COMMIT came too late for it', cause),
    );
  }

  async #end(outcome: Outcome): Promise<void> {
    // Where nobody knows whether it is committed the locks end by themselves, and what was stored before stays dead.
    if (this.#announced === undefined || outcome === 'unknown') return;
    const changes = outcome === 'committed' ? this.#announced.changes : new Map<string, Change>();
    try {
      await settle(this.#store, { ...this.#announced, changes });
    } catch (error) {
      // The locks end by themselves; until then the database is read.
      reportBackgroundError({ source: `cache "${[...this.#overlays.keys()].map(({ name }) => name).join()}"`, error });
    }
  }
}

/** Outside of a transaction: as one that has nothing to commit. @throws CacheUnavailableError */
export async function changeAtOnce(
  store: CacheStore,
  member: Member,
  db: Db,
  tags: readonly string[],
  changes: ReadonlyMap<string, Change> = new Map(),
): Promise<void> {
  try {
    await settle(store, await announce(store, newStamp(), tags, changes, member.commitTimeout));
  } catch (cause) {
    await leaveOrRefuse(store, [member], db, tags, cause);
  }
}

async function announce(
  store: CacheStore,
  transaction: string,
  tags: readonly string[],
  changes: ReadonlyMap<string, Change>,
  timeout: number,
): Promise<Announced> {
  const stamp = newStamp();
  const clean = cleanStates(store, tags, changes);
  const prepared = store.prepare(transaction, tags, stamp, timeout);
  if (clean === undefined) await prepared;
  else await Promise.all([clean, prepared]);
  return { transaction, tags, stamp, changes, clean: (await clean) ?? new Map() };
}

/** What the other tags of what was set are before the commit; nothing where there are none. */
function cleanStates(
  store: CacheStore,
  tags: readonly string[],
  changes: ReadonlyMap<string, Change>,
): Promise<ReadonlyMap<string, TagState>> | undefined {
  const own = new Set(tags);
  const names = [...new Set([...changes.values()].flatMap((change) => change.tags).filter((tag) => !own.has(tag)))];
  if (names.length === 0) return undefined;
  return store
    .read('', names)
    .then(({ tags: states }) => new Map(states.map((state, index) => [names[index] ?? '', state])));
}

/** Ends the locks, and stores what was set; that is dead if anybody has changed its tags since. */
async function settle(store: CacheStore, { transaction, tags, stamp, changes, clean }: Announced): Promise<void> {
  const own = new Set(tags);
  const writes = [...changes].flatMap(([key, { payload, tags: of, ttl }]) => {
    if (payload === undefined || of.some((tag) => clean.get(tag)?.isLocked === true)) return [];
    return [{ key, stamps: of.map((tag) => (own.has(tag) ? stamp : (clean.get(tag)?.stamp ?? ''))), payload, ttl }];
  });
  // What could not be stored is loaded when it is asked for.
  await Promise.all([Promise.allSettled(writes.map((write) => store.write(write))), store.release(transaction, tags)]);
}

/** The channel of the outbox in which the changes wait that a store could not be told of. */
export function changesChannel(store: CacheStore): string {
  return `cache ${store.name ?? ''}`;
}

/** @throws CacheUnavailableError where one of the caches wants it rather than what is replaced a moment longer */
async function leaveOrRefuse(
  store: CacheStore,
  members: readonly Member[],
  db: Db,
  tags: readonly string[],
  cause: unknown,
): Promise<void> {
  const strict = members.find(({ onCacheUnavailable }) => onCacheUnavailable === 'abort');
  if (strict === undefined) {
    await addToOutbox(db, [{ channel: changesChannel(store), queue: 'changes', payload: { tags } }]);
    return;
  }
  throw unavailable(strict, 'could not be told what is about to change', cause);
}

function unavailable(member: Member | undefined, why: string, cause: unknown): CacheUnavailableError {
  return new CacheUnavailableError({
    what: `The cache "${member?.name ?? ''}" ${why}, so nothing was changed`,
    remedy: 'See the cause; look at the store of the cache, or repeat the transaction',
    cause,
  });
}
