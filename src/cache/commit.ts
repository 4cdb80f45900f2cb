import { reportBackgroundError } from '../channels/index.ts';
import type { Db } from '../database/index.ts';
import { addToOutbox } from '../outbox/index.ts';
import type { Outcome } from '../connection/index.ts';
import { type InScope, type Participant, participate, type Scope, wholeUnit } from '../transaction/index.ts';
import type { CheckedStore } from './checked-store.ts';
import { CacheStoreError, CacheUnavailableError } from './errors.ts';
import { type NewValue, Overlay } from './overlay.ts';
import { type CacheStore, type Locked, newStamp, type TagState } from './store.ts';

/** A cache, as the commit of its store sees it. */
export interface Member {
  readonly name: string;
  readonly store: CheckedStore;
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

/** What was set, and the store as the cache calls it in which it was set. */
interface SetValue {
  readonly value: NewValue;
  readonly store: CheckedStore;
}

/** By key. */
type NewValues = ReadonlyMap<string, SetValue>;

const noValues: NewValues = new Map();

/**
 * What the caches of one store have changed in a transaction. It is announced in one trip before the commit, however many caches
 * and tags there are, and ended in one after it.
 */
export class StoreCommit implements Participant {
  readonly #scope: Scope;
  readonly #db: Db;
  readonly #transaction = newStamp();
  // Private to the type alone: the caches of several copies of the package may share a store and a transaction.
  private readonly overlays = new Map<Member, Overlay>();
  #announced: Announced | undefined;
  #outcome: Outcome | undefined;

  private constructor(scope: Scope, db: Db) {
    this.#scope = scope;
    this.#db = db;
  }

  /** What a cache has changed in the transaction of a scope, if anything. */
  static find(member: Member, scope: Scope): Overlay | undefined {
    const commit = wholeUnit(scope).resources?.get(member.store.store);
    return (commit as StoreCommit | undefined)?.overlays.get(member);
  }

