// Several processes on one database and one Redis, which are killed, frozen and cut off at random, as is Redis.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { OwnRedis } from '../support/redis-server.ts';
import { until } from '../support/settled.ts';
import type { Counts, NodeMessage, NodeSettings } from './cache-node.ts';
import { xorshift } from './random.ts';

export interface ProcessesOptions {
  /** A database for this alone, with a table `product`. */
  readonly url: string;
  readonly redis: OwnRedis;
  /** How many answers are checked at least. */
  readonly checks: number;
  /** How often something is killed, frozen, emptied or cut at least: 0, with which it ends by `checks` alone, unless told. */
  readonly faults?: number;
  readonly seed: number;
  readonly nodes?: number;
  readonly onProgress?: (checks: number) => void;
}

export interface ProcessesResult extends Counts {
  readonly kills: number;
  readonly freezes: number;
  readonly redisKills: number;
  readonly flushes: number;
  /** How often all connections to Redis were cut, with what was under way on them. */
  readonly cuts: number;
  /** Answers that are wrong. */
  readonly violations: number;
  /** What was found first, for whoever has to find out why. */
  readonly first: string | undefined;
}

/** How long what a transaction changes is locked at most: short, so that locks end often. */
const commitTimeout = 1_000;
const keys = 8;
const program = fileURLToPath(new URL('cache-node.ts', import.meta.url));

export async function checkProcesses(options: ProcessesOptions): Promise<ProcessesResult> {
  const run = new Run(options);
  await run.prepare();
  try {
    return await run.run();
  } finally {
    await run.close();
  }
}

class Run {
  readonly #options: ProcessesOptions;
  readonly #random: () => number;
  readonly #admin: pg.Client;
  readonly #children = new Set<ChildProcess>();
  readonly #marks = new Set<string>();
  readonly #found: string[] = [];
  readonly #settled = new Set<ChildProcess>();
  readonly #counts: Counts = { checks: 0, hits: 0, commits: 0, rollbacks: 0, failures: 0 };
  readonly #faults = { kills: 0, freezes: 0, redisKills: 0, flushes: 0, cuts: 0 };
  #isEnding = false;
  #started = 0;

  constructor(options: ProcessesOptions) {
    this.#options = options;
    this.#random = xorshift(options.seed);
    this.#admin = new pg.Client({ connectionString: options.url });
  }

  async prepare(): Promise<void> {
    await this.#admin.connect();
    await this.#admin.query('create table if not exists history (mark text primary key)');
    await this.#admin.query('truncate product, history');
    for (let key = 1; key <= keys; key += 1) {
      await this.#admin.query('insert into product (id, stock, name) values ($1, 0, $2)', [key, `first ${key}`]);
      await this.#admin.query('insert into history (mark) values ($1)', [`first ${key}`]);
    }
  }

  async run(): Promise<ProcessesResult> {
    const { nodes = 4, checks, faults = 0, onProgress } = this.#options;
    for (let index = 0; index < nodes; index += 1) this.#start();
    let faultAt = performance.now() + 500;
    while ((this.#counts.checks < checks || this.#faultCount < faults) && this.#found.length === 0) {
      await delay(50);
      onProgress?.(this.#counts.checks);
      if (performance.now() < faultAt) continue;
      await this.#doHarm();
      faultAt = performance.now() + 100 + this.#random() * 600;
    }
    await this.#settleAll();
    const { rows } = await this.#admin.query<{ mark: string }>('select mark from history');
    const committed = new Set(rows.map(({ mark }) => mark));
    for (const mark of this.#marks)
      if (!committed.has(mark)) this.#found.push(`uncommitted: "${mark}" was never committed`);
    return { ...this.#counts, ...this.#faults, violations: this.#found.length, first: this.#found[0] };
  }

  async close(): Promise<void> {
    this.#isEnding = true;
    for (const child of this.#children) child.kill('SIGKILL');
    await this.#admin.end();
  }

  get #faultCount(): number {
    return Object.values(this.#faults).reduce((sum, count) => sum + count);
  }

  #start(): void {
    this.#started += 1;
    const { url, redis, seed } = this.#options;
    const settings: NodeSettings = {
      url,
      redisUrl: redis.url,
      keys,
      seed: seed + this.#started * 7_919,
      commitTimeout,
      writers: 3,
      readers: 6,
    };
    const child = fork(program, [JSON.stringify(settings)]);
    this.#children.add(child);
    child.on('message', (message: NodeMessage) => this.#hear(child, message));
    child.on('exit', (code, signal) => {
      this.#children.delete(child);
      if (code !== 0 && signal !== 'SIGKILL') this.#found.push(`a node ended with ${code ?? signal}`);
      if (!this.#isEnding) this.#start();
    });
  }

  #hear(child: ChildProcess, message: NodeMessage): void {
    if ('settled' in message) {
      this.#settled.add(child);
      this.#found.push(...message.settled);
      return;
    }
    const { counts, marks, found } = message.report;
    for (const name of Object.keys(counts) as (keyof Counts)[]) this.#counts[name] += counts[name];
    for (const mark of marks) this.#marks.add(mark);
    this.#found.push(...found);
  }

  async #doHarm(): Promise<void> {
    const children = [...this.#children];
    const child = children[Math.floor(this.#random() * children.length)];
    const kind = this.#random();
    if (kind < 0.68) {
      this.#faults.kills += 1;
      if (child?.kill('SIGKILL') === true) await once(child, 'exit');
    } else if (kind < 0.86) {
      this.#faults.freezes += 1;
      child?.kill('SIGSTOP');
      await delay(this.#random() * 1.5 * commitTimeout);
      child?.kill('SIGCONT');
    } else if (kind < 0.91) {
      this.#faults.redisKills += 1;
      await this.#options.redis.stop();
      await delay(this.#random() * 300);
      await this.#options.redis.start();
    } else if (kind < 0.96) {
      this.#faults.flushes += 1;
      await this.#onRedis((client) => client.flushall());
    } else {
      this.#faults.cuts += 1;
      await this.#onRedis(async (client) => {
        await client.client('KILL', 'TYPE', 'NORMAL');
        if (this.#random() < 0.5) await client.client('KILL', 'TYPE', 'PUBSUB');
      });
    }
  }

  async #onRedis(work: (client: Redis) => Promise<unknown>): Promise<void> {
    const client = new Redis(this.#options.redis.url);
    await work(client);
    client.disconnect();
  }

  /** When nothing is written any more, and no lock of those that were killed is left, every node agrees with the database. */
  async #settleAll(): Promise<void> {
    this.#isEnding = true;
    const children = [...this.#children];
    for (const child of children) child.send('stop');
    await delay(2.5 * commitTimeout);
    for (const child of children) child.send('settle');
    await until('every node has settled', () => children.every((child) => this.#settled.has(child)), 30_000);
  }
}
