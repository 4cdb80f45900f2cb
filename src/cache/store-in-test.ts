import { readProblem } from './checked-store.ts';
import { MemoryStore } from './memory-store.ts';
import type { CacheStore, ChangeFeed, Locked, StoreRead, StoreWrite, TagState } from './store.ts';

/**
 * A store in a test that is rolled back: what is kept there lies over what is in the store around it, which is only looked at.
 * Of a tag that the test has changed nothing is good that is around it. A stamp is that of the test and that of the store around, so
 * that what was kept in the test is dead too when anything outside of it commits.
 */
export class StoreInTest implements CacheStore {
  readonly #around: CacheStore;
  readonly #own = new MemoryStore();
  readonly #changed = new Set<string>();
  /** By key, the stamps around under which the value of the test is good. */
  readonly #under = new Map<string, string>();
  /** Reports what the test changes. */
  readonly feed: ChangeFeed = this.#own.feed;
  readonly name?: string;
  readonly reportsFailures: boolean;

  constructor(around: CacheStore) {
    this.#around = around;
    this.reportsFailures = around.reportsFailures === true;
    if (around.name !== undefined) this.name = around.name;
  }

  async read(key: string, tags: readonly string[], timed?: boolean): Promise<StoreRead> {
    const around = await this.#look(key, tags, timed);
    // It is reported as what it is.
    if (readProblem(around, tags.length) !== undefined) return around;
    const own = await this.#own.read(key, tags);
    const isLocked = around.tags.some((tag) => tag.isLocked);
    const isOwn = own.stored !== undefined && !isLocked && this.#under.get(key) === textOf(stampsIn(around));
    const isChanged = tags.some((tag) => this.#changed.has(tag));
    const stamps = stampsIn(around);
    const states = own.tags.map((tag, index): TagState => ({
      stamp: `${tag.stamp} ${stamps[index] ?? ''}`,
      isLocked: tag.isLocked || around.tags[index]?.isLocked === true,
    }));
    return { stored: isOwn ? own.stored : isChanged ? undefined : around.stored, tags: states };
  }

  write({ key, stamps, payload, ttl }: StoreWrite): Promise<void> {
    const both = stamps.map(partsOf);
    this.#under.set(key, textOf(both.map(([, around]) => around)));
    return this.#own.write({ key, stamps: both.map(([own]) => own), payload, ttl });
  }

  async prepare(transaction: string, tags: readonly string[], ttl: number): Promise<Locked> {
    for (const tag of tags) this.#changed.add(tag);
    const own = await this.#own.prepare(transaction, tags, ttl);
    const around = await this.#look('', tags);
    if (readProblem(around, tags.length) !== undefined || around.tags.some(({ isLocked }) => isLocked))
      return { stamps: [] };
    const stamps = stampsIn(around);
    return { stamps: own.stamps.map((stamp, index) => `${stamp} ${stamps[index] ?? ''}`) };
  }

  release(transaction: string, tags: readonly string[]): Promise<void> {
    return this.#own.release(transaction, tags);
  }

  async #look(key: string, tags: readonly string[], timed?: boolean): Promise<StoreRead> {
    const around = this.#around;
    return await (around.look === undefined ? around.read(key, tags, timed) : around.look(key, tags, timed));
  }
}

/** What the store around may have lost is dead in the test too. */
function stampsIn({ tags, epoch = '' }: StoreRead): readonly string[] {
  return tags.map(({ stamp }) => `${epoch} ${stamp}`);
}

function textOf(stamps: readonly string[]): string {
  return stamps.join('\n');
}

/** The stamp of the test, which has no blank, and that around. */
function partsOf(stamp: string): readonly [own: string, around: string] {
  const end = stamp.indexOf(' ');
  return [stamp.slice(0, end), stamp.slice(end + 1)];
}
