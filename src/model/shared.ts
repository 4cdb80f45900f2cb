import type { Database } from '../database/index.ts';
import { type CachedTable, ModelCaches } from './caching.ts';

/** What all instances of a model have in common, by client. */
export class SharedByInstances {
  readonly columnsOn: Map<string, Promise<ReadonlySet<string>>> = new Map();
  readonly #database: Database;
  readonly #definition: CachedTable;
  readonly #caches = new Map<string, ModelCaches>();

  constructor(database: Database, definition: CachedTable) {
    this.#database = database;
    this.#definition = definition;
  }

  /** Nothing for a model that caches nothing. */
  cachesOn(clientName: string): ModelCaches | undefined {
    const { cache } = this.#definition;
    if (cache === undefined) return undefined;
    const known = this.#caches.get(clientName);
    if (known !== undefined) return known;
    const made = new ModelCaches(this.#database, this.#definition, clientName, cache);
    this.#caches.set(clientName, made);
    return made;
  }
}
