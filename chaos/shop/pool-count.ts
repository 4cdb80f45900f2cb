import { subscribe } from 'node:diagnostics_channel';
import { channelNames, type ConnectionEvent, type Database } from '../../src/index.ts';

/** Looks one after the other: between two of them a transaction whose connection is lost learns of it, and gives its place back. */
const mostLooks = 60;

/** Whether a pool counts connections that it no longer has: their places would be nobody's. */
export class PoolCount {
  readonly #database: Database<'default'>;
  #open = 0;
  #looks = 0;

  constructor(database: Database<'default'>) {
    this.#database = database;
    for (const name of [channelNames.connectionOpen, channelNames.connectionClose])
      subscribe(name, (event) => (this.#open = (event as ConnectionEvent).open));
  }

  /** @returns what is wrong, once it has been so at every look for long */
  look(): readonly string[] {
    const { used, idle, opening, closing } = this.#database.stats().clients.default;
    const lost = used + idle - this.#open - opening - closing;
    this.#looks = lost > 0 ? this.#looks + 1 : 0;
    return this.#looks === mostLooks ? [`a pool counts ${lost} connections more than it has`] : [];
  }
}
