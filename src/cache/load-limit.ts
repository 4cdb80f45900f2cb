import { LinkedList, TimeoutQueue, systemClock } from '../core/index.ts';
import { CacheLoadTimeoutError } from './errors.ts';

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
