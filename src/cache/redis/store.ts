import { reportBackgroundError } from '../../channels/index.ts';
import {
  anObject,
  checkOptions,
  integer,
  InvalidOptionError,
  longestTimer,
  Patience,
  systemClock,
  text,
} from '../../core/index.ts';
import { type CacheStore, newStamp, type StoreWrite, type TagState } from '../index.ts';
import { Changes } from './changes.ts';
import {
  type IoRedisLike,
  type IoRedisSubscriberLike,
  type NodeRedisLike,
  type NodeRedisSubscriberLike,
  onReady,
  runScript,
  type Send,
  sendTo,
  subscriberOn,
} from './client.ts';
import { RedisFeed } from './feed.ts';
import { Reads } from './reads.ts';
import { epochScript, releaseLeaseScript, tagScript } from './scripts.ts';

export interface RedisStoreOptions {
  /** A client of ioredis or node-redis; it stays yours to close. */
  readonly client: IoRedisLike | NodeRedisLike;
  /**
   * A second client, to the same server, that hears what others change; caches with `memory` need it. It stays yours to
   * close, too, and can be used for nothing else.
   */
  readonly subscriber?: IoRedisSubscriberLike | NodeRedisSubscriberLike | undefined;
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

const mostCommonKeys = 10_000;

/** A life of the server, which ends with a new start or when all is deleted. */
interface Epoch {
  /** As it stands in the server. */
  readonly text: string;
  /** What values of it begin with. */
  readonly name: string;
  /** When its locks are complete, by the clock of this process. */
  readonly usableAt: number;
}

/**
 * Where the caches of several processes meet. A server that was started anew has lost the locks of those who were
 * committing: it is not used until they must have ended, and what was stored in its earlier life is dead.
 */
export class RedisStore implements CacheStore {
  readonly isShared = true;
  readonly name: string;
  readonly feed: RedisFeed | undefined;
  readonly #epochKey: string;
  readonly #send: Send;
  readonly #isCluster: boolean;
  readonly #reads: Reads;
  readonly #changes: Changes;
  readonly #patience: Patience<(error: Error) => void>;
  readonly #pause: number;
  readonly #commitTimeout: number;
  #epoch: Promise<Epoch> | undefined;
  #known: Epoch | undefined;
  #closedUntil = 0;
  #quietUntil = 0;
  readonly #commonKeys = new Map<string, string>();

