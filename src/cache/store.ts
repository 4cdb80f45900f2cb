/** The present state of a tag. */
export interface TagState {
  /** Changes with every change of what the tag stands for. */
  readonly stamp: string;
  /** A transaction is committing that changes it. */
  readonly isLocked: boolean;
}

/** What is stored for a key: the value with the stamps that its tags had before it was read. */
export interface Stored {
  readonly stamps: readonly string[];
  /** The value as its cache writes it. */
  readonly payload: string;
}

/** A value that is to be stored. */
export interface StoreWrite extends Stored {
  readonly key: string;
  /** Milliseconds. */
  readonly ttl: number;
}

/**
 * Where the processes that use a cache meet. Nothing in it is searched or deleted by pattern: a value is dead when
 * the stamp of one of its tags is another one.
 */
export interface CacheStore {
  /** Whether other processes use it, which go on while this one is frozen. */
  readonly isShared?: boolean;
  /** The value of a key, and the state of its tags no earlier than the value. */
  read(
    key: string,
    tags: readonly string[],
  ): Promise<{ readonly stored: Stored | undefined; readonly tags: readonly TagState[] }>;
  write(write: StoreWrite): Promise<void>;
  /**
   * Gives tags a new stamp, and locks them until `release`, or for `ttl` milliseconds, if the transaction is not heard of
   * again. All have it when the promise resolves.
   */
  prepare(transaction: string, tags: readonly string[], stamp: string, ttl: number): Promise<void>;
  /** Ends the locks of a transaction. A tag whose lock was lost meanwhile gets a new stamp. */
  release(transaction: string, tags: readonly string[]): Promise<void>;
}
