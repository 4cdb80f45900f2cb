import { reportBackgroundError } from '../../channels/index.ts';
import {
  type Check,
  readOptions,
  InvalidOptionError,
  TimeoutQueue,
  systemClock,
  text,
  knownToCopies,
  milliseconds,
} from '../../core/index.ts';
import {
  type CacheStore,
  type ChangeFeed,
  type Locked,
  newStamp,
  type Stored,
  type StoreRead,
  type StoreWrite,
  type TagState,
} from '../index.ts';
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
import { takeLease } from './lease.ts';
import { Reads, stateIn } from './reads.ts';
import { epochScript, tagScript } from './scripts.ts';

/** Options of a `RedisStore`. */
export interface RedisStoreOptions {
  /** A client of ioredis, for one server or a cluster, or of node-redis, for one server; it stays yours to close. */
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
  /** How long Redis is not used after a failure, in milliseconds; the database is read instead. Default 1,000. */
  readonly pause?: number | undefined;
  /** The longest `commitTimeout` of all caches on it, in milliseconds: how long it is not used after a restart. Default 10,000. */
  readonly commitTimeout?: number | undefined;
}

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

/** What is made of a client says what is wrong with it. */
const usedBy =
  (use: (client: never) => unknown): Check =>
  (value) => {
    use(value as never);
    return undefined;
  };

const checks: Record<keyof RedisStoreOptions, Check> = {
  client: usedBy(sendTo),
  subscriber: usedBy(subscriberOn),
  prefix: text(100),
  timeout: milliseconds(1),
  pause: milliseconds(0),
  commitTimeout: milliseconds(100, 600_000),
};

/**
 * A store on Redis, shared by the caches of several processes. A restarted server has lost the locks of transactions that
 * were committing: it is not used until they must have ended, and everything stored before the restart is dead.
 *
 * ```ts
 * import { Redis } from 'ioredis';
 * const store = new RedisStore({ client: new Redis(), subscriber: new Redis() });
 * const products = createCache(database, { name: 'product', store, memory: { max: 1_000 } });
 * ```
 */
export class RedisStore implements CacheStore {
  static {
    knownToCopies(RedisStore, 'redis-store');
  }

  /** Always true: other processes use the same server. */
  readonly isShared = true;
  /** Always true: once for all caches on it, on `sluice:background:error`. */
  readonly reportsFailures = true;
  /** Names the store by its key prefix; the same in every process. */
  readonly name: string;
  /** Reports changes of all processes; undefined without a `subscriber`. */
  readonly feed: ChangeFeed | undefined;
  readonly #feed: RedisFeed | undefined;
  readonly #epochKey: string;
  readonly #send: Send;
  readonly #isCluster: boolean;
  readonly #reads: Reads;
  readonly #changes: Changes;
  readonly #patience: TimeoutQueue<(error: Error) => void>;
  readonly #pause: number;
  readonly #commitTimeout: number;
  #epoch: Promise<Epoch> | undefined;
  #known: Epoch | undefined;
  #closedUntil = 0;
  #quietUntil = 0;
  readonly #commonKeys = new Map<string, string>();

