// Writers and readers at random on a real database, with pauses where they hurt, and what a cache may answer held against
// what was committed. The same load runs on the approaches that are usual, which have to be found wrong.
import { randomUUID } from 'node:crypto';
import { type CacheStore, createCache } from '../../src/cache/index.ts';
import type { Database } from '../../src/index.ts';
import { xorshift } from './random.ts';

export type Approach = 'sluice' | 'naive' | 'after-commit';

export interface CheckerOptions {
  readonly database: Database<'default'>;
  readonly approach: Approach;
  /** Of the caches; one for each of the processes that are played. */
  readonly store: () => CacheStore;
  /** How many reads are checked. */
  readonly checks: number;
  readonly seed: number;
  readonly keys?: number;
  readonly writers?: number;
  readonly readers?: number;
  readonly onProgress?: (checks: number) => void;
}

export interface CheckerResult {
  readonly checks: number;
  readonly hits: number;
  /** Answers that were older than what had been committed before they were asked for. */
  readonly stale: number;
  /** Answers that were never committed. */
  readonly uncommitted: number;
  /** A transaction that did not see what it had written itself. */
  readonly lostOwn: number;
  readonly commits: number;
  readonly rollbacks: number;
  /** What was found first, for whoever has to find out why. */
  readonly first: string | undefined;
}

/** A row: its version grows by one with each commit, and its mark is new with each write. */
interface Row {
  readonly version: number;
  readonly mark: string;
}

/** A cache as the checker uses it. */
interface Subject {
  read(key: number, load: () => Promise<Row>): Promise<Row>;
  /** In the transaction that has written the row. */
  write(key: number, row: Row, keep: boolean): Promise<void>;
}

class Declined extends Error {}

/** The tables of the checker are `product` with its columns `stock` and `name`. */
export async function checkCache(options: CheckerOptions): Promise<CheckerResult> {
  const { database, checks, keys = 5, writers = 4, readers = 8, onProgress } = options;
  const random = xorshift(options.seed);
  const pause = async (most: number): Promise<void> => {
    if (random() < 0.5) await new Promise((resolve) => setTimeout(resolve, random() * most));
  };
  const acknowledged = new Map<number, number>();
  const committed = new Set<string>();
  const unsure: { readonly mark: string; readonly what: string }[] = [];
  const counts = { checks: 0, hits: 0, stale: 0, uncommitted: 0, lostOwn: 0, commits: 0, rollbacks: 0 };
  let first: string | undefined;
  const found = (kind: 'stale' | 'uncommitted' | 'lostOwn', what: string): void => {
    counts[kind] += 1;
    first ??= `${kind}: ${what}`;
  };
  const load = async (key: number): Promise<Row> => {
    const { rows } = await database.current.query<{ stock: number; name: string }>(
      'select stock, name from product where id = $1',
      [key],
    );
    await pause(3);
    return { version: Number(rows[0]?.stock), mark: rows[0]?.name ?? '' };
  };

  for (let key = 1; key <= keys; key += 1) {
    const mark = randomUUID();
    committed.add(mark);
    await database.current.query('insert into product (id, stock, name) values ($1, 0, $2)', [key, mark]);
  }
  const subjects = Array.from({ length: 2 }, subjectOf(options, pause));
  const anySubject = (): Subject => subjects[Math.floor(random() * subjects.length)] as Subject;
  const anyKey = (): number => 1 + Math.floor(random() * keys);

  const write = async (): Promise<void> => {
    while (counts.checks < checks) {
      const [key, subject, mark, keep, declines] = [
        anyKey(),
        anySubject(),
        randomUUID(),
        random() < 0.5,
        random() < 0.25,
      ];
      let version = 0;
      try {
        await database.transaction(async () => {
          await database.current.query('update product set stock = stock + 1, name = $2 where id = $1', [key, mark]);
          ({ version } = await load(key));
          await subject.write(key, { version, mark }, keep);
          await pause(2);
          if (options.approach === 'sluice') {
            const own = await subject.read(key, () => load(key));
            if (own.mark !== mark) found('lostOwn', `a transaction wrote version ${version} and read ${own.version}`);
          }
          if (declines) throw new Declined();
        });
        committed.add(mark);
        acknowledged.set(key, Math.max(acknowledged.get(key) ?? 0, version));
        counts.commits += 1;
      } catch (error) {
        if (!(error instanceof Declined)) throw error;
        counts.rollbacks += 1;
      }
      await pause(4);
    }
  };
  const read = async (): Promise<void> => {
    while (counts.checks < checks) {
      const key = anyKey();
      const atLeast = acknowledged.get(key) ?? 0;
      let loaded = false;
      const row = await anySubject().read(key, () => {
        loaded = true;
        return load(key);
      });
      counts.checks += 1;
      if (!loaded) counts.hits += 1;
      if (row.version < atLeast) found('stale', `version ${row.version} after ${atLeast} was committed`);
      // Its transaction may be committed and not told of it yet.
      if (!committed.has(row.mark)) unsure.push({ mark: row.mark, what: `version ${row.version} of key ${key}` });
      if (counts.checks % 1_000 === 0) onProgress?.(counts.checks);
      await pause(1);
    }
  };
  await Promise.all([...Array.from({ length: writers }, write), ...Array.from({ length: readers }, read)]);
  for (const { mark, what } of unsure) if (!committed.has(mark)) found('uncommitted', what);
  return { ...counts, first };
}

function subjectOf(
  { database, approach, store }: CheckerOptions,
  pause: (most: number) => Promise<void>,
): () => Subject {
  // What is usual: a store that knows nothing of transactions, shared by all.
  const values = new Map<number, Row>();
  if (approach === 'sluice') {
    return () => {
      const cache = createCache<Row, number>(database, { name: 'checked', store: new PausingStore(store(), pause) });
      return {
        read: (key, load) => cache.getOrSet(key, load),
        write: (key, row, keep) => (keep ? cache.set(row, key) : cache.del(key)),
      };
    };
  }
  return () => ({
    async read(key, load) {
      const hit = values.get(key);
      if (hit !== undefined) return hit;
      const row = await load();
      values.set(key, row);
      return row;
    },
    async write(key, row, keep) {
      if (approach === 'naive') {
        if (keep) values.set(key, row);
        else values.delete(key);
        database.current.compensate(() => void values.delete(key));
      } else {
        database.current.commit(() => void values.delete(key));
      }
      await pause(1);
    },
  });
}

/** Commands that take their time, before and after. */
class PausingStore implements CacheStore {
  readonly #store: CacheStore;
  readonly #pause: (most: number) => Promise<void>;
  readonly find?: NonNullable<CacheStore['find']>;

  constructor(store: CacheStore, pause: (most: number) => Promise<void>) {
    this.#store = store;
    this.#pause = pause;
    const find = store.find?.bind(store);
    if (find !== undefined) this.find = (...args) => this.#slowly(() => find(...args));
  }

  read(...args: Parameters<CacheStore['read']>): ReturnType<CacheStore['read']> {
    return this.#slowly(() => this.#store.read(...args));
  }
  write(...args: Parameters<CacheStore['write']>): Promise<void> {
    return this.#slowly(() => this.#store.write(...args));
  }
  prepare(...args: Parameters<CacheStore['prepare']>): ReturnType<CacheStore['prepare']> {
    return this.#slowly(() => this.#store.prepare(...args));
  }
  release(...args: Parameters<CacheStore['release']>): Promise<void> {
    return this.#slowly(() => this.#store.release(...args));
  }

  async #slowly<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.#pause(1);
    const result = await work();
    await this.#pause(1);
    return result;
  }
}
