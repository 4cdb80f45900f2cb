import { randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import type * as NodeSqlite from 'node:sqlite';
import { UnsupportedServerError } from '../../driver/index.ts';

/** The database behind the connections of one definition. */
export interface Store {
  /** Names it among all of the machine. */
  readonly identity: () => string;
  /** A database in memory has no snapshots for readers, so a transaction there keeps everybody else out. */
  readonly excludesReaders: boolean;
  open(): NodeSqlite.DatabaseSync;
}

/** Loaded here, because a Node.js that has none would refuse the import of everything. @throws UnsupportedServerError */
function sqliteOfNode(): typeof NodeSqlite {
  const found = process.getBuiltinModule('node:sqlite') as typeof NodeSqlite | undefined;
  if (found !== undefined && 'columns' in found.StatementSync.prototype) return found;
  throw new UnsupportedServerError({
    what: `This Node.js (${process.version}) has no node:sqlite, or one that lacks what is needed of it`,
    remedy: 'Use Node.js 22.16 or newer for sqlite()',
  });
}

/** @throws UnsupportedServerError */
export function fileStore(file: string): Store {
  const { DatabaseSync } = sqliteOfNode();
  return {
    excludesReaders: false,
    identity: () => `file ${realpathSync(file)}`,
    open() {
      const database = new DatabaseSync(file, { timeout: 0 });
      try {
        // Readers then see the last commit while another connection writes.
        database.exec('PRAGMA journal_mode = WAL');
      } catch (error) {
        database.close();
        throw error;
      }
      return database;
    },
  };
}

/** @throws UnsupportedServerError */
export function memoryStore(): Store {
  const { DatabaseSync } = sqliteOfNode();
  // Another copy of the package, or a thread, has databases of its own.
  const name = `memory ${randomUUID()}`;
  // Shared by name among the connections of this process, and gone with the last of them.
  const location = `file:/sluice-${name.replace(' ', '-')}?vfs=memdb`;
  const anchor = new DatabaseSync(location, { timeout: 0 });
  return {
    excludesReaders: true,
    identity: () => (anchor.isOpen ? name : `${name} closed`),
    open: () => new DatabaseSync(location, { timeout: 0 }),
  };
}
