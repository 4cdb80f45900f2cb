import type { SavepointObserver } from '../connection/index.ts';
import type { AtomicUnit } from '../transaction/index.ts';

/** What a transaction has set for a key; nothing is a deletion. */
export interface Change {
  readonly payload: string | undefined;
  /** Where it is to be stored: by its key, apart from those of other settings. */
  readonly key: string;
  readonly tags: readonly string[];
  /** Milliseconds. */
  readonly ttl: number;
}

/** What is set, and not deleted. */
export interface NewValue extends Change {
  readonly payload: string;
}

/** What deletes a key, in whatever cache. */
export const deletion: Change = { payload: undefined, key: '', tags: [], ttl: 0 };

/** More keys than these in one transaction are all of the cache's: what is known of them stays bounded. */
const mostKeys = 1_000;

/**
 * What a transaction has done to a cache, invisible to others before its commit: a layer for each savepoint. A layer that is
 * rolled back takes its values along, but what it has touched stays touched: the database may have been read in between.
 */
export class Overlay implements SavepointObserver {
  readonly #wholeTag: string;
  readonly #wider: ((tag: string) => string) | undefined;
  readonly #layers = new Map<AtomicUnit, Map<string, Change>>();
  readonly #keys = new Set<string>();
  readonly #shared = new Set<string>();
  #isFull = false;
  #isWide = false;

  /**
   * @param wholeTag the tag of every value of the cache
   * @param wider a tag that covers another one, for when there are too many
   */
  constructor(wholeTag: string, wider?: (tag: string) => string) {
    this.#wholeTag = wholeTag;
    this.#wider = wider;
  }

  /** The tags that it has touched. */
  get dirty(): readonly string[] {
    return [...this.#keys, ...this.#shared];
  }

  isDirty(tag: string): boolean {
    return this.#keys.has(tag) || this.#shared.has(tag);
  }

  /** What is set for the key with this tag where `unit` is: its own, or that of a unit around it. With other settings nothing is. */
  find(unit: AtomicUnit, tag: string, key: string): Change | undefined {
    for (let at: AtomicUnit | undefined = unit; at !== undefined; at = at.parent) {
      const change = this.#layers.get(at)?.get(tag);
      if (change !== undefined) return hasValue(change) && change.key !== key ? undefined : change;
    }
    return undefined;
  }

  /** Changes the key with this tag. */
  set(unit: AtomicUnit, tag: string, change: Change): void {
    if (this.#isFull) return;
    this.#keys.add(tag);
    if (this.#keys.size > mostKeys) {
      this.#isFull = true;
      this.#keys.clear();
      this.#layers.clear();
      this.#shared.add(this.#wholeTag);
      return;
    }
    this.#put(unit, tag, change);
  }

  /** Whatever depends on the tags is dead, and what was set before too. */
  invalidate(tags: readonly string[]): void {
    for (const tag of tags) this.#shared.add(this.#isWide ? this.#widened(tag) : tag);
    if (this.#shared.size > mostKeys && this.#wider !== undefined && !this.#isWide) {
      this.#isWide = true;
      const all = [...this.#shared];
      this.#shared.clear();
      for (const tag of all) this.#shared.add(this.#widened(tag));
    }
    for (const layer of this.#layers.values()) {
      for (const [key, change] of layer) if (change.tags.some((tag) => tags.includes(tag))) layer.delete(key);
    }
  }

  released(savepoint: string): void {
    const unit = this.#unitOf(savepoint);
    const layer = unit === undefined ? undefined : this.#layers.get(unit);
    if (unit?.parent === undefined || layer === undefined) return;
    for (const [key, change] of layer) this.#put(unit.parent, key, change);
    this.#layers.delete(unit);
  }

  rolledBack(savepoint: string): void {
    const unit = this.#unitOf(savepoint);
    if (unit !== undefined) this.#layers.delete(unit);
  }

  /** Every value that was set, when all savepoints have ended. */
  *values(): Generator<NewValue> {
    for (const layer of this.#layers.values()) {
      for (const change of layer.values()) if (hasValue(change)) yield change;
    }
  }

  #widened(tag: string): string {
    return tag === this.#wholeTag || this.#wider === undefined ? tag : this.#wider(tag);
  }

  #put(unit: AtomicUnit, key: string, change: Change): void {
    const layer = this.#layers.get(unit) ?? new Map<string, Change>();
    this.#layers.set(unit, layer);
    layer.set(key, change);
  }

  #unitOf(savepoint: string): AtomicUnit | undefined {
    return [...this.#layers.keys()].find((unit) => unit.savepoint?.name === savepoint);
  }
}

function hasValue(change: Change): change is NewValue {
  return change.payload !== undefined;
}
