// One of several processes that write and read through caches at random, and hold every answer against the database.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type Cache, createCache } from '../../src/cache/index.ts';
import { RedisStore } from '../../src/cache/redis/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { xorshift } from './random.ts';

export interface NodeSettings {
  readonly url: string;
  readonly redisUrl: string;
  readonly keys: number;
  readonly seed: number;
  readonly commitTimeout: number;
  readonly writers: number;
  readonly readers: number;
}

/** What a node tells of itself now and then: what has happened since the last time. */
export interface NodeReport {
  readonly counts: Counts;
  /** Marks that were read, of which each has to have been committed. */
  readonly marks: readonly string[];
  readonly found: readonly string[];
}

export interface Counts {
  checks: number;
  hits: number;
  commits: number;
  rollbacks: number;
  failures: number;
}

export type NodeMessage = { readonly report: NodeReport } | { readonly settled: readonly string[] };

/** A row: its version grows by one with each commit, and its mark is new with each write. */
interface Row {
  readonly version: number;
  readonly mark: string;
}

class Declined extends Error {}

/** How long copies in memory may be behind. */
const maxStaleness = 100;
const nothingYet = (): Counts => ({ checks: 0, hits: 0, commits: 0, rollbacks: 0, failures: 0 });

class CheckingNode {
  readonly #settings: NodeSettings;
  readonly #database: Database<'default'>;
  readonly #random: () => number;
  /** Through Redis alone, and with copies in memory. */
  readonly #strict: Cache<Row, number>;
  readonly #near: Cache<Row, number>;
  /** What the database has shown, by key: when, and which version. */
  readonly #shown = new Map<number, { readonly at: number; readonly version: number }[]>();
  #counts = nothingYet();
  #marks = new Set<string>();
  #found: string[] = [];
  #isRunning = true;