  /** What a cache is about to change in it. @param db a handle on the client of the transaction */
  static open(member: Member, scope: Scope, db: Db): Overlay {
    const unit = wholeUnit(scope);
    const { store } = member.store;
    unit.resources ??= new Map();
    const known = unit.resources.get(store);
    if (known !== undefined) return (known as StoreCommit).overlayOf(member);
    const commit = new StoreCommit(scope, db);
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
    const members = [...this.overlays.keys()];
    const tags: string[] = [];
    const values = new Map<string, SetValue>();
    for (const [{ store }, overlay] of this.overlays) {
      tags.push(...overlay.dirty);
      for (const value of overlay.values()) values.set(value.key, { value, store });
    }
    const timeout = Math.min(...members.map(({ commitTimeout }) => commitTimeout));
    const { clock } = this.#scope.transaction.client;
    const deadline = clock.now() + timeout / 2;
    try {
      this.#announced = await announce(strictest(members), this.#transaction, tags, values, timeout);
      // The transaction was cancelled and has ended during the announcement.
      if (this.#outcome !== undefined) return this.end(this.#outcome);
      if (clock.now() > deadline) throw new Error(`It took longer than half of the commitTimeout of ${timeout} ms`);
      this.#fence(deadline);
    } catch (cause) {
      if (this.#outcome !== undefined) return;
      await inScope(() => leaveOrRefuse(members, this.#db, tags, cause));
      // It commits all the same, when locks that were taken too late may be over: they end by themselves.
      this.#announced = undefined;
    }
  }

  /**
   * Has the server refuse the COMMIT of a process that was stopped after it had taken its locks, until they may have ended.
   * PostgreSQL alone can; elsewhere `commitTimeout` has to be long enough.
   */
  #fence(deadline: number): void {
    const [member] = this.overlays.keys();
    if (member?.store.store.isShared !== true) return;
    this.#scope.transaction.commitBy(deadline, (cause) =>
      unavailable(member, 'was told what is about to change, but the COMMIT came too late for it', cause, this.#db),
    );
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
    await settleOrTell([...this.overlays.keys()], announced, values);
    work.delete(this);
  }

  /** It ends by itself: each call of the store has a limit. */
  abort(): void {}
}

/** Outside of a transaction: as one that has nothing to commit. @throws CacheUnavailableError */
export async function changeAtOnce(member: Member, db: Db, tags: readonly string[], value?: NewValue): Promise<void> {
  const { store, commitTimeout } = member;
  const values = value === undefined ? noValues : new Map([[value.key, { value, store }]]);
  let announced: Announced;
  try {
    announced = await announce(store, newStamp(), tags, values, commitTimeout);
  } catch (cause) {
    await leaveOrRefuse([member], db, tags, cause);
    return;
  }
  await settleOrTell([member], announced, values);
}

/** The one whose calls have the shortest limit. */
function strictest(members: readonly Member[]): CheckedStore {
  return members.map(({ store }) => store).reduce((one, other) => (other.timeout < one.timeout ? other : one));
}

/** It is done when it was announced, whatever comes then: the locks end by themselves, and until then the database is read. */
async function settleOrTell(members: readonly Member[], announced: Announced, values: NewValues): Promise<void> {
  try {
    await settle(strictest(members), announced, values);
  } catch (error) {
    reportBackgroundError({ source: `cache "${members.map(({ name }) => name).join()}"`, error });
  }
}

async function announce(
  store: CheckedStore,
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
  const [states, locked] = await Promise.all([statesOf(store, others), store.prepare(transaction, tags, timeout)]);
  const clean = new Map(states.map((state, index) => [others[index] ?? '', state]));
  return { transaction, tags, locked, values, clean };
}

/** None where the store does not tell: then nothing is stored under them. */
async function statesOf(store: CheckedStore, tags: readonly string[]): Promise<readonly TagState[]> {
  try {
    return (await store.read('', tags)).tags;
  } catch (error) {
    store.report('read', error);
    return [];
  }
}

/** The tags of what was set that are not changed themselves. */
function tagsBesides(tags: readonly string[], values: NewValues): readonly string[] {
  if (values.size === 0) return [];
  const own = new Set(tags);
  return [...new Set([...values.values()].flatMap(({ value }) => value.tags).filter((tag) => !own.has(tag)))];
}

/** Ends the locks, and stores `values`; what was set is dead if anybody has changed its tags since. */
async function settle(
  store: CheckedStore,
  { transaction, tags, locked: { stamps, epoch }, clean }: Announced,
  values: NewValues,
): Promise<void> {
  if (values.size === 0 || stamps.length === 0) {
    await store.release(transaction, tags);
    return;
  }
  const known = new Map([...clean].map(([tag, { stamp, isLocked }]) => [tag, isLocked ? undefined : stamp]));
  for (const [index, tag] of tags.entries()) known.set(tag, stamps[index]);
  const writes = [...values].map(async ([key, { value, store: own }]) => {
    const under = value.tags.map((tag) => known.get(tag)).filter((stamp) => stamp !== undefined);
    if (under.length < value.tags.length) return;
    await own.keep({ key, stamps: under, payload: value.payload, ttl: value.ttl, epoch });
  });
  await Promise.all([...writes, store.release(transaction, tags)]);
}

/** The channel of the outbox for changes that could not be sent to the store. */
export function changesChannel(store: CacheStore): string {
  return `cache ${store.name ?? ''}`;
}

/** @throws CacheUnavailableError where one of the caches wants it rather than what is replaced a moment longer */
async function leaveOrRefuse(
  members: readonly Member[],
  db: Db,
  tags: readonly string[],
  cause: unknown,
): Promise<void> {
  const strict = members.find(({ onCacheUnavailable }) => onCacheUnavailable === 'abort');
  if (strict !== undefined) throw unavailable(strict, 'could not be told what is about to change', cause, db);
  const { store } = strictest(members);
  strictest(members).report('prepare', cause);
  await addToOutbox(db, [{ channel: changesChannel(store), queue: 'changes', payload: { tags } }]);
}

function unavailable(member: Member, why: string, cause: unknown, db: Db): CacheUnavailableError {
  const isOurs = cause instanceof CacheStoreError;
  return new CacheUnavailableError({
    what: `The cache "${member.name}" ${why}, so nothing was changed on client "${db.clientName}"`,
    remedy: isOurs
      ? cause.message.replace(/\.$/, '')
      : 'See the cause. Check the store of the cache, or repeat the transaction',
    cause,
    at: { clientName: db.clientName, level: db.level },
    retryable: isOurs ? cause.retryable : undefined,
  });
}
