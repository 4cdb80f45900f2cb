import type { Db } from '../database/index.ts';
import type { BaseScope, Scope } from '../transaction/index.ts';
import { CheckedStore, type StoreUse } from './checked-store.ts';
import type { Member } from './commit.ts';
import { type LoadLimit, Loads } from './loads.ts';
import { type MemoryOptions, NearMemory } from './near.ts';
import type { Overlay } from './overlay.ts';
import { StoreInTest } from './store-in-test.ts';
import type { ChangeFeed } from './store.ts';

interface Parts {
  readonly use: StoreUse;
  readonly member: Omit<Member, 'store'>;
  readonly memory: (MemoryOptions & { readonly feed: ChangeFeed }) | undefined;
  readonly limit: LoadLimit;
}

/** Where a call of a cache lands. */
export interface Landing<Copied> {
  readonly ground: Ground<Copied>;
  /** None outside of a transaction. */
  readonly within: Within | undefined;
}

/** The transaction that a call belongs to. */
export interface Within {
  readonly scope: Scope;
  readonly db: Db;
  readonly overlay: Overlay | undefined;
}

/** Where a cache has its values: its store, with what this process has of it; or that of a test, which is rolled back. */
export class Ground<Copied> {
  readonly store: CheckedStore;
  readonly member: Member;
  readonly near: NearMemory<Copied> | undefined;
  readonly loads: Loads<string>;
  readonly #parts: Parts;

  constructor(parts: Parts, base?: BaseScope) {
    const { use, member, memory, limit } = parts;
    this.#parts = parts;
    this.store = new CheckedStore(use);
    this.member = { ...member, store: this.store };
    this.loads = new Loads(this.store, limit, base);
    if (memory === undefined) return;
    this.near = new NearMemory(memory.feed, memory, (error) => this.store.failed('feed', error));
  }

  /** In a transaction that counts as none: what is kept in it only it sees, and with it that is gone. */
  within(base: BaseScope): Ground<Copied> {
    const known = base.resources.get(this);
    if (known !== undefined) return known as Ground<Copied>;
    const { use, memory } = this.#parts;
    // The caches of a store meet in the test as well.
    const store = (base.resources.get(use.store) ?? new StoreInTest(use.store)) as StoreInTest;
    base.resources.set(use.store, store);
    const near = memory === undefined ? undefined : { ...memory, feed: this.#feedWithin(base, store, memory.feed) };
    const ground = new Ground<Copied>({ ...this.#parts, use: { ...use, store, named: use.store }, memory: near }, base);
    base.resources.set(this, ground);
    return ground;
  }

  /** Reports the changes in the test, and those around it. */
  #feedWithin(base: BaseScope, store: StoreInTest, around: ChangeFeed): ChangeFeed {
    return {
      get provenAt() {
        return around.provenAt;
      },
      prove: () => around.prove(),
      listen: (listener) => {
        store.feed.listen(listener, 0);
        if (this.near !== undefined) base.ends.push(this.near.follow(listener));
      },
    };
  }
}

/** A transaction that reads what is committed now, and not a snapshot from before or what is not committed. */
export function seesLatest({ transaction }: Scope): boolean {
  const { driver } = transaction.client;
  const { isolation } = transaction.characteristics;
  return driver.fulfils(isolation, 'READ_COMMITTED') && !driver.fulfils(isolation, 'REPEATABLE_READ');
}
