import { reportBackgroundError } from '../channels/index.ts';
import { className, runUnwatched, TimeoutQueue, systemClock, typeName } from '../core/index.ts';
import { CacheStoreError } from './errors.ts';
import { MemoryStore } from './memory-store.ts';
import type { CacheStore, Locked, Stored, StoreRead, StoreWrite } from './store.ts';

/** How long a failure of one call keeps later ones from being reported, in milliseconds. */
const reportInterval = 60_000;

/** What the answer of a call has to be. Those of the other calls are not used. */
const duties = {
  read: 'read() has to resolve with { stored, tags }, where "tags" has one { stamp, isLocked } for each tag, in their order',
  find: "find() has to resolve with the stored value, 'locked' or 'missing'",
  prepare: 'prepare() has to resolve with { stamps }: a new stamp for each tag, in their order, or none',
  lease: 'lease() has to resolve with a function that gives the right back, or with undefined',
} as const;

type Call = keyof typeof duties | 'write' | 'release' | 'feed';

/** What is wrong with an answer, as the end of a sentence; nothing where it is as it has to be. */
type Problem = string | undefined;

export interface StoreUse {
  readonly store: CacheStore;
  /** The store that errors name. Default: the store itself. */
  readonly named?: CacheStore | undefined;
  /** What uses the store: `cache "stock"`. */
  readonly user: string;
  /** How long a call may take, in milliseconds. */
  readonly timeout: number;
  /** Runs for each call that fails. */
  readonly onFailure?: (() => void) | undefined;
}

/**
 * A store as a cache calls it. A call that throws, takes too long or is answered with what the port does not allow is rejected and
 * counted.
 */
export class CheckedStore {
  readonly store: CacheStore;
  /** How long a call may take, in milliseconds. */
  readonly timeout: number;
  /** It answers at once and rightly. */
  readonly #isOurs: boolean;
  readonly #named: CacheStore;
  readonly #user: string;
  readonly #onFailure: () => void;
  readonly #timeouts: TimeoutQueue<() => void>;
  /** By call, when a failure may be reported again. */
  readonly #quietUntil = new Map<Call, number>();

  constructor({ store, named = store, user, timeout, onFailure = () => {} }: StoreUse) {
    this.store = store;
    this.#named = named;
    this.timeout = timeout;
    this.#isOurs = Object.getPrototypeOf(store) === MemoryStore.prototype;
    this.#user = user;
    this.#onFailure = onFailure;
    // Answers that have arrived come first: a process that was stopped for a moment says nothing about its store.
    this.#timeouts = new TimeoutQueue(systemClock, timeout, (giveUp) => void setImmediate(giveUp));
  }

  /** Whether it has `find`. */
  get canFind(): boolean {
    return this.store.find !== undefined;
  }
  /** Whether it has `lease`. */
  get canLease(): boolean {
    return this.store.lease !== undefined;
  }

