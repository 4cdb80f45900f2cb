import type { Snapshot } from '../../../index.ts';
import { type Api, ApiError } from './api.ts';

/** How the page stands to the process that it is shown by. */
export type LinkState =
  | { readonly type: 'connecting' }
  | { readonly type: 'live' }
  /** It does not answer; it is asked again in `retryIn` ms. */
  | { readonly type: 'lost'; readonly since: number; readonly retryIn: number; readonly why: string }
  /** The token is missing or wrong: nothing is asked until there is another one. */
  | { readonly type: 'refused' };

/** Without anything for so long the link counts as lost, in milliseconds. */
const silence = 15_000;
const longestPause = 10_000;

/** Reads snapshots for as long as the page is open: a link that is lost is made again, after a pause that grows. */
export class Link {
  readonly #api: Api;
  readonly #onSnapshot: (snapshot: Snapshot) => void;
  readonly #onState: (state: LinkState) => void;
  #lastAt = Date.now();

  constructor(api: Api, onSnapshot: (snapshot: Snapshot) => void, onState: (state: LinkState) => void) {
    this.#api = api;
    this.#onSnapshot = onSnapshot;
    this.#onState = onState;
  }

  /** @param nextToken waits until there is another token */
  async run(nextToken: () => Promise<void>): Promise<void> {
    let pause = 500;
    this.#onState({ type: 'connecting' });
    for (;;) {
      const before = this.#lastAt;
      const why = await this.#read();
      if (why === 'refused') {
        this.#onState({ type: 'refused' });
        await nextToken();
        continue;
      }
      // One that has told something is asked again soon.
      pause = this.#lastAt === before ? Math.min(pause * 2, longestPause) : 500;
      this.#onState({ type: 'lost', since: this.#lastAt, retryIn: pause, why });
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  /** Reads until the end. @returns why it has ended */
  async #read(): Promise<string> {
    const controller = new AbortController();
    let timer = setTimeout(() => controller.abort(), silence);
    try {
      await this.#api.stream(controller.signal, (snapshot) => {
        clearTimeout(timer);
        timer = setTimeout(() => controller.abort(), silence);
        this.#lastAt = Date.now();
        this.#onState({ type: 'live' });
        this.#onSnapshot(snapshot);
      });
      return 'it has ended the connection';
    } catch (error) {
      if (error instanceof ApiError) return error.status === 401 ? 'refused' : error.message;
      return controller.signal.aborted ? 'it says nothing' : 'it cannot be reached';
    } finally {
      clearTimeout(timer);
      controller.abort();
    }
  }
}
