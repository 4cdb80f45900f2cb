import { newStamp } from './stamp.ts';
import { reportBackgroundError } from '../channels/index.ts';
import type { Db } from '../database/index.ts';
import { addToOutbox } from '../outbox/index.ts';
import type { Outcome } from '../connection/index.ts';
import type { InScope, Participant } from '../hooks/index.ts';
import { participate, type Scope, wholeUnit } from '../transaction/index.ts';
import { CacheUnavailableError } from './errors.ts';
import { type NewValue, Overlay } from './overlay.ts';
import type { CacheStore, Locked, TagState } from './store.ts';

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
  readonly locked: Locked;
  readonly values: NewValues;
  readonly clean: ReadonlyMap<string, TagState>;
}

/** By key. */
type NewValues = ReadonlyMap<string, NewValue>;

const noValues: NewValues = new Map();

/**
 * What the caches of one store have changed in a transaction. It is announced in one trip before the commit, however many caches
 * and tags there are, and ended in one after it.
 */
export class StoreCommit implements Participant {
  readonly #store: CacheStore;
  readonly #scope: Scope;
  readonly #db: Db;
  readonly #transaction = newStamp();
  // Private to the type alone: the caches of several copies of the package may share a store and a transaction.
  private readonly overlays = new Map<Member, Overlay>();
  #announced: Announced | undefined;
  #outcome: Outcome | undefined;

  private constructor(store: CacheStore, scope: Scope, db: Db) {
    this.#store = store;
    this.#scope = scope;
    this.#db = db;
  }

  /** What a cache has changed in the transaction of a scope, if anything. */
  static find(store: CacheStore, member: Member, scope: Scope): Overlay | undefined {
    const commit = wholeUnit(scope).resources?.get(store);
    return (commit as StoreCommit | undefined)?.overlays.get(member);
  }

  /** What a cache is about to change in it. @param db a handle on the client of the transaction */
  static open(store: CacheStore, member: Member, scope: Scope, db: Db): Overlay {
    const unit = wholeUnit(scope);
    unit.resources ??= new Map();
    const known = unit.resources.get(store);
    if (known !== undefined) return (known as StoreCommit).overlayOf(member);
    const commit = new StoreCommit(store, scope, db);
    participate(scope, commit);
    unit.resources.set(store, commit);
    return commit.overlayOf(member);
  }

  private overlayOf(member: Member): Overlay {
    const known = this.overlays.get(member);
    if (known !== undefined) return known;
    const overlay = new Overlay(member.wholeTag, member.wider);
    this.#scope.transaction.savepoints.observe(overlay);
    this.overlays.set(member, overlay);
    return overlay;
  }

