import type { TestServer } from '../../test/support/engines/engine.ts';
import type { Ledger } from './ledger.ts';
import { proveAtAnyTime } from './proofs.ts';

/** Milliseconds between two looks, and how many times as long as a look it is at least: it reads more and more. */
const [pause, share] = [4_000, 10];

/** Looks now and then whether what has to hold at any time does. */
export class Looks {
  readonly #server: TestServer;
  readonly #ledger: Ledger;
  #next = performance.now() + pause;

  constructor(server: TestServer, ledger: Ledger) {
    this.#server = server;
    this.#ledger = ledger;
  }

  /** @returns what is wrong, where it is time for a look */
  async look(): Promise<readonly string[]> {
    const began = performance.now();
    if (began < this.#next) return [];
    const found = await proveAtAnyTime(this.#server, this.#ledger);
    const ended = performance.now();
    this.#next = ended + Math.max(pause, share * (ended - began));
    return found;
  }
}
