import { LRUCache } from 'lru-cache';
import { typeName } from '../core/index.ts';
import { upTo } from './memory-store.ts';
import type { ChangeFeed, ChangeListener } from './store.ts';

/** Options of the copies that a cache keeps in this process. */
export interface MemoryOptions {
  /** The most values that are kept; those that were not used for longest go. */
  readonly max: number;
  /** How long after a commit in another process a value may still be given out, in milliseconds. Default 100. */
  readonly maxStaleness?: number | undefined;
}

/** A tag from its first use to its next change. */
interface Life {
  readonly tag: string;
  isOver: boolean;
  /** By how many values and fetches it is looked at. */
  uses: number;
}

interface Copy<Value> {
  readonly value: Value;
  readonly lives: readonly Life[];
  /** Of `performance.now()`. */
  readonly until: number;
  /** How many changes there had been when none of its tags had changed. */
  goodAt: number;
}

/** A fetch from the store, made before it begins: a change during it keeps its value from being stored. */
export interface Fetch<Value> {
  keep(value: Value, remaining: number): void;
  end(): void;
}

/**
 * Copies in the process of what is in a store. One is good while none of its tags has changed since its fetch began, and
 * only while the feed has shown within `maxStaleness` that no change is missing: so whatever is lost on the way, a change is
 * never seen later than that.
 */
export class NearMemory<Value> implements ChangeListener {
  readonly #feed: ChangeFeed;
  readonly #onFailure: (error: unknown) => void;
  readonly #maxStaleness: number;
  readonly #copies: LRUCache<string, Copy<Value>>;
  readonly #lives = new Map<string, Life>();
  /** Those who hear what this one hears. */
  readonly #followers = new Set<ChangeListener>();
  #isUsed = false;
  #changes = 0;

  /** @param onFailure is told what the feed throws */
  constructor(feed: ChangeFeed, { max, maxStaleness = 100 }: MemoryOptions, onFailure: (error: unknown) => void) {
    this.#feed = feed;
    this.#onFailure = onFailure;
    this.#maxStaleness = maxStaleness;
    this.#copies = new LRUCache({ ...upTo(max), dispose: ({ lives }) => this.#drop(lives) });
    feed.listen(this, maxStaleness / 2);
  }

  /** Tells another one what this one hears, as a feed does. @returns what ends that */
  follow(follower: ChangeListener): () => void {
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  /** How many copies there are. */
  get size(): number {
    return this.#copies.size;
  }

  /**
   * @param since nothing older than a proof of then is given out (`performance.now()`)
   * @param peeks it counts as no use
   */
  find(key: string, since = 0, peeks = false): Value | undefined {
    this.#isUsed = true;
    const copy = peeks ? this.#copies.peek(key) : this.#copies.get(key);
    if (copy === undefined) return undefined;
    const now = performance.now();
    const provenAt = this.#provenAt();
    if (now - provenAt > this.#maxStaleness || provenAt < since) {
      this.#prove();
      return undefined;
    }
    if (now < copy.until && this.#isAlive(copy)) return copy.value;
    this.#copies.delete(key);
    return undefined;
  }

  fetch(key: string, tags: readonly string[]): Fetch<Value> {
    const lives = tags.map((tag) => this.#lifeOf(tag));
    const begun = performance.now();
    // Changes before the feed has begun are not reported.
    const isHeard = this.#provenAt() !== Number.NEGATIVE_INFINITY;
    if (!isHeard) this.#prove();
    return {
      keep: (value, remaining) => {
        if (!isHeard || lives.some(({ isOver }) => isOver)) return;
        for (const life of lives) life.uses += 1;
        this.#copies.set(key, { value, lives, until: begun + remaining, goodAt: this.#changes });
      },
      end: () => this.#drop(lives),
    };
  }

  changed(tags: readonly string[]): void {
    for (const tag of tags) {
      const life = this.#lives.get(tag);
      if (life !== undefined) this.#over(life);
    }
    for (const follower of this.#followers) follower.changed(tags);
  }

  lost(): void {
    for (const life of this.#lives.values()) life.isOver = true;
    this.#changes += 1;
    this.#lives.clear();
    this.#copies.clear();
    for (const follower of this.#followers) follower.lost();
  }

  takeUse(): boolean {
    let isUsed = this.#isUsed;
    this.#isUsed = false;
    for (const follower of this.#followers) isUsed = follower.takeUse() || isUsed;
    return isUsed;
  }

  /** What is no time proves nothing. */
  #provenAt(): number {
    try {
      const provenAt: unknown = this.#feed.provenAt;
      if (typeof provenAt === 'number' && !Number.isNaN(provenAt)) return provenAt;
      this.#onFailure(new TypeError(`"provenAt" is ${typeName(provenAt)}, and no time`));
    } catch (error) {
      this.#onFailure(error);
    }
    return Number.NEGATIVE_INFINITY;
  }

  #prove(): void {
    try {
      this.#feed.prove();
    } catch (error) {
      this.#onFailure(error);
    }
  }

  /** Most are looked at more often than anything changes. */
  #isAlive(copy: Copy<Value>): boolean {
    if (copy.goodAt === this.#changes) return true;
    if (copy.lives.some(({ isOver }) => isOver)) return false;
    copy.goodAt = this.#changes;
    return true;
  }

  #lifeOf(tag: string): Life {
    const known = this.#lives.get(tag);
    const life = known ?? { tag, isOver: false, uses: 0 };
    life.uses += 1;
    if (known === undefined) this.#lives.set(tag, life);
    return life;
  }

  #drop(lives: readonly Life[]): void {
    for (const life of lives) {
      life.uses -= 1;
      if (life.uses === 0 && !life.isOver) this.#lives.delete(life.tag);
    }
  }

  #over(life: Life): void {
    life.isOver = true;
    this.#changes += 1;
    this.#lives.delete(life.tag);
  }
}

/**
 * Freezes a value through and through.
 * @param seen where it has been, in values that contain themselves
 * @returns whether it is immutable now, which a value with a date in it is not
 */
export function freezeDeeply(value: unknown, seen: Set<object> = new Set()): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function';
  if (seen.has(value)) return true;
  seen.add(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return false;
  Object.freeze(value);
  return Object.values(value)
    .map((each) => freezeDeeply(each, seen))
    .every(Boolean);
}
