// Caches with a part of what keeps them right taken out. Each has to be found by a test, or the tests prove nothing.
export interface Mutant {
  readonly name: string;
  /** Below `src`. */
  readonly file: string;
  /** Occurs there once. */
  readonly find: string;
  readonly replace: string;
  /** The tests that are run on it, below `test`. */
  readonly tests: readonly string[];
}

const overMemory = ['behaviour/cache.test.ts'];
const copies = ['behaviour/cache-copies.test.ts'];
const overRedis = ['integration/cache-redis.test.ts'];
const loads = ['behaviour/cache-loads.test.ts'];
const models = ['behaviour/model-cache.test.ts'];
const copiesOverRedis = ['integration/cache-copies-redis.test.ts'];

export const mutants: readonly Mutant[] = [
  {
    name: 'no locks while a transaction commits',
    file: 'cache/memory-store.ts',
    find: 'if (this.#isLive(tag, transaction)) isLocked = true;',
    replace: 'if (this.#isLive(tag, transaction)) isLocked = false;',
    tests: overMemory,
  },
  {
    name: 'no locks in Redis',
    file: 'cache/redis/store.ts',
    find: 'return { stamp, isLocked: locks.length > 0 };',
    replace: 'return { stamp, isLocked: false };',
    tests: overRedis,
  },
  {
    name: 'the stamps of a load taken after it',
    file: 'cache/cache.ts',
    find: 'const payload = this.#codec.write(value);\n    // A transaction',
    replace:
      'const payload = this.#codec.write(value);\n    stamps = (await this.#find(key, within)).stamps;\n    // A transaction',
    tests: overMemory,
  },
  {
    name: 'locks that end before the COMMIT',
    file: 'cache/commit.ts',
    find: 'this.#fence(deadline);',
    replace: 'this.#fence(deadline);\n      await strictest(members).release(this.#transaction, tags);',
    tests: overMemory,
  },
  {
    name: 'locks of one moment that take those of each other away',
    file: 'cache/redis/scripts.ts',
    find: "string.find(text, ' ', 1, true) and liveLocks(text, transaction) or ''",
    replace: "''",
    tests: overRedis,
  },
  {
    name: 'a lost lock that nobody notices',
    file: 'cache/memory-store.ts',
    find: 'if (!this.#isLive(tag, transaction)) {',
    replace: 'if (this.#isLive(tag, transaction) && tag.stamp === "") {',
    tests: overMemory,
  },
  {
    name: 'locks that end though nobody knows whether it is committed',
    file: 'cache/commit.ts',
    find: "if (this.#announced === undefined || outcome === 'unknown') return;",
    replace: 'if (this.#announced === undefined) return;',
    tests: overMemory,
  },
  {
    name: 'who asks joins a load that began before',
    file: 'cache/flights.ts',
    find: 'flight.next ??= flight.current.then(',
    replace: 'if (flight !== undefined) return flight.current;\n    flight.next ??= flight.current.then(',
    tests: overMemory,
  },
  {
    name: 'a snapshot that reads what others see',
    file: 'cache/cache.ts',
    find: '!seesLatest(within.scope) || mayHaveChanged',
    replace: 'mayHaveChanged',
    tests: overMemory,
  },
  {
    name: 'a transaction that reads in the cache what it has changed',
    file: 'cache/overlay.ts',
    find: 'return this.#keys.has(tag) || this.#shared.has(tag);',
    replace: 'return tag === "";',
    tests: overMemory,
  },
  {
    name: 'a transaction that stores what it has written',
    file: 'cache/cache.ts',
    find: 'stamps !== undefined && (within === undefined || !wholeUnit(within.scope).hasWritten)',
    replace: 'stamps !== undefined',
    tests: overMemory,
  },
  {
    name: 'values of a savepoint that outlive its rollback',
    file: 'cache/overlay.ts',
    find: 'if (unit !== undefined) this.#layers.delete(unit);',
    replace: 'if (unit === undefined) this.#layers.clear();',
    tests: overMemory,
  },
  {
    name: 'what hooks before the commit change is not announced',
    file: 'transaction/begin.ts',
    find: '  await runHooks();\n  const { participants } = unit;',
    replace: '  if (unit.participants === undefined) await runHooks();\n  const { participants } = unit;',
    tests: copies,
  },
  {
    name: 'copies of what has changed while it was fetched',
    file: 'cache/near.ts',
    find: 'if (!isHeard || lives.some(({ isOver }) => isOver)) return;',
    replace: 'if (!isHeard) return;\n        for (const life of lives) life.isOver = false;',
    tests: copies,
  },
  {
    name: 'copies that a transaction reads',
    file: 'cache/cache.ts',
    find: 'if (within !== undefined) return undefined;\n    // Who was called',
    replace: '// Who was called',
    tests: copies,
  },
  {
    name: 'copies though nothing is heard any more',
    file: 'cache/near.ts',
    find: 'now - provenAt > this.#maxStaleness || provenAt < since',
    replace: 'provenAt < since',
    tests: copiesOverRedis,
  },
  {
    name: 'copies that are older than the job that asks',
    file: 'cache/near.ts',
    find: 'now - provenAt > this.#maxStaleness || provenAt < since',
    replace: 'now - provenAt > this.#maxStaleness',
    tests: copiesOverRedis,
  },
  {
    name: 'copies that outlive the connection on which changes are heard',
    file: 'cache/redis/feed.ts',
    find: 'for (const listener of this.#listeners) listener.lost();\n  }\n\n  #tick',
    replace: '}\n\n  #tick',
    tests: copiesOverRedis,
  },
  {
    name: 'own copies that wait for the news of the own commit',
    file: 'cache/redis/store.ts',
    find: 'this.#feed?.tell(tags);',
    replace: '',
    tests: copiesOverRedis,
  },
  {
    name: 'no end of a transaction whose process is frozen',
    file: 'cache/commit.ts',
    find: 'this.#fence(deadline);',
    replace: '',
    tests: overRedis,
  },
  {
    name: 'a Redis that was started anew and is used at once',
    file: 'cache/redis/scripts.ts',
    find: "untilThen = string.format('%.0f', now + tonumber(ARGV[1]))",
    replace: "untilThen = string.format('%.0f', now)",
    tests: overRedis,
  },
  {
    name: 'a Redis that was emptied and nobody notices',
    file: 'cache/redis/store.ts',
    find: 'this.#isUsable(known, texts.at(-1))',
    replace: 'this.#isUsable(known)',
    tests: overRedis,
  },
  {
    name: 'a Redis that was started anew with what it once had and nobody notices',
    file: 'cache/redis/store.ts',
    find: 'return this.#known?.text === text && performance.now()',
    replace: 'return epoch === text && performance.now()',
    tests: overRedis,
  },
  {
    name: 'values set with stamps of a Redis that was emptied meanwhile',
    file: 'cache/redis/store.ts',
    find: 'this.#isUsable(known, epoch) ? { stamps',
    replace: 'this.#isUsable(known) ? { stamps',
    tests: overRedis,
  },
  {
    name: 'values loaded with stamps of a Redis that was emptied meanwhile',
    file: 'cache/redis/store.ts',
    find: 'if (!this.#isUsable(known, epoch)) return undefined;',
    replace: '',
    tests: overRedis,
  },
  {
    name: 'a stamp that a tag has had before',
    file: 'cache/redis/scripts.ts',
    find: "transaction .. '.' .. time[2] .. others",
    replace: "transaction .. '.' .. others",
    tests: overRedis,
  },
  {
    name: 'a row that moves to another part of its table',
    file: 'model/caching.ts',
    find: "where === everyRow || moves ? ''",
    replace: "where === everyRow ? ''",
    tests: models,
  },
  {
    name: 'rows of a transaction that has written in another way',
    file: 'model/caching.ts',
    find: 'readsOwnWrites: true',
    replace: 'readsOwnWrites: false',
    tests: models,
  },
  {
    name: 'rows of a key that is nearly the same',
    file: 'model/caching.ts',
    find: 'isOwn || isIt(row) ? row : await load()',
    replace: 'row',
    tests: models,
  },
  {
    name: 'who holds a connection waits for the load of another one',
    file: 'cache/loads.ts',
    find: 'isInLoad() || holdsConnection(currentFrame(), this.#base)',
    replace: 'isInLoad()',
    tests: loads,
  },
];
