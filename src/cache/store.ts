import { randomBytes } from 'node:crypto';

const own = randomBytes(9).toString('base64url');
let made = 0;

/** A globally unique text, short since each value carries one for each of its tags. */
export function newStamp(): string {
  made += 1;
  return `${own}${made.toString(36)}`;
}

/** The present state of a tag. */
export interface TagState {
  /** Changes with every change of the tagged data. */
  readonly stamp: string;
  /** A transaction is committing that changes it. */
  readonly isLocked: boolean;
}

/** A good value of a key: its tags have the stamps that they had before it was loaded. */
export interface Stored {
  /** The value as its cache writes it. */
  readonly payload: string;
  /** How long it may still be used, in milliseconds, where that was asked for. */
  readonly remaining?: number | undefined;
}

/** What a store has of a key, and the state of the tags of its value, as they were at one time. */
export interface StoreRead {
  /** The value, if it is good; undefined where the store has none. */
  readonly stored: Stored | undefined;
  /** One for each tag, in the order of the tags. */
  readonly tags: readonly TagState[];
  /** Changes when the store may have lost something; undefined for a store that loses nothing. */
  readonly epoch?: string | undefined;
}

/** A value that is to be stored. */
export interface StoreWrite {
  /** The key of the value. */
  readonly key: string;
  /** The stamps of the value's tags from before it was loaded, in the order of the tags. */
  readonly stamps: readonly string[];
  /** The value as its cache writes it. */
  readonly payload: string;
  /** Of the store when the stamps were read, if it has said so. */
  readonly epoch?: string | undefined;
  /** Milliseconds. */
  readonly ttl: number;
}

/** Tags that are locked, with new stamps. */
export interface Locked {
  /** In the order of the tags; none where nothing may be stored with them. */
  readonly stamps: readonly string[];
  /** To which epoch they belong, if the store has such. */
  readonly epoch?: string | undefined;
}

/** Who keeps copies of what is in a store. */
export interface ChangeListener {
  /** Whatever depends on these tags is dead. */
  changed(tags: readonly string[]): void;
  /** Changes may have been missed: whatever was kept is dead. */
  lost(): void;
  /** Whether it has asked for anything since this was read the last time. */
  takeUse(): boolean;
}

/** Reports the changes in a store, including those of other processes. */
export interface ChangeFeed {
  /** Up to when every change has been reported, in milliseconds of `performance.now()`; `-Infinity` while the feed is not connected. */
  readonly provenAt: number;
  /** Tells a listener from now on, which wants to know every so many milliseconds that nothing is missing. */
  listen(listener: ChangeListener, interval: number): void;
  /** Asks for a newer proof. */
  prove(): void;
}

/**
 * Where the processes that use a cache meet. Nothing in it is searched or deleted by pattern: a value is dead when
 * the stamp of one of its tags is another one. A call that is not answered within the `storeTimeout` of its cache has failed, as one
 * that rejects.
 */
export interface CacheStore {
  /** Whether other processes use it, which go on while this one is frozen. `onCacheUnavailable: 'outbox'` requires it. */
  readonly isShared?: boolean;
  /** Names it among the stores of a database; the same in every process. `onCacheUnavailable: 'outbox'` requires it. */
  readonly name?: string;
  /**
   * Whether the store itself reports what its calls are rejected with, so that the caches on it do not: one report is enough for
   * all of them. Default false.
   */
  readonly reportsFailures?: boolean;
  /** Without one no copies are kept in front of it. */
  readonly feed?: ChangeFeed | undefined;
  /**
   * The value of a key if it is good, with how long it may be used if `timed`, and the state of its tags at one time after the call.
   */
  read(key: string, tags: readonly string[], timed?: boolean): Promise<StoreRead>;
  /** As `read`, for callers that store nothing afterwards. Default: `read`. */
  find?(key: string, tags: readonly string[], timed?: boolean): Promise<Stored | 'missing' | 'locked'>;
  /**
   * As `read`, and it changes nothing in the store: all stamps of tags that have none are the same one. Used in tests that are rolled
   * back, whose names stay out of a store that others share. Default: `read`.
   */
  look?(key: string, tags: readonly string[], timed?: boolean): Promise<StoreRead>;
  /** Later reads of this process find the value, even if the promise is not awaited. */
  write(write: StoreWrite): Promise<void>;
  /**
   * Gives tags a new stamp, and locks them until `release`, or for `ttl` milliseconds, if `release` is never called.
   * All have it when the promise resolves, the listeners of this process were told, and the change is on its way to all other feeds.
   * @param transaction its name, which no other one ever has, without blanks
   */
  prepare(transaction: string, tags: readonly string[], ttl: number): Promise<Locked>;
  /**
   * Ends the locks of a transaction. A tag whose lock was lost before that gets a new stamp. Later reads of this process come
   * after it, even if the promise is not awaited.
   */
  release(transaction: string, tags: readonly string[]): Promise<void>;
  /**
   * Takes the right to load a key, named as in `read`, for at most `ttl` milliseconds, so that of several processes one does.
   * @returns what gives it back; nothing while another one has it
   */
  lease?(key: string, ttl: number): Promise<(() => Promise<void>) | undefined>;
}