  /** Locks what the transaction is about to change. @throws CacheUnavailableError, which rolls it back */
  async prepare(inScope: InScope): Promise<void> {
    const tags: string[] = [];
    const values = new Map<string, NewValue>();
    let timeout = Number.POSITIVE_INFINITY;
    for (const [member, overlay] of this.overlays) {
      tags.push(...overlay.dirty);
      for (const [key, value] of overlay.values()) values.set(key, value);
      timeout = Math.min(timeout, member.commitTimeout);
    }
    const { clock } = this.#scope.transaction.client;
    const deadline = clock.now() + timeout / 2;
    try {
      this.#announced = await announce(this.#store, this.#transaction, tags, values, timeout);
      // The transaction was cancelled and has ended during the announcement.
      if (this.#outcome !== undefined) return this.end(this.#outcome);
      if (clock.now() > deadline) throw new Error('it took too long');
      this.#fence(deadline);
    } catch (cause) {
      if (this.#outcome !== undefined) return;
      await inScope(() => leaveOrRefuse(this.#store, [...this.overlays.keys()], this.#db, tags, cause));
      // It commits all the same, when locks that were taken too late may be over: they end by themselves.
      this.#announced = undefined;
    }
  }

  /**
   * Has the server refuse the COMMIT of a process that was stopped after it had taken its locks, until they may have ended.
   * PostgreSQL alone can; elsewhere `commitTimeout` has to be long enough.
   */
  #fence(deadline: number): void {
    if (this.#store.isShared !== true) return;
    this.#scope.transaction.commitBy(deadline, (cause) => {
      const [member] = this.overlays.keys();
      return unavailable(member, 'was told what is about to change, but the COMMIT came too late for it', cause);
    });
  }

  end(outcome: Outcome): void {
    this.#outcome = outcome;
    // With an unknown outcome the locks expire by themselves, and what was stored before stays dead.
    if (this.#announced === undefined || outcome === 'unknown') return;
    void this.#settle(this.#announced, outcome === 'committed' ? this.#announced.values : noValues);
  }

  /** Reads of this process come after it, and other processes read the database until then: only `close()` waits for it. */
  async #settle(announced: Announced, values: NewValues): Promise<void> {
    const { work } = this.#scope.transaction.client;
    work.add(this);
    await settleOrTell(this.#store, this.overlays.keys(), announced, values);
    work.delete(this);
  }

  /** It ends by itself: the store has a limit for each command. */
  abort(): void {}
}

/** Outside of a transaction: as one that has nothing to commit. @throws CacheUnavailableError */
export async function changeAtOnce(
  store: CacheStore,
  member: Member,
  db: Db,
  tags: readonly string[],
  values: NewValues = noValues,
): Promise<void> {
  let announced: Announced;
  try {
    announced = await announce(store, newStamp(), tags, values, member.commitTimeout);
  } catch (cause) {
    await leaveOrRefuse(store, [member], db, tags, cause);
    return;
  }
  await settleOrTell(store, [member], announced, values);
}

/** It is done when it was announced, whatever comes then: the locks end by themselves, and until then the database is read. */
async function settleOrTell(
  store: CacheStore,
  members: Iterable<Member>,
  announced: Announced,
  values: NewValues,
): Promise<void> {
  try {
    await settle(store, announced, values);
  } catch (error) {
    const names = Array.from(members, ({ name }) => name);
    reportBackgroundError({ source: `cache "${names.join()}"`, error });
  }
}

async function announce(
  store: CacheStore,
  transaction: string,
  tags: readonly string[],
  values: NewValues,
  timeout: number,
): Promise<Announced> {
  const others = tagsBesides(tags, values);
  if (others.length === 0) {
    const locked = await store.prepare(transaction, tags, timeout);
    return { transaction, tags, locked, values, clean: new Map() };
  }
  const [{ tags: states }, locked] = await Promise.all([
    store.read('', others),
    store.prepare(transaction, tags, timeout),
  ]);
  const clean = new Map(states.map((state, index) => [others[index] ?? '', state]));
  return { transaction, tags, locked, values, clean };
}

/** The tags of what was set that are not changed themselves. */
function tagsBesides(tags: readonly string[], values: NewValues): readonly string[] {
  if (values.size === 0) return [];
  const own = new Set(tags);
  return [...new Set([...values.values()].flatMap((value) => value.tags).filter((tag) => !own.has(tag)))];
}

/** Ends the locks, and stores `values`; what was set is dead if anybody has changed its tags since. */
async function settle(
  store: CacheStore,
  { transaction, tags, locked: { stamps, epoch }, clean }: Announced,
  values: NewValues,
): Promise<void> {
  if (values.size === 0 || stamps.length === 0) {
    await store.release(transaction, tags);
    return;
  }
  const own = new Map(tags.map((tag, index) => [tag, stamps[index] ?? '']));
  const writes = [...values].flatMap(([key, { payload, tags: of, ttl }]) => {
    if (of.some((tag) => clean.get(tag)?.isLocked === true)) return [];
    return [{ key, stamps: of.map((tag) => own.get(tag) ?? clean.get(tag)?.stamp ?? ''), payload, ttl, epoch }];
  });
  // What could not be stored is loaded when it is asked for.
  await Promise.all([Promise.allSettled(writes.map((write) => store.write(write))), store.release(transaction, tags)]);
}

/** The channel of the outbox for changes that could not be sent to the store. */
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
    remedy: 'See the cause. Check the store of the cache, or repeat the transaction',
    cause,
  });
}
