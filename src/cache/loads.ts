import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { currentFrame, type Frame } from '../context/index.ts';
import { LinkedList, systemClock, TimeoutQueue } from '../core/index.ts';
import type { BaseScope, Scope } from '../transaction/index.ts';
import type { CheckedStore } from './checked-store.ts';
import { CacheLoadTimeoutError } from './errors.ts';
import { Flights } from './flights.ts';
import { isInLoad } from './load-chain.ts';

/** How long one process may have a load for itself, in milliseconds; the others go on after that. */
const leaseTime = 5_000;
const [firstLook, longestLook] = [5, 50];

/** How the load of a key goes on. */
interface Look<Value> {
  /** A value that is good; nothing to be loaded. */
  readonly hit: { readonly payload: Value } | undefined;
  /** Whether what is loaded may be stored, for others who wait. */
  readonly mayStore: boolean;
  /** The store does not answer: everybody loads. */
  readonly isAway: boolean;
}

/** Has those who want the same load it once: in this process, and in all of them as far as the store can tell. */
export class Loads<Value> {
  readonly #flights = new Flights<Value>();
  readonly #store: CheckedStore;
  readonly #limit: LoadLimit;
  readonly #base: BaseScope | undefined;
  /** By key, what those have together whose load took too long, until it begins. */
  readonly #seconds = new Map<string, Promise<Value>>();

  /** @param base the transaction that counts as none whose loads they are */
  constructor(store: CheckedStore, limit: LoadLimit, base: BaseScope | undefined) {
    this.#store = store;
    this.#limit = limit;
    this.#base = base;
  }

  /**
   * @param look what the store has now
   * @param load loads and stores what `look` has not found, within the limit
   * @throws CacheLoadTimeoutError
   */
  run<Found extends Look<Value>>(
    key: string,
    look: () => Promise<Found>,
    load: (found: Found) => Promise<Value>,
  ): Promise<Value> {
    // A load waits for no other one, so that loads which need each other never wait in a circle; and a caller that holds a
    // connection must not wait for another caller's load, which may be waiting for that connection.
    if (isInLoad() || holdsConnection(currentFrame(), this.#base))
      return look().then((found) => (found.hit === undefined ? load(found) : found.hit.payload));
    let isOwn = false;
    const lead = (): Promise<Value> => {
      isOwn = true;
      return this.#shared(key, look, load);
    };
    return this.#flights.join(key, lead).catch((error: unknown) => {
      if (isOwn || !(error instanceof CacheLoadTimeoutError)) throw error;
      return this.#second(key, lead);
    });
  }

  /** Those whom the load of another one has kept too long have one more, which begins when all of them have said so. */
  #second(key: string, lead: () => Promise<Value>): Promise<Value> {
    const known = this.#seconds.get(key);
    if (known !== undefined) return known;
    const second = nextTurn().then(() => {
      this.#seconds.delete(key);
      return lead();
    });
    this.#seconds.set(key, second);
    return second;
  }

  async #shared<Found extends Look<Value>>(
    key: string,
    look: () => Promise<Found>,
    load: (found: Found) => Promise<Value>,
  ): Promise<Value> {
    const end = performance.now() + leaseTime;
    for (let pause = firstLook; ; pause = Math.min(pause * 1.5, longestLook)) {
      // In this order: what was stored before the lease was free is seen.
      const [lease, found] = await Promise.all([this.#lease(key), look()]);
      try {
        if (found.hit !== undefined) return found.hit.payload;
        if (found.isAway) return await this.#limit.amongFew(() => load(found));
        if (lease !== 'taken' || !found.mayStore || performance.now() > end) return await load(found);
      } finally {
        // One that is not given back ends by itself.
        if (typeof lease === 'function') this.#store.giveBack(lease);
      }
      await delay(pause * (0.5 + Math.random()));
    }
  }

  /** @returns what gives it back; nothing where there is none to be had, and everybody loads */
  async #lease(key: string): Promise<(() => Promise<void>) | 'taken' | undefined> {
    if (!this.#store.canLease) return undefined;
    try {
      return (await this.#store.lease(key, leaseTime)) ?? 'taken';
    } catch (error) {
      this.#store.report('lease', error);
      return undefined;
    }
  }
}

/** Whether work holds a connection. That of `base` is also that of the loads which others in it run. */
function holdsConnection(frame: Frame | undefined, base: BaseScope | undefined): boolean {
  if ((frame?.held ?? -1) < 0) return false;
  if (base === undefined || (frame?.chain?.ancestors?.length ?? 0) > 0) return true;
  for (let at = frame; at !== undefined; at = at.parent) {
    const scope = at.scope as Scope | undefined;
    if (scope?.transaction.isLive === true && scope.base !== base) return true;
  }
  return false;
}

/** How long the loads of a cache may take, and how many may run while its store is away. */
export class LoadLimit {
  readonly #patience: TimeoutQueue<() => void>;
  readonly #tooLong: (what: string) => CacheLoadTimeoutError;
  readonly #most: number;
  readonly #waiting = new LinkedList<() => void>();
  #running = 0;

  /**
   * @param timeout milliseconds
   * @param most loads at once while the store is away
   */
  constructor(cache: string, timeout: number, most: number) {
    this.#patience = new TimeoutQueue(systemClock, timeout, (giveUp) => giveUp());
    this.#most = most;
    this.#tooLong = (what) =>
      new CacheLoadTimeoutError({
        what: `${what} of the cache "${cache}" took longer than ${timeout} ms; its later result is not stored`,
        remedy: 'Check what the load waits for, or raise the loadTimeout of the cache',
      });
  }

  /** @throws CacheLoadTimeoutError; after that, results and failures of `load` are dropped */
  within<Result>(load: () => Promise<Result> | Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      const place = this.#patience.begin(() => reject(this.#tooLong('A load')));
      const end = (): void => this.#patience.end(place);
      const loaded = (async () => await load())();
      loaded.then(resolve, reject).then(end, end);
    });
  }

  /** One of the few that may run while the store is away. @throws CacheLoadTimeoutError where its turn does not come */
  async amongFew<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#most) await this.#turn();
    else this.#running += 1;
    try {
      return await work();
    } finally {
      // Who waits goes on in the place of this one.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = this.#waiting.push(() => {
        this.#patience.end(place);
        resolve();
      });
      const place = this.#patience.begin(() => {
        this.#waiting.remove(waiter);
        reject(this.#tooLong('While its store is away, the wait for a load'));
      });
    });
  }
}
