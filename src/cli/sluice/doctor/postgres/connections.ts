import { connectionsNeeded, limitsTooLow } from '../databases/connections-needed.ts';
import type { DatabaseServer } from '../databases/database-server.ts';
import type { Check, Finding } from '../finding.ts';

/** Whether all processes together may open as many connections as they count on. */
export const connections: Check<DatabaseServer> = {
  name: 'connections',
  look: (server) => (server.pooler === undefined ? ofServer(server) : ofPooler(server)),
};

interface Limits {
  readonly most: number;
  readonly reserved: number;
  readonly others: number;
  readonly role_limit: number;
  readonly database_limit: number;
}

/** Those of another user, or of a program that gives another name, are others'. Of another user's session a plain user sees no type. */
const limits = `select current_setting('max_connections')::int as most,
  current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true), '0')::int as reserved,
  (select count(*)::int from pg_stat_activity where coalesce(backend_type, 'client backend') = 'client backend'
    and usename is not null and pid <> pg_backend_pid()
    and (usename is distinct from current_user
      or application_name not in ('sluice', current_setting('application_name')))) as others,
  coalesce((select rolconnlimit from pg_roles where rolname = current_user and not rolsuper), -1) as role_limit,
  coalesce((select datconnlimit from pg_database where datname = current_database()), -1) as database_limit`;

async function ofServer(server: DatabaseServer): Promise<readonly Finding[]> {
  const [row] = await server.ask<Limits>(limits);
  if (row === undefined) return [];
  const { most, reserved, others, role_limit: ofRole, database_limit: ofDatabase } = row;
  const room = Math.max(0, most - reserved - others);
  const places: [number, string][] = [
    [room, `max_connections is ${most}, ${reserved} are reserved and ${others} taken by others`],
  ];
  if (ofRole >= 0) places.push([ofRole, 'the connection limit of this role']);
  if (ofDatabase >= 0) places.push([ofDatabase, 'the connection limit of this database']);
  return limitsTooLow(server.settings, places, 'postgres()');
}

function ofPooler(server: DatabaseServer): readonly Finding[] {
  const { needed, text } = connectionsNeeded(server.settings);
  const size = server.pooler?.console?.poolSize;
  if (size === undefined || size >= needed) return [];
  return [
    {
      code: 'POOLER_SHORT',
      severity: 'error',
      what: `${text}, and the pooler has ${size} for each user and database: a chain may wait in it for a connection that it holds itself`,
      remedy: `Set default_pool_size to ${needed} or more, or lower max or maxLevel of postgres()`,
      where: 'default_pool_size',
    },
  ];
}
