import {
  type ClientDefinition,
  type Driver,
  type LockProbe,
  partPoolOptions,
  nameQuoter,
  warnOfMissing,
} from '../../driver/index.ts';
import { sqliteDialect } from './dialect/index.ts';
import { blockersAmong, type Neighbours, SqliteConnection } from './connection.ts';
import { readSqliteOptions, type SqliteOptions } from './options.ts';
import { fileStore, memoryStore } from './store.ts';
import { readText } from './text-facts.ts';
import { signed, calledAs } from '../../core/index.ts';

/** There are no locks to look at: who needs the writer waits for whom has it, if that is one of those who wait for it. */
const lockProbe: LockProbe = {
  blockersOf(backend, suspects) {
    const blockers = blockersAmong(suspects, backend).map((blocker) => ({ backend: blocker, idle: true }));
    return Promise.resolve({ blockers, relation: 'the database' });
  },
  close: () => Promise.resolve(),
};

/**
 * Defines a client on a database file, or in memory. There is one writer at a time: a transaction takes the
 * writer when it begins, unless it is `readOnly`, and others wait for it, each at its level. What its own chain
 * would wait for is refused at once with a ChainDeadlockError.
 *
 * Statements run on the thread of the program, as node:sqlite does; none of them can be cut short.
 *
 * ```ts
 * const database = createDatabase({ clients: { default: sqlite({ file: 'shop.db' }) } });
 * ```
 * @throws InvalidOptionError for unknown or impossible options; UnsupportedServerError on a Node.js without node:sqlite
 */
export function sqlite(given: SqliteOptions = {}): ClientDefinition {
  const { pool, own } = partPoolOptions(readSqliteOptions(given));
  const { file = ':memory:', busyTimeout = 5_000 } = own;
  warnOfMissing('sqlite', { given: given, read: own }, 'file', 'a database in memory, which ends with the program');
  const store = file === ':memory:' ? memoryStore() : fileStore(file);
  const neighbours: Neighbours = {
    inTransaction: new Set(),
    excludesReaders: store.excludesReaders,
    busyTimeout,
  };
  const driver: Driver = {
    ...sqliteDialect,
    address: { system: 'sqlite', namespace: file },
    target: file === ':memory:' ? 'SQLite in memory' : `SQLite in ${file}`,
    async connect(signal) {
      signal.throwIfAborted();
      return await Promise.resolve(new SqliteConnection(store, neighbours));
    },
    classifyConnect: (error) => ({ error, transient: false }),
    // There is nothing weaker: whatever is asked for is given.
    isolation: () => 'SERIALIZABLE',
    fulfils: () => true,
    inspect: (text) => readText(text).kind,
    quoteName: nameQuoter('"'),
    openLockProbe: () => Promise.resolve(lockProbe),
  };
  // There is no server that could close a connection, or let one die.
  return signed({ driver, pool: { maxLifetime: 0, validateAfter: 0, ...pool, max: 1 } });
}
calledAs(sqlite, 'sqlite({ file })');