  constructor(options: RedisStoreOptions) {
    const read = readOptions('RedisStore', options, checks, ['client']);
    const { client, subscriber, prefix = 'sluice:', timeout = 100, pause = 1_000, commitTimeout = 10_000 } = read;
    this.name = prefix;
    this.#epochKey = `${prefix}epoch`;
    this.#send = sendTo(client);
    this.#isCluster = isCluster(client);
    this.#reads = new Reads(this.#send, this.#isCluster, (work) => this.#guarded(work));
    const channel = `${prefix}changes`;
    this.#changes = new Changes(this.#send, this.#isCluster, (work) => this.#guarded(work), channel, this.#epochKey);
    const late = new Error(`Redis did not answer within ${timeout} ms`);
    this.#patience = new TimeoutQueue(systemClock, timeout, (fail) => fail(late), true);
    this.#pause = pause;
    this.#commitTimeout = commitTimeout;
    if (subscriber !== undefined) {
      if (this.#isCluster || isCluster(subscriber)) {
        throw new InvalidOptionError({
          what: 'RedisStore got a "subscriber" for a cluster, whose servers publish in no common order',
          remedy: 'Leave it out, and the memory of the caches',
        });
      }
      this.#feed = new RedisFeed(channel, this.#tagKey(''), subscriberOn(subscriber), this.#send);
    }
    this.feed = this.#feed;
    // Another connection may be to another server, or to one that has forgotten everything.
    onReady(client, () => this.#forgetEpoch());
  }

  /** See `CacheStore.read`. */
  async read(key: string, tags: readonly string[], timed = false): Promise<StoreRead> {
    return await this.#read(key, tags, timed, (known) => this.#statesOf(known, tags));
  }

  /** See `CacheStore.look`. */
  async look(key: string, tags: readonly string[], timed = false): Promise<StoreRead> {
    return await this.#read(key, tags, timed, (_, stamps) => stamps.map(stateIn));
  }

  /** @param states of tags of which one has no stamp yet, or a lock that may be over; nothing if the server has lost what it had */
  async #read(
    key: string,
    tags: readonly string[],
    timed: boolean,
    statesOf: (
      known: Epoch,
      stamps: readonly unknown[],
    ) => PromiseLike<readonly TagState[] | undefined> | readonly TagState[] | undefined,
  ): Promise<StoreRead> {
    const known = await this.#epochNow();
    const keys = [...this.#keysOf(key, tags), this.#epochKey];
    const [texts, remaining] = timed ? await this.#timedTextsOf(keys) : [await this.#textsOf(keys), undefined];
    const dead = { stored: undefined, tags: tags.map(() => unusable) };
    if (!this.#isUsable(known, texts.at(-1))) return dead;
    const stamps = texts.slice(1, -1);
    if (!stamps.every(isPlainStamp)) {
      const states = await statesOf(known, stamps);
      return states === undefined ? dead : { stored: undefined, tags: states, epoch: known.name };
    }
    const payload = payloadOf(texts, known.name, tags.length);
    const stored = payload === undefined ? undefined : { payload, remaining };
    return { stored, tags: stamps.map(unlocked), epoch: known.name };
  }

  /**
   * Whatever the server has lost, a hit is good without a look at the epoch: the stamps that a value has are read together with the
   * epoch that it names, and no tag that is lost gets its stamp again.
   */
  async find(key: string, tags: readonly string[], timed = false): Promise<Stored | 'missing' | 'locked'> {
    if (this.#isCluster) {
      const { stored, tags: states } = await this.read(key, tags, timed);
      return stored ?? (states.some(({ isLocked }) => isLocked) ? 'locked' : 'missing');
    }
    // Most know it, and are not kept waiting.
    const known = this.#known ?? (await this.#epochNow());
    const keys = this.#keysOf(key, tags);
    const [texts, remaining] = timed ? await this.#timedTextsOf(keys) : [await this.#textsOf(keys), undefined];
    if (!this.#isUsable(known)) return 'locked';
    const payload = payloadOf(texts, known.name, tags.length);
    if (payload !== undefined) return { payload, remaining };
    return texts.slice(1).every((stamp) => stamp === null || isPlainStamp(stamp)) ? 'missing' : 'locked';
  }

  /** See `CacheStore.write`. */
  async write({ key, stamps, payload, ttl, epoch }: StoreWrite): Promise<void> {
    await this.#guarded(async () => {
      const of = epoch ?? (await this.#epochNow()).name;
      await this.#send('SET', this.#valueKey(key), `${[of, ...stamps].join(' ')}\n${payload}`, 'PX', ttl);
    });
  }

  /** See `CacheStore.prepare`. */
  async prepare(transaction: string, tags: readonly string[], ttl: number): Promise<Locked> {
    const known = await this.#epochNow();
    const keys = tags.map((tag) => this.#tagKey(tag));
    const { stamps, epoch } = await this.#changes.make({ transaction, ttl, keys });
    // The own copies are dead before the commit begins, whenever the others hear of it.
    this.#feed?.tell(tags);
    return this.#isUsable(known, epoch) ? { stamps, epoch: known.name } : { stamps: [] };
  }

  /** See `CacheStore.release`. */
  async release(transaction: string, tags: readonly string[]): Promise<void> {
    await this.#changes.make({ transaction, ttl: 0, keys: tags.map((tag) => this.#tagKey(tag)) });
  }

  /** See `CacheStore.lease`. */
  lease(key: string, ttl: number): Promise<(() => Promise<void>) | undefined> {
    return takeLease(this.#send, (work) => this.#guarded(work), `${this.name}lease:${key}`, ttl);
  }

  #keysOf(key: string, tags: readonly string[]): string[] {
    const keys = [this.#valueKey(key)];
    // The first tag is that of the key; many values have the others.
    for (const tag of tags) keys.push(keys.length === 1 ? this.#tagKey(tag) : this.#commonKey(tag));
    return keys;
  }

  /** The texts of keys. */
  #textsOf(keys: readonly string[]): Promise<readonly unknown[]> {
    // On one connection, so that it finds what this process has committed.
    this.#changes.sendEnds();
    // The value and the tag of its key are hardly asked for twice in one moment.
    return this.#reads.get(keys, 2);
  }

  /** With how long the first one is kept, in milliseconds. */
  async #timedTextsOf(keys: readonly string[]): Promise<readonly [readonly unknown[], number]> {
    // First: if there is another value when the texts are read, it is the time of the one that ends sooner.
    const remaining = this.#guarded(() => this.#send('PTTL', keys[0] ?? ''));
    const [texts, left] = await Promise.all([this.#textsOf(keys), remaining]);
    return [texts, Number(left)];
  }

  /** Where there is no stamp yet, or a lock that may be over. Nothing if the server has lost what it had. */
  async #statesOf(known: Epoch, tags: readonly string[]): Promise<TagState[] | undefined> {
    const keys = tags.map((tag) => this.#tagKey(tag));
    const groups = this.#isCluster ? keys.map((key) => [key]) : [[...keys, this.#epochKey]];
    const args = [this.#isCluster ? 1 : keys.length, newStamp()];
    const answers = await this.#guarded(() =>
      Promise.all(groups.map((group) => runScript(this.#send, tagScript, group, args))),
    );
    const texts = answers.flat() as string[];
    const epoch = this.#isCluster ? undefined : texts.pop();
    if (!this.#isUsable(known, epoch)) return undefined;
    return texts.map((of) => {
      const [stamp = '', ...locks] = of.split(' ');
      return { stamp, isLocked: locks.length > 0 };
    });
  }

  /**
   * Whether what was read is of the life of the server that is known, and no lock of an earlier one can be left.
   * @param epoch as it was read, if it was
   */
  #isUsable({ text, usableAt }: Epoch, epoch: unknown = text): boolean {
    // It has lost everything, and locks with it.
    if (epoch !== text) this.#forgetEpoch();
    // A client that lost its connection asks again, maybe a server that has only got back what it once had.
    return this.#known?.text === text && performance.now() >= usableAt;
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

  async #epochNow(): Promise<Epoch> {
    return this.#known ?? (await this.#guarded(() => this.#askOnce()));
  }

  #forgetEpoch(): void {
    this.#epoch = undefined;
    this.#known = undefined;
  }

  async #askOnce(): Promise<Epoch> {
    for (;;) {
      const asked = (this.#epoch ??= this.#ask());
      const known = await asked;
      // After a reconnection during the call it is not known which server has answered.
      if (this.#epoch !== asked) continue;
      this.#known = known;
      return known;
    }
  }

  async #ask(): Promise<Epoch> {
    const args = [this.#commitTimeout, newStamp()];
    const [text, wait] = (await runScript(this.#send, epochScript, [this.#epochKey], args)) as [string, number];
    return { text, name: text.slice(text.lastIndexOf(' ') + 1), usableAt: performance.now() + wait };
  }

  #valueKey(key: string): string {
    return `${this.name}value:${key}`;
  }
  #tagKey(tag: string): string {
    return `${this.name}tag:${tag}`;
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

/** Of a value, the first text, that has as many stamps as there are tags, the same as stand behind it. */
function payloadOf(texts: readonly unknown[], epoch: string, tags: number): string | undefined {
  const value = texts[0];
  if (typeof value !== 'string' || !value.startsWith(epoch)) return undefined;
  let at = epoch.length;
  for (let tag = 1; tag <= tags; tag += 1) {
    const stamp = texts[tag];
    if (typeof stamp !== 'string' || value[at] !== ' ' || !value.startsWith(stamp, at + 1)) return undefined;
    at += 1 + stamp.length;
  }
  return value[at] === '\n' ? value.slice(at + 1) : undefined;
}