  read(key: string, tags: readonly string[], timed = false): Promise<StoreRead> {
    return this.#call(
      'read',
      () => this.store.read(key, tags, timed),
      (answer) => readProblem(answer, tags.length),
    );
  }

  find(key: string, tags: readonly string[], timed: boolean): Promise<Stored | 'missing' | 'locked'> {
    const { store } = this;
    return this.#call('find', async () => (await store.find?.(key, tags, timed)) as Stored, findProblem);
  }

  /** Stores a value. One that could not be stored is loaded when it is asked for. */
  async keep(write: StoreWrite): Promise<void> {
    try {
      await this.#call('write', () => this.store.write(write));
    } catch (error) {
      this.report('write', error);
    }
  }

  prepare(transaction: string, tags: readonly string[], ttl: number): Promise<Locked> {
    return this.#call(
      'prepare',
      () => this.store.prepare(transaction, tags, ttl),
      (answer) => prepareProblem(answer, tags.length),
    );
  }

  release(transaction: string, tags: readonly string[]): Promise<void> {
    return this.#call('release', () => this.store.release(transaction, tags));
  }

  /** @returns what gives it back; nothing while another one has it */
  async lease(key: string, ttl: number): Promise<(() => Promise<void>) | undefined> {
    let isGivenUp = false;
    const take = async (): Promise<(() => Promise<void>) | undefined> => {
      const giveBack = await this.store.lease?.(key, ttl);
      // No load has it, so others must not wait for it.
      if (isGivenUp && typeof giveBack === 'function') this.giveBack(giveBack);
      return giveBack;
    };
    try {
      return await this.#call('lease', take, leaseProblem);
    } catch (error) {
      isGivenUp = true;
      throw error;
    }
  }

  /** Gives the right to load back. That is not awaited: one that is not given back ends by itself. */
  giveBack(lease: () => Promise<void>): void {
    (async () => await lease())().catch((error: unknown) => this.failed('lease', error));
  }

  /** Counts and reports a failure of what was not called here. */
  failed(call: Call, cause: unknown): void {
    this.#onFailure();
    this.report(call, cause);
  }

  /** Reports a failure that no caller gets: once in a while for each call, and only what the store does not report itself. */
  report(call: Call, cause: unknown): void {
    const isOurs = cause instanceof CacheStoreError;
    if (this.store.reportsFailures === true && !isOurs) return;
    const now = performance.now();
    if (now < (this.#quietUntil.get(call) ?? 0)) return;
    this.#quietUntil.set(call, now + reportInterval);
    const name = call === 'feed' ? 'its feed' : `${call}()`;
    const error = isOurs ? cause : this.#error(`failed in ${name}`, 'See the cause, and check the store', cause);
    reportBackgroundError({ source: this.#user, error });
  }

  #call<Answer>(name: Call, call: () => Promise<Answer>, problemOf?: (answer: unknown) => Problem): Promise<Answer> {
    return this.#isOurs ? call() : this.#checked(name, call, problemOf);
  }

  async #checked<Answer>(
    name: Call,
    call: () => Promise<Answer>,
    problemOf: (answer: unknown) => Problem = () => undefined,
  ): Promise<Answer> {
    try {
      const answer = await this.#within(name, call);
      const problem = problemOf(answer);
      if (problem === undefined) return answer;
      throw this.#error(`answered ${name}() with ${problem}`, duties[name as keyof typeof duties]);
    } catch (error) {
      this.#onFailure();
      throw error;
    }
  }

  #within<Answer>(name: Call, call: () => Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const what = `did not answer ${name}() within ${this.timeout} ms`;
      const late = (): void => reject(this.#error(what, 'Check the store, or raise the storeTimeout', undefined, true));
      const place = this.#timeouts.begin(late);
      const end = (): void => this.#timeouts.end(place);
      // A connection that it opens is none of the caller's.
      const answered = runUnwatched(async () => await call());
      answered.then(resolve, reject).then(end, end);
    });
  }

  #error(what: string, remedy: string, cause?: unknown, retryable = false): CacheStoreError {
    const name = className(this.#named);
    return new CacheStoreError({
      what: `The store of the ${this.#user}${name === undefined ? '' : ` (${name})`} ${what}`,
      remedy,
      cause,
      retryable,
    });
  }
}

/** What is wrong with what was read. */
export function readProblem(answer: unknown, count: number): Problem {
  if (!isObject(answer)) return typeName(answer);
  const { stored, tags, epoch } = answer;
  if (!Array.isArray(tags)) return `"tags" that are ${typeName(tags)}`;
  if (tags.length !== count) return `the states of ${tags.length} tags, and not of ${count}`;
  if (!tags.every(isTagState)) return 'a tag that has no "stamp" of text, or no "isLocked" of true or false';
  if (stored !== undefined && !isStored(stored))
    return '"stored" that is neither undefined nor { payload, remaining } of text and a number';
  return epochProblem(epoch);
}

function findProblem(answer: unknown): Problem {
  return answer === 'missing' || answer === 'locked' || isStored(answer) ? undefined : typeName(answer);
}

function prepareProblem(answer: unknown, count: number): Problem {
  if (!isObject(answer)) return typeName(answer);
  const { stamps, epoch } = answer;
  if (!Array.isArray(stamps)) return `"stamps" that are ${typeName(stamps)}`;
  if (stamps.length > 0 && stamps.length !== count) return `${stamps.length} stamps for ${count} tags`;
  return stamps.every(isStamp) ? epochProblem(epoch) : 'a stamp that is no text';
}

function leaseProblem(answer: unknown): Problem {
  return answer === undefined || typeof answer === 'function' ? undefined : typeName(answer);
}

function epochProblem(epoch: unknown): Problem {
  return epoch === undefined || typeof epoch === 'string' ? undefined : `"epoch" that is ${typeName(epoch)}`;
}

/** With nothing for a stamp, a value would be good for ever. */
function isStamp(stamp: unknown): boolean {
  return typeof stamp === 'string' && stamp !== '';
}

function isTagState(state: unknown): boolean {
  if (!isObject(state)) return false;
  const { stamp, isLocked } = state;
  return isLocked === true ? typeof stamp === 'string' : isLocked === false && isStamp(stamp);
}

function isStored(stored: unknown): boolean {
  if (!isObject(stored)) return false;
  const { payload, remaining } = stored;
  return typeof payload === 'string' && (remaining === undefined || typeof remaining === 'number');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