  constructor(settings: NodeSettings) {
    this.#settings = settings;
    this.#random = xorshift(settings.seed);
    const { url, redisUrl, commitTimeout, writers, readers } = settings;
    this.#database = createDatabase({
      clients: { default: postgres({ connectionString: url, max: writers + readers + 2 }) },
    });
    const [client, subscriber] = [this.#connect(redisUrl), this.#connect(redisUrl)];
    const store = new RedisStore({ client, subscriber, timeout: 200, pause: 50, commitTimeout });
    const options = { name: 'checked', store, commitTimeout };
    this.#strict = createCache<Row, number>(this.#database, options);
    this.#near = createCache<Row, number>(this.#database, { ...options, memory: { max: 100, maxStaleness } });
  }

  async run(): Promise<void> {
    const { writers, readers } = this.#settings;
    const loops = [
      ...Array.from({ length: writers }, () => this.#repeat(() => this.#write())),
      ...Array.from({ length: readers }, () => this.#repeat(() => this.#read())),
      this.#repeat(async () => {
        await delay(200);
        this.#report();
      }),
    ];
    await Promise.all(loops);
    this.#report();
  }

  /** Ends what goes on, and says where a cache does not agree with the database when nothing is written any more. */
  async settle(): Promise<readonly string[]> {
    const wrong: string[] = [];
    for (let key = 1; key <= this.#settings.keys; key += 1) {
      const present = await this.#load(key);
      for (const [name, cache] of [['strict', this.#strict] as const, ['near', this.#near] as const]) {
        const cached = await cache.getOrSet(key, () => this.#load(key));
        if (cached.mark !== present.mark)
          wrong.push(`${name}: version ${cached.version} of key ${key} stays, ${present.version} is true`);
      }
    }
    return wrong;
  }

  stop(): void {
    this.#isRunning = false;
  }

  async #repeat(work: () => Promise<void>): Promise<void> {
    while (this.#isRunning) {
      try {
        await work();
      } catch {
        // Servers are stopped and connections cut here; only answers count.
        this.#counts.failures += 1;
        await delay(20);
      }
    }
  }

  async #write(): Promise<void> {
    const key = this.#anyKey();
    const cache = this.#chance(0.5) ? this.#strict : this.#near;
    const [mark, keeps, declines] = [randomUUID(), this.#chance(0.5), this.#chance(0.2)];
    const { current } = this.#database;
    try {
      await this.#database.transaction(
        async () => {
          if (this.#chance(0.2)) await cache.del(key);
          await this.#pause(2);
          const version = await this.#update(key, mark);
          await current.query('insert into history (mark) values ($1)', [mark]);
          await (keeps ? cache.set({ version, mark }, key) : cache.del(key));
          if (this.#chance(0.2)) await this.#undone(cache, key);
          await this.#pause(2);
          const own = await cache.getOrSet(key, () => this.#load(key));
          if (own.mark !== mark) this.#find(`own: a transaction wrote version ${version} and read ${own.version}`);
          if (declines) throw new Declined();
        },
        { isolationLevel: this.#chance(0.1) ? 'REPEATABLE_READ' : undefined },
      );
      this.#counts.commits += 1;
    } catch (error) {
      if (!(error instanceof Declined)) throw error;
      this.#counts.rollbacks += 1;
    }
    await this.#pause(8);
  }

  /** Writes in a savepoint, which is rolled back. */
  async #undone(cache: Cache<Row, number>, key: number): Promise<void> {
    const mark = `undone ${randomUUID()}`;
    const undone = this.#database.transaction(
      async () => {
        const version = await this.#update(key, mark);
        await cache.set({ version, mark }, key);
        throw new Declined();
      },
      { propagation: 'NESTED' },
    );
    await undone.catch((error: unknown) => {
      if (!(error instanceof Declined)) throw error;
    });
  }

  async #read(): Promise<void> {
    const key = this.#anyKey();
    const kind = this.#random();
    if (kind < 0.05) await this.#readSnapshot(key);
    else if (kind < 0.5) await this.#check('strict', this.#strict, key, (await this.#load(key)).version);
    else await this.#check('near', this.#near, key, this.#shownBefore(key, performance.now() - maxStaleness));
    if (this.#chance(0.1)) this.#show(key, (await this.#load(key)).version);
    await this.#pause(1);
  }

  /** A cached answer is no older than what the database has shown before it was asked for. */
  async #check(name: string, cache: Cache<Row, number>, key: number, atLeast: number): Promise<void> {
    let loaded = false;
    const row = await cache.getOrSet(key, () => {
      loaded = true;
      return this.#load(key);
    });
    this.#counts.checks += 1;
    if (!loaded) this.#counts.hits += 1;
    this.#marks.add(row.mark);
    if (row.version < atLeast) this.#find(`${name}: version ${row.version} of key ${key} after ${atLeast} was shown`);
  }

  /** In a snapshot a cache gives what the snapshot has. */
  async #readSnapshot(key: number): Promise<void> {
    await this.#database.transaction(
      async () => {
        const first = await this.#load(key);
        await this.#pause(4);
        const cached = await this.#strict.getOrSet(key, () => this.#load(key));
        this.#counts.checks += 1;
        if (cached.mark !== first.mark)
          this.#find(`snapshot: version ${cached.version} of key ${key} in one that has ${first.version}`);
      },
      { isolationLevel: 'REPEATABLE_READ', readOnly: true },
    );
  }

  async #load(key: number): Promise<Row> {
    const text = 'select stock, name from product where id = $1';
    const { rows } = await this.#database.current.query<{ stock: number; name: string }>(text, [key]);
    const [row] = rows;
    if (row === undefined) throw new Error(`there is no key ${key}`);
    if (this.#chance(0.3)) await this.#pause(3);
    return { version: row.stock, mark: row.name };
  }

  async #update(key: number, mark: string): Promise<number> {
    const text = 'update product set stock = stock + 1, name = $2 where id = $1 returning stock';
    const { rows } = await this.#database.current.query<{ stock: number }>(text, [key, mark]);
    return rows[0]?.stock ?? -1;
  }

  #show(key: number, version: number): void {
    const shown = this.#shown.get(key) ?? [];
    this.#shown.set(key, shown);
    shown.push({ at: performance.now(), version });
    if (shown.length > 1_000) shown.splice(0, 500);
  }

  #shownBefore(key: number, time: number): number {
    return this.#shown.get(key)?.findLast(({ at }) => at <= time)?.version ?? 0;
  }

  #find(what: string): void {
    this.#found.push(what);
  }

  #report(): void {
    const report: NodeReport = { counts: this.#counts, marks: [...this.#marks], found: this.#found };
    this.#counts = nothingYet();
    this.#marks = new Set();
    this.#found = [];
    process.send?.({ report } satisfies NodeMessage);
  }

  /** Comes back at once, or when the locks of whoever was cut off may have ended; what got no answer is sent again then. */
  #connect(url: string): Redis {
    const { commitTimeout } = this.#settings;
    const retryStrategy = (): number => (this.#chance(0.5) ? 50 : 50 + this.#random() * 1.5 * commitTimeout);
    const client = new Redis(url, { retryStrategy, maxRetriesPerRequest: null });
    client.on('error', () => {});
    return client;
  }

  #anyKey(): number {
    return 1 + Math.floor(this.#random() * this.#settings.keys);
  }
  #chance(probability: number): boolean {
    return this.#random() < probability;
  }
  async #pause(most: number): Promise<void> {
    if (this.#chance(0.5)) await delay(this.#random() * most);
  }
}

if (import.meta.main) {
  const node = new CheckingNode(JSON.parse(process.argv[2] ?? '') as NodeSettings);
  const running = node.run();
  process.on('message', (message) => {
    if (message === 'stop') node.stop();
    if (message === 'settle')
      void running
        .then(() => node.settle())
        .then((settled) => process.send?.({ settled } satisfies NodeMessage, () => process.exit()));
  });
  // Whoever has started it is gone.
  process.on('disconnect', () => process.exit());
}
