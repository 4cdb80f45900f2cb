import { fieldOf } from '../../core/index.ts';
import type { Driver, DriverConnection } from '../../driver/index.ts';
import { type DatabaseServer, runOn } from './server.ts';

/** PostgreSQL copies databases, and has locks by number that a session holds. */
export function postgresServer(driver: Driver, connection: DriverConnection): DatabaseServer {
  const run = runOn(driver, connection, 'Let the user make databases: alter role <user> createdb');
  const quoted = (name: string): string => driver.quoteName(name);
  const wait = async (text: string, name: string, timeout: number): Promise<boolean> => {
    await run("select set_config('lock_timeout', $1, false)", String(timeout));
    try {
      await run(text, name);
      return true;
    } catch (error) {
      if (fieldOf(fieldOf(error, 'cause'), 'code') === lockNotAvailable) return false;
      throw error;
    } finally {
      await run("select set_config('lock_timeout', '0', false)");
    }
  };
  return {
    async about() {
      const [row] = await run('select current_database() as name, pg_is_in_recovery() as standby');
      return { database: String(row?.['name']), isReadOnly: row?.['standby'] === true };
    },
    async list(prefix) {
      const rows = await run('select datname as name from pg_database where starts_with(datname, $1)', prefix);
      return rows.map(({ name }) => String(name));
    },
    create: async (name) => void (await run(`create database ${quoted(name)}`)),
    drop: async (name) => void (await run(`drop database if exists ${quoted(name)} with (force)`)),
    async tryLock(name) {
      const [row] = await run('select pg_try_advisory_lock(hashtextextended($1, 0)) as got', name);
      return row?.['got'] === true;
    },
    unlock: async (name) => void (await run('select pg_advisory_unlock(hashtextextended($1, 0))', name)),
    // A copy is there whole, or not at all.
    isComplete: async (name) => (await run('select 1 from pg_database where datname = $1', name)).length > 0,
    templates: {
      lock: (name, timeout) => wait('select pg_advisory_lock(hashtextextended($1, 0))', name, timeout),
      lockToCopy: (name, timeout) => wait('select pg_advisory_lock_shared(hashtextextended($1, 0))', name, timeout),
      unlockCopied: async (name) => void (await run('select pg_advisory_unlock_shared(hashtextextended($1, 0))', name)),
      copy: async (template, name) => void (await run(`create database ${quoted(name)} template ${quoted(template)}`)),
      async seal(made, name) {
        await run(`alter database ${quoted(made)} rename to ${quoted(name)}`);
        // A connection to it would keep it from being copied.
        await run(`alter database ${quoted(name)} allow_connections false`);
      },
    },
  };
}

const lockNotAvailable = '55P03';