  constructor(options: RedisStoreOptions) {
    checkOptions('RedisStore', options, {
      client: anObject,
      subscriber: anObject,
      prefix: text(100),
      timeout: integer(1, longestTimer),
      pause: integer(0, longestTimer),
      commitTimeout: integer(100, 600_000),
    });
    const { client, subscriber, prefix = 'sluice:', timeout = 100, pause = 1_000, commitTimeout = 10_000 } = options;
    if (client === undefined) {
      throw new InvalidOptionError({ what: 'RedisStore got no "client"', remedy: 'Give one of ioredis or node-redis' });
    }
    this.name = prefix;
    this.#epochKey = `${prefix}epoch`;
    this.#send = sendTo(client);
    this.#isCluster = isCluster(client);
    this.#reads = new Reads(this.#send, this.#isCluster, (work) => this.#guarded(work));
    const channel = `${prefix}changes`;
    this.#changes = new Changes(this.#send, this.#isCluster, (work) => this.#guarded(work), channel, kept);
    const late = new Error(`Redis did not answer within ${timeout} ms`);
    this.#patience = new Patience(systemClock, timeout, (fail) => fail(late), true);
    this.#pause = pause;
    this.#commitTimeout = commitTimeout;
    if (subscriber !== undefined) {
      if (this.#isCluster || isCluster(subscriber)) {
        throw new InvalidOptionError({
          what: 'RedisStore got a "subscriber" for a cluster, whose servers publish in no common order',
          remedy: 'Leave it out, and the memory of the caches',
        });
      }
      this.feed = new RedisFeed(channel, this.#tagKey(''), subscriberOn(subscriber), this.#send);
    }
    // Another connection may be to another server, or to one that has forgotten everything.
    onReady(client, () => this.#forgetEpoch());
  }

  async read(key: string, tags: readonly string[], timed = false): ReturnType<CacheStore['read']> {
    const { text, name, usableAt } = this.#known ?? (await this.#guarded(() => this.#askOnce()));
    // On one connection, so that it finds what this process has committed.
    this.#changes.sendEnds();
    const valueKey = this.#valueKey(key);
    const remaining = timed ? this.#guarded(() => this.#send('PTTL', valueKey)) : undefined;
    const keys = [valueKey, ...tags.map((tag, index) => this.#readKey(tag, index)), this.#epochKey];
    // The value and the tag of its key are hardly asked for twice in one moment.
    const { replies, at } = this.#reads.get(keys, 2);
    const texts = remaining === undefined ? await replies : (await Promise.all([replies, remaining]))[0];
    const epoch = texts[at[keys.length - 1] ?? 0];
    // It has lost everything, and locks with it.
    if (epoch !== text) this.#forgetEpoch();
    if (epoch !== text || performance.now() < usableAt) return { stored: undefined, tags: tags.map(() => unusable) };
    const stamps = tags.map((_, index) => texts[at[index + 1] ?? 0]);
    if (!stamps.every(isPlainStamp)) {
      const states = await this.#statesOf(tags.map((tag) => this.#tagKey(tag)));
      return { stored: undefined, tags: states, epoch: name };
    }
    const value = texts[at[0] ?? 0];
    const payload = typeof value === 'string' ? payloadOf(value, name, stamps) : undefined;
    const states = stamps.map(unlocked);
    if (payload === undefined) return { stored: undefined, tags: states, epoch: name };
    const stored = { stamps, payload, remaining: remaining === undefined ? undefined : Number(await remaining) };
    return { stored, tags: states, epoch: name };
  }

  async write({ key, stamps, payload, ttl, epoch }: StoreWrite): Promise<void> {
    await this.#guarded(async () => {
      const of = epoch ?? (this.#known ?? (await this.#askOnce())).name;
      await this.#send('SET', this.#valueKey(key), `${[of, ...stamps].join(' ')}\n${payload}`, 'PX', ttl);
    });
  }

  async prepare(transaction: string, tags: readonly string[], stamp: string, ttl: number): Promise<void> {
    if (this.#known === undefined) await this.#guarded(() => this.#askOnce());
    await this.#changes.make({ type: 'lock', transaction, stamp, ttl, keys: tags.map((tag) => this.#tagKey(tag)) });
    // The own copies are dead before the commit begins, whenever the others hear of it.
    this.feed?.tell(tags);
  }

  async release(transaction: string, tags: readonly string[]): Promise<void> {
    const keys = tags.map((tag) => this.#tagKey(tag));
    await this.#changes.make({ type: 'end', transaction, stamp: newStamp(), ttl: 0, keys });
  }

  async lease(key: string, ttl: number): Promise<(() => Promise<void>) | undefined> {
    const [name, owner] = [`${this.name}lease:${key}`, newStamp()];
    const taken = await this.#guarded(() => this.#send('SET', name, owner, 'NX', 'PX', ttl));
    if (taken === null) return undefined;
    return async () => {
      await this.#guarded(() => runScript(this.#send, releaseLeaseScript, [name], [owner]));
    };
  }

  /** Where there is no stamp yet, or a lock that may be over. */
  async #statesOf(keys: readonly string[]): Promise<TagState[]> {
    const args = [newStamp(), kept];
    const groups = this.#isCluster ? keys.map((key) => [key]) : [keys];
    const texts = await this.#guarded(() =>
      Promise.all(groups.map((group) => runScript(this.#send, tagScript, group, args))),
    );
    return (texts.flat() as string[]).map((of) => {
      const [stamp = '', ...locks] = of.split(' ');
      return { stamp, isLocked: locks.length > 0 };
    });
  }

  /** Within its time. A server that did not answer is left alone for a moment. */
  #guarded<Result>(work: () => Promise<Result>): Promise<Result> {
    if (performance.now() < this.#closedUntil)
      return Promise.reject(new Error('Redis did not answer just now, and is left alone for a moment'));
    return new Promise((resolve, reject) => {
      let isLate = false;
      const fail = (error: unknown): void => {
        if (isLate) return;
        isLate = true;
        this.#patience.end(place);
        this.#noteFailure(error);
        reject(error);
      };
      const place = this.#patience.begin(fail);
      work().then((result) => {
        this.#patience.end(place);
        resolve(result);
      }, fail);
    });
  }

  #noteFailure(error: unknown): void {
    const now = performance.now();
    const concernsOne = isRefusal(error);
    if (!concernsOne || this.#known === undefined) this.#forgetEpoch();
    if (!concernsOne) this.#closedUntil = now + this.#pause;
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + this.#pause;
    reportBackgroundError({ source: 'the Redis of a cache', error });
  }

  #forgetEpoch(): void {
    this.#epoch = undefined;
    this.#known = undefined;
  }

  async #askOnce(): Promise<Epoch> {
    const asked = (this.#epoch ??= this.#ask());
    const known = await asked;
    if (this.#epoch === asked) this.#known = known;
    return known;
  }

  async #ask(): Promise<Epoch> {
    const info = String(await this.#send('INFO', 'server'));
    const run = /run_id:(\w{1,12})/.exec(info)?.[1];
    if (run === undefined) throw new Error('the server did not say which run of it this is');
    const args = [run, this.#commitTimeout, newStamp()];
    const [text, wait] = (await runScript(this.#send, epochScript, [this.#epochKey], args)) as [string, number];
    return { text, name: text.slice(text.lastIndexOf(' ') + 1), usableAt: performance.now() + wait };
  }

  #valueKey(key: string): string {
    return `${this.name}value:${key}`;
  }
  #tagKey(tag: string): string {
    return `${this.name}tag:${tag}`;
  }
  /** The first tag is that of the key; many values have the others. */
  #readKey(tag: string, index: number): string {
    return index === 0 ? this.#tagKey(tag) : this.#commonKey(tag);
  }
  #commonKey(tag: string): string {
    const known = this.#commonKeys.get(tag);
    if (known !== undefined) return known;
    if (this.#commonKeys.size >= mostCommonKeys) this.#commonKeys.clear();
    const key = this.#tagKey(tag);
    this.#commonKeys.set(tag, key);
    return key;
  }
}

/** A server that refuses a command for what it is, or for want of memory, is there and answers the next one. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^(?:ERR|WRONGTYPE|OOM) /.test(error.message);
}

function isCluster(client: object): boolean {
  return 'isCluster' in client && client.isCluster === true;
}

/** Neither missing nor with a lock behind it. */
function isPlainStamp(text: unknown): text is string {
  return typeof text === 'string' && !text.includes(' ');
}

const unlocked = (stamp: string): TagState => ({ stamp, isLocked: false });
/** Whatever is true of the tag: nothing is used or stored now. */
const unusable: TagState = { stamp: '', isLocked: true };

/** Of a value that has these stamps, and no others. */
function payloadOf(value: string, epoch: string, stamps: readonly string[]): string | undefined {
  if (!value.startsWith(epoch)) return undefined;
  let at = epoch.length;
  for (const stamp of stamps) {
    if (value[at] !== ' ' || !value.startsWith(stamp, at + 1)) return undefined;
    at += 1 + stamp.length;
  }
  return value[at] === '\n' ? value.slice(at + 1) : undefined;
}
