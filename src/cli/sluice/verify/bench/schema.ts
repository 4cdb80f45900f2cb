import { type Database, type Sql, sql } from '../../../../index.ts';
import { isMissing, isRefused } from '../../servers/failure.ts';

/** The table by which a schema is known to be one of this command, and until when it may be in use. */
const mark = 'sluice_verify_mark';
const item = 'item';
/** The table of `resolveCommit` on MySQL and MariaDB. */
const commits = 'sluice_commit';
const own = [item, commits, mark];
/** How long a run may take longer than it was allowed to before its schema counts as left behind, in milliseconds. */
const grace = 30_000;

export type Kind = 'postgres' | 'mysql';

/** A schema; on MySQL and MariaDB a database. On PostgreSQL all of it comes at once, so that what is killed leaves no part of it. */
export async function createSchema(
  database: Database,
  kind: Kind,
  { name, timeout }: { readonly name: string; readonly timeout: number },
): Promise<Sql> {
  const schema = sql.id(name);
  const [table, marks] = [sql.id(name, item), sql.id(name, mark)];
  const time = timeout + grace;
  const statements = {
    postgres: [
      sql`create schema ${schema}`,
      sql`create table ${marks} (ends_at timestamptz not null)`,
      sql`insert into ${marks} (ends_at) values (now() + ${time} * interval '1 millisecond')`,
      sql`create table ${table} (id int not null primary key, stock int not null)`,
    ],
    mysql: [
      sql`create database ${schema}`,
      sql`create table ${marks} (ends_at datetime not null) engine = innodb`,
      sql`insert into ${marks} (ends_at) values (now() + interval ${Math.ceil(time / 1_000)} second)`,
      sql`create table ${table} (id int not null primary key, stock int not null) engine = innodb`,
    ],
  };
  const run = async (): Promise<void> => {
    for (const statement of statements[kind]) await database.query(statement);
    await database.query(sql`create index item_stock on ${table} (stock)`);
  };
  await (kind === 'postgres' ? database.transaction(run) : run());
  return table;
}

/** Drops it, if it holds nothing but what was made here. @returns whether it is gone */
export async function dropSchema(database: Database, kind: Kind, name: string): Promise<boolean> {
  const { rows } = await database.query(
    sql<{ name: string }>`select table_name as name from information_schema.tables where table_schema = ${name}`,
  );
  if (rows.some(({ name: table }) => !own.includes(table))) return false;
  for (const table of own) await database.query(sql`drop table if exists ${sql.id(name, table)}`);
  await database.query(
    kind === 'mysql' ? sql`drop database if exists ${sql.id(name)}` : sql`drop schema if exists ${sql.id(name)}`,
  );
  return true;
}

/** Schemas that runs have left behind which were killed: those whose time is over, and those that may still be in use. */
export async function findLeftovers(
  database: Database,
): Promise<{ readonly over: readonly string[]; readonly inUse: readonly string[] }> {
  const { rows } = await database.query(
    sql<{
      name: string;
    }>`select table_schema as name from information_schema.tables where table_name = ${mark} order by 1`,
  );
  const over: string[] = [];
  const inUse: string[] = [];
  for (const { name } of rows) {
    const marks = sql.id(name, mark);
    const question = sql<{
      ended: unknown;
    }>`select case when max(ends_at) < now() then 1 else 0 end as ended from ${marks}`;
    try {
      const [row] = (await database.query(question)).rows;
      (Number(row?.ended) === 1 ? over : inUse).push(name);
    } catch (error) {
      // Another user's may not be read, and one that is going on may drop it just now.
      if (!isRefused(error) && !isMissing(error)) throw error;
    }
  }
  // What was killed on MySQL and MariaDB before it had its mark.
  const { rows: empty } = await database.query(
    sql<{ name: string }>`select schema_name as name from information_schema.schemata
      where schema_name like ${String.raw`sluice\_verify\_%`} and not exists (
        select 1 from information_schema.tables where table_schema = schema_name)`,
  );
  return { over, inUse: [...inUse, ...empty.map(({ name }) => name)] };
}

/** What a person runs to drop one. */
export function dropStatement(kind: Kind, name: string): string {
  return kind === 'mysql'
    ? `DROP DATABASE \`${name.replaceAll('`', '``')}\``
    : `DROP SCHEMA "${name.replaceAll('"', '""')}" CASCADE`;
}
