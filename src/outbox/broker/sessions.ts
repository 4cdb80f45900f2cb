import { sleep, systemClock } from '../../core/index.ts';
import type { SubscribeOptions } from './message-broker.ts';

/** The pause before a session is begun again, in milliseconds. */
const pause = 500;

/** What a session says while it runs. */
export interface SessionProgress {
  /** Aborts when the subscription is closed. */
  readonly signal: AbortSignal;
  /** The broker is there: what is lost from now on is told again. */
  readonly reached: () => void;
  /** The group is known to the broker. */
  readonly known: () => void;
}

/** Sessions of a subscription with its broker, one after the other, until it is closed. */
export class Sessions {
  /** Resolves when the group is known; rejects when it is closed before. */
  readonly ready: Promise<void>;
  readonly #closed = new AbortController();
  readonly #loop: Promise<void>;
  readonly #settle: PromiseWithResolvers<void> = Promise.withResolvers();

  /** @param session runs until its connection is lost, or it is closed */
  constructor(session: (progress: SessionProgress) => Promise<void>, onError: SubscribeOptions['onError']) {
    this.ready = this.#settle.promise;
    // Who does not wait for it is not to be told.
    this.ready.catch(() => {});
    this.#loop = this.#run(session, onError);
  }

  /** Aborts when it is closed. */
  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  async close(): Promise<void> {
    const reason = new Error('The subscription was closed');
    this.#closed.abort(reason);
    this.#settle.reject(reason);
    await this.#loop;
  }

  async #run(session: (progress: SessionProgress) => Promise<void>, onError: (error: unknown) => void): Promise<void> {
    const { signal } = this.#closed;
    let isTold = false;
    const progress: SessionProgress = {
      signal,
      reached: () => (isTold = false),
      known: () => this.#settle.resolve(),
    };
    while (!signal.aborted) {
      try {
        await session(progress);
      } catch (error) {
        if (!signal.aborted && !isTold) onError(error);
        isTold = true;
      }
      await sleep(systemClock, pause, signal).catch(() => {});
    }
  }
}
