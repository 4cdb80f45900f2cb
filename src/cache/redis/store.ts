import { randomUUID } from 'node:crypto';
import { reportBackgroundError } from '../../channels/index.ts';
import { anObject, checkOptions, integer, InvalidOptionError, longestTimer, text } from '../../core/index.ts';
import type { CacheStore, StoreWrite, TagState } from '../index.ts';
import { type IoRedisLike, type NodeRedisLike, runScript, type Send, sendTo } from './client.ts';
import { epochScript, prepareScript, releaseScript, tagScript } from './scripts.ts';

export interface RedisStoreOptions {
  /** A client of ioredis or node-redis; it stays yours to close. */
  readonly client: IoRedisLike | NodeRedisLike;
  /** What every key begins with. Default `sluice:`. */
  readonly prefix?: string | undefined;
  /** How long the commands of one call may take, in milliseconds. Default 100. */
  readonly timeout?: number | undefined;
  /** How long Redis is left alone after a failure, in milliseconds; the database is read meanwhile. Default 1,000. */
  readonly pause?: number | undefined;
  /** The longest `commitTimeout` of all caches on it, in milliseconds: how long it is not used after it was started anew. Default 10,000. */
  readonly commitTimeout?: number | undefined;
}

/** How long the stamp of a tag is kept after it was made or changed; afterwards its values are dead. */
const kept = 7 * 86_400_000;

/** What is known of the server since the connection is there. */
interface Epoch {
  readonly run: string;
  /** When its locks are complete, by the clock of this process. */
  readonly usableAt: number;
}

/**
 * Where the caches of several processes meet. A server that was started anew has lost the locks of those who were
 * committing: it is not used until they must have ended, and what was stored in its earlier life is dead.
 */
export class RedisStore implements CacheStore {
  readonly isShared = true;
  readonly #send: Send;
  readonly #prefix: string;
  readonly #timeout: number;
  readonly #pause: number;
  readonly #commitTimeout: number;
  #epoch: Promise<Epoch> | undefined;
  #closedUntil = 0;

  constructor(options: RedisStoreOptions) {
    checkOptions('RedisStore', options, {
      client: anObject,
      prefix: text(100),
      timeout: integer(1, longestTimer),
      pause: integer(0, longestTimer),
      commitTimeout: integer(100, 600_000),
    });
    const { client, prefix = 'sluice:', timeout = 100, pause = 1_000, commitTimeout = 10_000 } = options;
    if (client === undefined) {
      throw new InvalidOptionError({ what: 'RedisStore got no "client"', remedy: 'Give one of ioredis or node-redis' });
    }
    this.#send = sendTo(client);
    this.#timeout = timeout;
    this.#prefix = prefix;
    this.#pause = pause;
    this.#commitTimeout = commitTimeout;
    // Another connection may be to another server, or to one that has forgotten everything.
    client.on('ready', () => (this.#epoch = undefined));
  }

  async read(key: string, tags: readonly string[]): ReturnType<CacheStore['read']> {
    return await this.#guarded(async () => {
      const { run, usableAt } = await this.#known();
      const [value, ...states] = await Promise.all([
        this.#send('GET', this.#valueKey(key)),
        ...tags.map((tag) => this.#stateOf(this.#tagKey(tag))),
      ]);
      const isUsable = performance.now() >= usableAt;
      return {
        stored: isUsable && typeof value === 'string' ? readStored(value, run) : undefined,
        tags: isUsable ? states : states.map(({ stamp }) => ({ stamp, isLocked: true })),
      };
    });
  }

  /** A plain command tells most; a script where there is no stamp yet, or a lock that may be over. */
  async #stateOf(key: string): Promise<TagState> {
    const [stamp, ...locks] = fieldsOf(await this.#send('HGETALL', key));
    if (stamp !== undefined && locks.length === 0) return { stamp, isLocked: false };
    const state = await runScript(this.#send, tagScript, key, [randomUUID(), kept]);
    const [present, locked] = state as [string, number];
    return { stamp: present, isLocked: locked === 1 };
  }

  async write({ key, stamps, payload, ttl }: StoreWrite): Promise<void> {
    await this.#guarded(async () => {
      const { run } = await this.#known();
      await this.#send('SET', this.#valueKey(key), `${[run, ...stamps].join(' ')}\n${payload}`, 'PX', ttl);
    });
  }

  async prepare(transaction: string, tags: readonly string[], stamp: string, ttl: number): Promise<void> {
    await this.#guarded(async () => {
      await this.#known();
      await Promise.all(
        tags.map((tag) =>
          runScript(this.#send, prepareScript, this.#tagKey(tag), [transaction, stamp, ttl, Math.max(kept, ttl)]),
        ),
      );
    });
  }

  async release(transaction: string, tags: readonly string[]): Promise<void> {
    await this.#guarded(async () => {
      await Promise.all(
        tags.map((tag) => runScript(this.#send, releaseScript, this.#tagKey(tag), [transaction, randomUUID()])),
      );
    });
  }

  /** Leaves a server alone that did not answer. */
  async #guarded<Result>(work: () => Promise<Result>): Promise<Result> {
    if (performance.now() < this.#closedUntil)
      throw new Error('Redis did not answer just now, and is left alone for a moment');
    const { promise: isLate, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`Redis did not answer within ${this.#timeout} ms`)), this.#timeout);
    try {
      return await Promise.race([work(), isLate]);
    } catch (error) {
      this.#epoch = undefined;
      const wasOpen = performance.now() >= this.#closedUntil;
      this.#closedUntil = performance.now() + this.#pause;
      if (wasOpen) reportBackgroundError({ source: 'the Redis of a cache', error });
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #known(): Promise<Epoch> {
    this.#epoch ??= this.#ask();
    return this.#epoch;
  }

  async #ask(): Promise<Epoch> {
    const info = String(await this.#send('INFO', 'server'));
    const run = /run_id:(\w+)/.exec(info)?.[1];
    if (run === undefined) throw new Error('the server did not say which run of it this is');
    const wait = Number(await runScript(this.#send, epochScript, `${this.#prefix}epoch`, [run, this.#commitTimeout]));
    return { run, usableAt: performance.now() + wait };
  }

  #valueKey(key: string): string {
    return `${this.#prefix}value:${key}`;
  }
  #tagKey(tag: string): string {
    return `${this.#prefix}tag:${tag}`;
  }
}

function readStored(value: string, run: string): Awaited<ReturnType<CacheStore['read']>>['stored'] {
  const end = value.indexOf('\n');
  if (end < 0) return undefined;
  const [of, ...stamps] = value.slice(0, end).split(' ');
  return of === run ? { stamps, payload: value.slice(end + 1) } : undefined;
}

/** The stamp, and then the locks. Clients give a hash as a list, an object or a map. */
function fieldsOf(reply: unknown): string[] {
  const fields = new Map<unknown, unknown>();
  if (Array.isArray(reply)) for (let at = 0; at < reply.length; at += 2) fields.set(reply[at], reply[at + 1]);
  else if (reply instanceof Map) return fieldsOf([...reply].flat());
  else if (typeof reply === 'object' && reply !== null) return fieldsOf(Object.entries(reply).flat());
  const stamp = fields.get('stamp');
  if (typeof stamp !== 'string') return [];
  fields.delete('stamp');
  return [stamp, ...[...fields.keys()].map(String)];
}
