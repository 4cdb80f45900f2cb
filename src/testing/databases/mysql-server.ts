import type { Driver, DriverConnection } from '../../driver/index.ts';
import { type DatabaseServer, runOn } from './server.ts';

const mark = 'sluice_test_database';

/** MySQL and MariaDB copy no databases, and have locks by name that a session holds. */
export function mysqlServer(driver: Driver, connection: DriverConnection): DatabaseServer {
  const run = runOn(driver, connection, 'Grant the user rights on them: grant all on `<name>\\_test\\_%`.* to <user>');
  const quoted = (name: string): string => driver.quoteName(name);
  const marked = (name: string): string => `${quoted(name)}.${quoted(mark)}`;
  return {
    async about() {
      const [row] = await run('select database() as name, @@global.read_only as standby');
      const name = row?.['name'];
      return {
        database: typeof name === 'string' ? name : '',
        isReadOnly: /^(?:1|on)$/i.test(String(row?.['standby'])),
      };
    },
    async list(prefix) {
      const text =
        'select schema_name as name from information_schema.schemata where left(schema_name, char_length(?)) = ?';
      return (await run(text, prefix, prefix)).map(({ name }) => String(name));
    },
    create: async (name) => void (await run(`create database ${quoted(name)}`)),
    drop: async (name) => void (await run(`drop database if exists ${quoted(name)}`)),
    async tryLock(name) {
      const [row] = await run('select get_lock(?, 0) as got', name);
      return Number(row?.['got']) === 1;
    },
    unlock: async (name) => void (await run('select release_lock(?)', name)),
    async markComplete(name, madeFrom) {
      await run(`create table ${marked(name)} (made_from varchar(64) not null)`);
      await run(`insert into ${marked(name)} (made_from) values (?)`, madeFrom);
    },
    async isComplete(name, madeFrom) {
      const text = 'select 1 from information_schema.tables where table_schema = ? and table_name = ?';
      if ((await run(text, name, mark)).length === 0) return false;
      return (await run(`select 1 from ${marked(name)} where made_from = ?`, madeFrom)).length > 0;
    },
  };
}
