import type { AtomicUnit } from '../transaction/index.ts';

/** What a transaction has set for a key; nothing is a deletion. */
export interface Change {
  readonly payload: string | undefined;
  readonly tags: readonly string[];
  /** Milliseconds. */
  readonly ttl: number;
}

/**
 * What a transaction has done to a cache, which nobody else sees before its commit: a layer for each savepoint. A layer that is
 * rolled back takes its values along, but what it has touched stays touched: the database may have been read in between.
 */
export class Overlay {
  readonly #layers = new Map<AtomicUnit, Map<string, Change>>();
  readonly #dirty = new Set<string>();

  get dirty(): ReadonlySet<string> {
    return this.#dirty;
  }

  /** What is set for the key where `unit` is: its own, or that of a unit around it. */
  find(unit: AtomicUnit, key: string): Change | undefined {
    for (let at: AtomicUnit | undefined = unit; at !== undefined; at = at.parent) {
      const change = this.#layers.get(at)?.get(key);
      if (change !== undefined) return change;
    }
    return undefined;
  }

  set(unit: AtomicUnit, key: string, change: Change): void {
    const layer = this.#layers.get(unit) ?? new Map<string, Change>();
    this.#layers.set(unit, layer);
    layer.set(key, change);
  }

  touch(tags: Iterable<string>): void {
    for (const tag of tags) this.#dirty.add(tag);
  }

  released(savepoint: string): void {
    const unit = this.#unitOf(savepoint);
    const layer = unit === undefined ? undefined : this.#layers.get(unit);
    if (unit?.parent === undefined || layer === undefined) return;
    for (const [key, change] of layer) this.set(unit.parent, key, change);
    this.#layers.delete(unit);
  }

  rolledBack(savepoint: string): void {
    const unit = this.#unitOf(savepoint);
    if (unit !== undefined) this.#layers.delete(unit);
  }

  /** Everything that was set, when all savepoints have ended. */
  changes(): ReadonlyMap<string, Change> {
    return new Map([...this.#layers.values()].flatMap((layer) => [...layer]));
  }

  #unitOf(savepoint: string): AtomicUnit | undefined {
    return [...this.#layers.keys()].find((unit) => unit.savepoint?.name === savepoint);
  }
}
